"""Heroku's model on a region of one's own: what every provider that runs dynos itself does the same way."""
