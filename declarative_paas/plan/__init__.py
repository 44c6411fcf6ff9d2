"""Desired, recorded and actual state in; a `Plan` out. Pure."""
