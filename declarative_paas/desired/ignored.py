"""Fields that an app's manifest leaves to somebody else: `ignore`, as attribute paths of resources."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.diagnostic import error, nearest
from declarative_paas.core.resource import Resource
from declarative_paas.core.values import Value, is_map
from declarative_paas.desired.inputs import Diagnostics
from declarative_paas.manifest.manifests import AppManifest


def with_ignored(app: AppManifest, resources: Iterable[Resource], diagnostics: Diagnostics) -> Iterator[Resource]:
    """The app's resources, each with the paths that its manifest ignores; an error for what is not declared."""
    if not app.spec.ignore:
        yield from resources
        return
    found = list(resources)
    declared = {resource.address: resource for resource in found}
    paths: dict[ResourceAddress, list[str]] = {}
    for number, text in enumerate(app.spec.ignore):
        address, path = _place(app.name, text)
        missing = _missing(declared, address, path)
        if missing is not None:
            diagnostics.append(
                error(
                    "unknown-ignore",
                    f"{app.name} ignores {text}, but declares no {missing[0]}",
                    app.position("ignore", number),
                    expected="a field of something that the app declares",
                    suggestion=nearest(text, missing[1]),
                )
            )
            continue
        paths.setdefault(address, []).append(path)
    for resource in found:
        ignored = paths.get(resource.address)
        yield resource if ignored is None else replace(resource, ignored=tuple(sorted(set(ignored))))


def _place(app: str, text: str) -> tuple[ResourceAddress, str]:
    """`formation.web.quantity` -> (`formation.APP`, `processes.web.quantity`). The manifest room checked the form."""
    kind, _, rest = text.partition(".")
    match kind:
        case "config":
            return ResourceAddress("config", app), f"vars.{rest}"
        case "formation":
            return ResourceAddress("formation", app), f"processes.{rest}"
        case "addons":
            alias, _, name = rest.partition(".")
            return ResourceAddress("addon", app, alias), name
        case _:
            return ResourceAddress("app", app), text


def _missing(
    declared: Mapping[ResourceAddress, Resource], address: ResourceAddress, path: str
) -> tuple[str, list[str]] | None:
    """What the app lacks for this path to mean anything, and the paths there are; None when it lacks nothing.

    A config key need not be declared: it may be somebody else's from the start.
    """
    if address.type == "addon" and address not in declared:
        owned = [other.name for other in declared if other.type == "addon"]
        return f"add-on {address.name} of its own", [f"addons.{alias}.{path}" for alias in owned]
    if address.type != "formation":
        return None
    formation = declared.get(address)
    processes: Value = {} if formation is None else formation.attributes["processes"]
    _, process, name = path.split(".")
    if not is_map(processes):
        return f"process type {process}", []
    if process in processes:
        return None
    return f"process type {process}", [f"formation.{other}.{name}" for other in processes]
