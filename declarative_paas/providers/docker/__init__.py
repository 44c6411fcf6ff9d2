"""The `docker` provider: a region on a Docker engine."""
