"""The manifest of an app that was found running: the way back from resources to what asks for them. Pure."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from declarative_paas.core.diagnostic import Diagnostic, error
from declarative_paas.core.values import Attributes, SecretRef, Value
from declarative_paas.manifest.format import format_text
from declarative_paas.manifest.variables import MARK
from declarative_paas.workflow.discovery import Finding
from declarative_paas.workflow.stored_secrets import maker_of

UNKNOWN_LENGTH: Final = 32
"""Of a generated secret whose value no platform tells: a new one is made."""

_HEAD: Final = """\
# Written by `dpaas import`, from what was running: a plan of it changes nothing.
# Labels, residency and what is left to others (`ignore`) are not known to a platform: add them here.
"""

Things = Mapping[str, Mapping[str, Finding]]
"""By type, then by name below the app."""


def manifest_of(
    apps: Sequence[str], findings: Sequence[Finding], *, platform: Path, file: Path
) -> tuple[str, list[Diagnostic]]:
    """One document an app, in canonical form. `findings` are all there are: what apps refer to is among them.

    `platform` is the directory that source paths are recorded from, `file` where the text will be.
    """
    import yaml

    documents: list[dict[str, Any]] = []
    diagnostics: list[Diagnostic] = []
    for app in apps:
        things = _of_app(app, findings)
        source = _source(things, platform, file)
        if source is None or "app" not in things:
            diagnostics.append(
                error(
                    "incomplete-app",
                    f"{app} was never finished: what it is made from is not known",
                    expected="a manifest of your own for it, and then the same import",
                )
            )
            continue
        spec = {"region": things["app"][""].region, "source": source, **dict(_fields(app, things, findings))}
        documents.append({"apiVersion": "paas/v1", "kind": "App", "metadata": {"name": app}, "spec": spec})
    if not documents:
        return "", diagnostics  # an empty file is no manifest, which would be one more error
    text = yaml.safe_dump_all(_escaped(documents), sort_keys=False, allow_unicode=True, width=1_000_000)
    formatted = format_text(_HEAD + text, str(file))
    if not isinstance(formatted, str):
        return "", [*diagnostics, *formatted]
    return formatted, diagnostics


def _of_app(app: str, findings: Sequence[Finding]) -> Things:
    things: dict[str, dict[str, Finding]] = {}
    for finding in findings:
        if finding.address.app == app:
            things.setdefault(finding.address.type, {})[finding.address.name] = finding
    return things


def _attributes(things: Things, kind: str) -> Attributes:
    found = things.get(kind, {}).get("")
    return {} if found is None else found.thing.attributes


def _source(things: Things, platform: Path, file: Path) -> dict[str, Any] | None:
    slug = _attributes(things, "slug")
    path = slug.get("path")
    if path is not None:
        relative = os.path.relpath(platform / str(path), file.parent)
        dockerfile = dict(_given({name: slug.get(name) for name in ("dockerfile", "target", "args")}))
        return {"path": relative if relative.startswith(".") else f"./{relative}", **dockerfile}
    image = _attributes(things, "release").get("image")
    return None if image is None else {"image": str(image)}


def _fields(app: str, things: Things, findings: Sequence[Finding]) -> Iterator[tuple[str, Any]]:
    """What is set, in the order of the documentation; what is at its default stays out."""
    about, slug, release = (_attributes(things, kind) for kind in ("app", "slug", "release"))
    yield from _given({"build": slug.get("build"), "release": release.get("command")})
    config = {
        key: _config_value(app, value, findings) for key, value in _attributes(things, "config").get("vars", {}).items()
    }
    formation = {
        name: dict(_given(process)) for name, process in _attributes(things, "formation").get("processes", {}).items()
    }
    addons = list(_addons(things, findings))
    domains = [finding.thing.attributes["hostname"] for _, finding in sorted(things.get("domain", {}).items())]
    yield from ((name, value) for name, value in (("config", config), ("formation", formation)) if value)
    yield from ((name, value) for name, value in (("addons", addons), ("domains", domains)) if value)
    yield from _given({"maintenance": about.get("maintenance") or None})
    yield from _given({name: about.get(name) for name in ("protect", "stack")})


def _given(fields: Mapping[str, Value]) -> Iterator[tuple[str, Value]]:
    return ((name, value) for name, value in fields.items() if value is not None)


def _config_value(app: str, value: Value, findings: Sequence[Finding]) -> Any:
    if isinstance(value, SecretRef):
        return _secret(app, value, findings)
    reference = _reference(app, value, findings)
    # Two apps could have such a text by chance; that of an app's URL is no chance.
    return reference if reference is not None else str(value)


def _secret(app: str, ref: SecretRef, findings: Sequence[Finding]) -> dict[str, Any]:
    maker = maker_of(ref.name)
    if maker is None:
        return {"secret": ref.name}
    # An app that was moved uses the name from before: what was found knows whose it is now.
    found = (finding.address for finding in findings if finding.thing.remote_id == ref.name)
    address = next((address for address in found if address.type == "secret"), maker[0])
    if address.app != app:
        return {"app": address.app, "config": address.name}
    length = next(
        (finding.thing.attributes["length"] for finding in findings if finding.address == address), UNKNOWN_LENGTH
    )
    return {"generate": length}


def _reference(app: str, value: Value, findings: Sequence[Finding]) -> dict[str, str] | None:
    """Another app's attribute that is exactly this; a number can only be another app's release."""
    for finding in findings:
        other, outputs = finding.address, finding.thing.outputs
        if other.app == app:
            continue
        if other.type == "release" and not isinstance(value, str) and outputs.get("version") == value:
            return {"app": other.app, "attribute": "release"}
        for name in ("url", "host"):
            if other.type == "app" and outputs.get(name) == value:
                return {"app": other.app, "attribute": name}
    return None


def _addons(things: Things, findings: Sequence[Finding]) -> Iterator[dict[str, Any]]:
    owned = things.get("addon", {})
    for alias, finding in sorted(owned.items()):
        attributes = finding.thing.attributes
        entry: dict[str, Any] = {"plan": f"{attributes['service']}:{attributes['plan']}", "as": alias}
        entry |= _given({name: attributes.get(name) for name in ("version", "protect")})
        credentials = attributes.get("credentials")
        if isinstance(credentials, SecretRef):
            entry["credentials"] = {"secret": credentials.name}
        yield entry
    for alias, finding in sorted(things.get("attachment", {}).items()):
        if alias in owned:
            continue
        owner = _owner(finding.thing.attributes.get("addon"), findings)
        if owner is not None:
            yield {"attach": f"{owner.address.app}/{owner.address.name}", "as": alias}


def _owner(addon: Value, findings: Sequence[Finding]) -> Finding | None:
    return next(
        (
            finding
            for finding in findings
            if finding.address.type == "addon" and finding.thing.outputs.get("id") == addon
        ),
        None,
    )


def _escaped(value: Any) -> Any:
    """`${var.` in a text is not meant as a variable."""
    if isinstance(value, str):
        return value.replace(MARK, "$" + MARK)
    if isinstance(value, dict):
        return {key: _escaped(item) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, list):
        return [_escaped(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    return value
