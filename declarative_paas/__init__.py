"""declarative-paas: Terraform for a Heroku-like platform."""

__version__ = "0.1.0"
