"""The composition root: where rooms meet. `deploy.py` reads as the flow of the whole tool."""
