"""Every secret there is, for reading: where it comes from, how old it is, who uses it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from declarative_paas.core.address import ResourceAddress
from declarative_paas.desired.secrets import apps_by_secret
from declarative_paas.manifest.app_models import GeneratedValue
from declarative_paas.manifest.manifests import Manifests
from declarative_paas.workflow.rotation import generated_secrets
from declarative_paas.workflow.secret_sources import declared_sources, described
from declarative_paas.workflow.world import World

GENERATED: Final = "generated"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedSecret:
    """One secret. `source` is env, file, encrypted, generated or stored, `origin` the variable or the file.

    `version` and `stored_at` are None as long as no value is in the store; `apps` are those whose manifests use it.
    """

    name: str
    source: str
    origin: str | None
    version: int | None
    stored_at: datetime | None
    apps: Sequence[str]


def list_secrets(world: World) -> list[ListedSecret]:
    """Those that are stored, declared, generated or only named by an app, by name. Raises StateError."""
    manifests = world.project.manifests
    users, declared = apps_by_secret(manifests), declared_sources(manifests.platform)
    refs, times = world.secrets.refs(), world.secrets.stored_at()
    # Values of resources are stored under names with @: the generated ones go by their address instead.
    stored_as = {name: name for name in refs if not name.startswith("@")}
    generated = _generated_addresses(manifests)
    for address, item in generated_secrets(world).items():
        assert item.generated is not None, "all of these are generated"
        generated.add(address)
        stored_as[address] = item.generated[0].name
    found: list[ListedSecret] = []
    for name in sorted(stored_as.keys() | declared.keys() | users.keys() | generated):
        source, origin = (GENERATED, None) if name in generated else described(declared.get(name))
        ref = refs.get(stored_as.get(name, ""))
        found.append(
            ListedSecret(
                name=name,
                source=source,
                origin=origin,
                version=None if ref is None else ref.version,
                stored_at=None if ref is None else times.get(ref.name),
                apps=users.get(name, ()),
            )
        )
    return found


def _generated_addresses(manifests: Manifests) -> set[str]:
    return {
        str(ResourceAddress("secret", app.name, key))
        for app in manifests.apps
        for key, value in (app.spec.config or {}).items()
        if isinstance(value, GeneratedValue)
    }
