"""The fixtures of `two_servers`, for every test here."""

from two_servers import eu, free_ports, place, regions, us

__all__ = ["eu", "free_ports", "place", "regions", "us"]
