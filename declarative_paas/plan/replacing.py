"""What is made anew although its own fields do not ask for it: by `--replace`, by a trigger, or along with these."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.diagnostic import Diagnostic, error, nearest
from declarative_paas.core.plan import Action, Change
from declarative_paas.core.resource import Resource

_ALL_PARTS: Final[tuple[str, ...]] = ()
_TAKEN_ALONG: Final[Mapping[str, Sequence[str]]] = {"app": _ALL_PARTS, "release": ("formation",)}
"""Type -> the types of the same app that live in it. A platform that deletes an app deletes everything of
the app with it, and no dyno runs of a release that is not there. Everything else is let go of by an update."""

_ASKED_FOR: Final = "its replacement was asked for"


class Replacing:
    """The addresses to make anew, each with its cause. Grows while a plan walks: dependencies first."""

    def __init__(self, desired: Mapping[ResourceAddress, Resource]) -> None:
        self._desired = desired
        self._causes: dict[ResourceAddress, str] = {}
        self._of_app: dict[str, list[ResourceAddress]] | None = None

    def ask_for(self, named: Collection[ResourceAddress]) -> list[Diagnostic]:
        """Takes what `--replace` names; an error for each name that the manifests do not declare."""
        diagnostics: list[Diagnostic] = []
        for address in sorted(named):
            if address in self._desired:
                self._add(address, _ASKED_FOR)
                continue
            diagnostics.append(
                error(
                    "unknown-replace",
                    f"{address} is not declared, so it cannot be replaced",
                    expected="the address of a declared resource, as plans print it",
                    suggestion=nearest(str(address), [str(other) for other in self._desired]),
                )
            )
        return diagnostics

    def cause(self, wanted: Resource, changes: Mapping[ResourceAddress, Change]) -> str | None:
        """Why this resource is made anew; None when nothing asks for it.

        A trigger asks when this plan changes it, or makes it again; not when it is made for the first time.
        """
        asked = self._causes.get(wanted.address)
        if asked is not None:
            return asked
        for trigger in wanted.replace_triggered_by:
            change = changes.get(trigger)
            if change is not None and _triggers(change):
                cause = f"{trigger} changes: forces replacement"
                self._add(wanted.address, cause)
                return cause
        return None

    def _add(self, address: ResourceAddress, cause: str) -> None:
        self._causes[address] = cause
        taken = _TAKEN_ALONG.get(address.type)
        if taken is None:
            return
        if self._of_app is None:
            self._of_app = {}
            for other in self._desired:
                self._of_app.setdefault(other.app, []).append(other)
        for other in self._of_app[address.app]:
            if not taken or other.type in taken:
                self._causes.setdefault(other, cause if cause is _ASKED_FOR else f"{address} is replaced")


def _triggers(change: Change) -> bool:
    if change.action is Action.CREATE:
        return change.prior_instance is not None
    return change.action in (Action.UPDATE, Action.REPLACE) and not change.renames_only
