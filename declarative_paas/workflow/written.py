"""Where in the manifests a planned attribute is written."""

from __future__ import annotations

from collections.abc import Mapping

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.diagnostic import Position
from declarative_paas.manifest.manifests import AppManifest, Manifests
from declarative_paas.preview.redaction import Positions


def written_positions(manifests: Manifests) -> Positions:
    """Where each attribute of a planned resource is written: the line to correct, not only its block's."""
    apps: Mapping[str, AppManifest] = {app.name: app for app in manifests.apps}

    def position(address: ResourceAddress, path: str) -> Position | None:
        app = apps.get(address.app)
        if app is None:
            return None
        match (address.type, *path.split(".")):
            case ("config", "vars", key):
                return app.position("config", key)
            case ("formation", "processes", name, *rest):
                return app.position("formation", name, *rest)
            case ("release", "command"):
                return app.position("release")
            case ("slug", "build"):
                return app.position("build")
            case ("slug", "dockerfile" | "target" | "args" as name, *rest):
                return app.position("source", name, *rest)
            case _:
                return None

    return position
