"""What can go wrong between us and the router."""

from __future__ import annotations


class RouterError(Exception):
    """The base of all below, and itself: HAProxy refused a command."""


class RouterNotRunningError(RouterError):
    """Nobody answers on the router's socket."""


class WorkerGoneError(RouterNotRunningError):
    """A worker has ended, as old ones do after a reload."""


class RouterBusyError(RouterError):
    """Another process held the router's lock for longer than the deadline."""


class RouteConflictError(RouterError):
    """A host or a port belongs to another app, or the route to change does not exist."""


class ServersNotUpError(RouterError):
    """New servers did not pass their checks in time; the old ones go on serving.

    `reasons` maps each server's name to what its last check said.
    """

    def __init__(self, app: str, reasons: dict[str, str]) -> None:
        told = ", ".join(f"{name} ({reason})" for name, reason in sorted(reasons.items()))
        super().__init__(f"servers of {app} did not come up: {told}")
        self.app = app
        self.reasons = reasons
