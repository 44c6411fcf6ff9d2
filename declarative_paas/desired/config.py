"""Config vars: plain text, secrets, generated secrets, and values taken from other apps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.diagnostic import error, nearest
from declarative_paas.core.resource import Resource
from declarative_paas.core.values import Reference, Value
from declarative_paas.desired.addons import AddonIndex, attached_vars
from declarative_paas.desired.inputs import DesiredInputs, Diagnostics
from declarative_paas.desired.secrets import find_secret
from declarative_paas.manifest.app_models import AppAttribute, AppConfig, GeneratedValue
from declarative_paas.manifest.manifests import AppManifest
from declarative_paas.manifest.model_base import SecretReference

SECRETS_REGION = "platform"
"""Generated secrets belong to no region: they are made by us, and a region move does not touch them."""

_UNRESOLVED: Value = object()


def config_resources(
    app: AppManifest,
    apps: Mapping[str, AppManifest],
    inputs: DesiredInputs,
    index: AddonIndex,
    diagnostics: Diagnostics,
) -> Iterator[Resource]:
    """The app's `config`, and a `secret` for each value it generates."""
    given = attached_vars(app, index)
    values: dict[str, Value] = {}
    for key, value in sorted((app.spec.config or {}).items()):
        if key in given:
            diagnostics.append(
                error(
                    "config-clash",
                    f"config {key} of {app.name} is also given by its add-on {given[key]}",
                    app.key_position("config", key),
                    expected="one of the two: another key, or another `as` for the add-on",
                )
            )
            continue
        if isinstance(value, GeneratedValue):
            yield Resource(
                address=ResourceAddress("secret", app.name, key),
                region=SECRETS_REGION,
                attributes={"length": value.generate},
                after=(ResourceAddress("app", app.name),),
                position=app.position("config", key),
            )
        resolved = _value(app, key, apps, inputs, diagnostics, [])
        if resolved is not _UNRESOLVED:
            values[key] = resolved
    yield Resource(
        address=ResourceAddress("config", app.name),
        region=app.spec.region,
        attributes={"vars": values},
        after=(ResourceAddress("app", app.name),),
        position=app.position("config"),
    )


def _value(
    app: AppManifest,
    key: str,
    apps: Mapping[str, AppManifest],
    inputs: DesiredInputs,
    diagnostics: Diagnostics,
    path: list[str],
) -> Value:
    """One key's value; follows `{app, config}` from app to app. `path` is the way here, to find cycles."""
    value = (app.spec.config or {})[key]
    if isinstance(value, str):
        return value
    if isinstance(value, GeneratedValue):
        return Reference(ResourceAddress("secret", app.name, key), "value")
    if isinstance(value, SecretReference):
        found = find_secret(value.secret, app.position("config", key, "secret"), inputs, diagnostics)
        return _UNRESOLVED if found is None else found
    other = apps.get(value.app)
    if other is None:
        diagnostics.append(
            error(
                "unknown-app",
                f"config {key} of {app.name} refers to app {value.app!r}, which is not declared",
                app.position("config", key, "app"),
                expected="the name of a declared app",
                suggestion=nearest(value.app, apps),
            )
        )
        return _UNRESOLVED
    if isinstance(value, AppAttribute):
        return _attribute(other, value)
    return _other_config(app, key, value, other, apps, inputs, diagnostics, path)


def _attribute(other: AppManifest, value: AppAttribute) -> Value:
    match value.attribute:
        case "name":
            return other.name
        case "region":
            return other.spec.region
        case "url" | "host":
            return Reference(ResourceAddress("app", other.name), value.attribute)
        case "release":
            return Reference(ResourceAddress("release", other.name), "version")


def _other_config(
    app: AppManifest,
    key: str,
    value: AppConfig,
    other: AppManifest,
    apps: Mapping[str, AppManifest],
    inputs: DesiredInputs,
    diagnostics: Diagnostics,
    path: list[str],
) -> Value:
    here = f"{app.name}.{key}"
    if here in path:
        cycle = [*path[path.index(here) :], here]
        # Every member of the cycle comes by here; only its smallest tells, so it is told once.
        if here == min(cycle) and path[0] == here:
            diagnostics.append(
                error(
                    "reference-cycle",
                    f"config values refer to each other in a circle: {' -> '.join(cycle)}",
                    app.position("config", key),
                    expected="one of them to hold a value of its own",
                )
            )
        return _UNRESOLVED
    keys = other.spec.config or {}
    if value.config not in keys:
        diagnostics.append(
            error(
                "unknown-config-key",
                f"app {other.name} has no config key {value.config}",
                app.position("config", key, "config"),
                expected="a key in that app's `config`",
                suggestion=nearest(value.config, keys),
            )
        )
        return _UNRESOLVED
    return _value(other, value.config, apps, inputs, diagnostics, [*path, here])
