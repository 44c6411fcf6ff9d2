"""Which region an app runs in."""

from __future__ import annotations

from collections.abc import Iterable

from declarative_paas.core.diagnostic import Diagnostic, error, nearest
from declarative_paas.core.resource import InstanceStatus, ResourceState
from declarative_paas.core.state import Snapshot
from declarative_paas.manifest.manifests import Manifests


def recorded_apps(snapshot: Snapshot) -> dict[str, ResourceState]:
    """The current record of every app, by name."""
    return {
        record.address.app: record
        for record in sorted(snapshot.resources.values(), key=lambda record: record.address)
        if record.address.type == "app" and record.status is InstanceStatus.CURRENT
    }


def find_region(app: str, snapshot: Snapshot, manifests: Manifests) -> str | Diagnostic:
    """Where the app runs by the record, else where it is declared to; a diagnostic when nobody knows it."""
    recorded = recorded_apps(snapshot)
    if app in recorded:
        return recorded[app].region
    declared = {manifest.name: manifest.spec.region for manifest in manifests.apps}
    return declared[app] if app in declared else unknown_app(app, recorded.keys() | declared.keys())


def unknown_app(app: str, known: Iterable[str]) -> Diagnostic:
    names = sorted(known)
    return error(
        "unknown-app",
        f"there is no app {app!r}",
        expected=f"one of {', '.join(names)}" if names else "an app that a manifest declares",
        suggestion=nearest(app, names),
    )
