"""Slug, release, formation and domains of an app."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence

from declarative_paas.catalog.limits import formation_limits
from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.diagnostic import error, nearest
from declarative_paas.core.resource import Resource
from declarative_paas.core.values import Reference, Value
from declarative_paas.desired.followers import promoted_aliases
from declarative_paas.desired.inputs import DesiredInputs, Diagnostics, SourceFacts
from declarative_paas.manifest.app_models import ProcessFormation, SourceImage, SourcePath
from declarative_paas.manifest.manifests import AppManifest

DEFAULT_SIZE = "standard-1x"
"""For a process type that names no size: it scales and mixes with every other tier's rules."""

RESERVED_TYPE = "release"
"""Heroku reserves this process type for the release phase; the manifest room refuses it in a formation."""


def slug_resource(app: AppManifest, inputs: DesiredInputs, diagnostics: Diagnostics) -> Resource | None:
    """The app's slug; None for an image, which needs none, and when the source cannot be read."""
    directory = app.source_directory
    if directory is None:
        return None
    facts = inputs.sources.get(app.name, SourceFacts(problem="it was not read"))
    if facts.problem is not None:
        diagnostics.append(
            error(
                "unusable-source",
                f"the source of {app.name} cannot be used: {facts.problem}",
                app.position("source", "path"),
                expected="a readable directory, relative to the file that names it",
            )
        )
        return None
    base = inputs.manifests.platform.directory
    attributes: dict[str, Value] = {
        "source": facts.digest,
        "path": os.path.relpath(directory, base),
        "build": app.spec.build,
        **_dockerfile(app.spec.source),
    }
    if app.spec.stack is not None:
        attributes["stack"] = app.spec.stack
    return Resource(
        address=ResourceAddress("slug", app.name),
        region=app.spec.region,
        attributes=attributes,
        after=(ResourceAddress("app", app.name),),
        position=app.position("source"),
    )


def _dockerfile(source: SourcePath | SourceImage) -> dict[str, Value]:
    """How the image of a Dockerfile is made; nothing where a slug is built."""
    if isinstance(source, SourceImage) or source.dockerfile is None:
        return {}
    said: dict[str, Value] = {"dockerfile": source.dockerfile, "target": source.target, "args": source.args}
    return {name: value for name, value in said.items() if value is not None}


def release_resource(app: AppManifest, inputs: DesiredInputs, after: Sequence[ResourceAddress] = ()) -> Resource:
    """The numbered snapshot of slug, config and attachments, and the release phase; or, held, an old one again.

    `after` is what must be done before, without being part of it.
    """
    name = app.name
    hold = inputs.hold_of(name)
    if hold is not None:
        return Resource(
            address=ResourceAddress("release", name),
            region=app.spec.region,
            attributes={"rollback_to": hold.version},
            after=(ResourceAddress("app", name),),
            position=app.position("release"),
        )
    facts = inputs.sources.get(name, SourceFacts())
    attributes: dict[str, Value] = {
        "config": Reference(ResourceAddress("config", name), "revision"),
        "attachments": {
            addon.alias: Reference(ResourceAddress("attachment", name, addon.alias), "revision")
            for addon in sorted(app.spec.addons or (), key=lambda addon: addon.alias)
        },
        "command": app.spec.release or facts.process_types.get(RESERVED_TYPE),
        "rollback_to": None,
    }
    promoted = promoted_aliases(app, inputs)
    if promoted:
        # What could only read before may need its release command now.
        attributes["promoted"] = list(promoted)
    if isinstance(app.spec.source, SourceImage):
        attributes["image"] = app.spec.source.image
    else:
        attributes["slug"] = Reference(ResourceAddress("slug", name), "id")
    return Resource(
        address=ResourceAddress("release", name),
        region=app.spec.region,
        attributes=attributes,
        after=tuple(after),
        position=app.position("release"),
    )


def formation_resource(app: AppManifest, inputs: DesiredInputs, diagnostics: Diagnostics) -> Resource | None:
    """All process types of the app; without a `formation` one web dyno, when the source says how to run it.

    A Dockerfile does, as on Heroku: its image's own command.
    """
    commands = inputs.sources.get(app.name, SourceFacts()).process_types
    declared = app.spec.formation
    if declared is None:
        serves = "web" in commands or (app.runs_image and app.source_directory is not None)
        declared = {"web": ProcessFormation()} if serves else {}
    processes: dict[str, Value] = {}
    price = 0
    for name, process in sorted(declared.items()):
        entry = _process(app, name, process, commands, inputs, diagnostics)
        if entry is None:
            continue
        processes[name] = entry
        size = inputs.catalog.size(entry["size"])
        price += 0 if size is None else size.price_monthly_cents * process.quantity
    _check_limits(app, processes, inputs, diagnostics)
    if not processes:
        return None
    return Resource(
        address=ResourceAddress("formation", app.name),
        region=app.spec.region,
        attributes={"release": Reference(ResourceAddress("release", app.name), "version"), "processes": processes},
        position=app.position("formation"),
        price_cents=price,
    )


def _process(
    app: AppManifest,
    name: str,
    process: ProcessFormation,
    commands: Mapping[str, str],
    inputs: DesiredInputs,
    diagnostics: Diagnostics,
) -> dict[str, Value] | None:
    size_name = process.size or DEFAULT_SIZE
    size = inputs.catalog.size(size_name)
    if size is None:
        diagnostics.append(
            error(
                "unknown-size",
                f"the catalog has no dyno size {size_name!r}",
                app.position("formation", name, "size"),
                expected=f"one of {', '.join(inputs.catalog.size_names())}",
                suggestion=nearest(size_name.lower(), inputs.catalog.size_names()),
            )
        )
        return None
    command = process.command or commands.get(name)
    if command is None and not app.runs_image:
        diagnostics.append(
            error(
                "no-command",
                f"process type {name} of {app.name} has no command, and its source declares none",
                app.key_position("formation", name),
                expected=f"formation.{name}.command, or a line `{name}: COMMAND` in the source's Procfile",
            )
        )
        return None
    if process.health is not None and name != "web":
        diagnostics.append(
            error(
                "health-without-web",
                f"process type {name} receives no requests, so it has no health path",
                app.position("formation", name, "health"),
                expected="a health path on `web` only",
            )
        )
    return {"command": command, "size": size.name, "quantity": process.quantity, "health": process.health}


def _check_limits(
    app: AppManifest, processes: Mapping[str, Mapping[str, Value]], inputs: DesiredInputs, diagnostics: Diagnostics
) -> None:
    formation = {name: (entry["size"], entry["quantity"]) for name, entry in processes.items()}
    for violation in formation_limits(inputs.catalog, formation):
        diagnostics.append(
            error(
                violation.rule,
                f"{app.name}: {violation.summary}",
                app.position("formation", violation.process_types[0]),
                expected=violation.expected,
                suggestion=violation.suggestion,
            )
        )


def domain_resources(app: AppManifest, formation: Resource | None, inputs: DesiredInputs) -> Iterator[Resource]:
    """Host names come last: traffic arrives when something answers. While an app moves they come before its freeze,
    for it is over when they lead to what answers."""
    last = formation is not None and app.name not in inputs.moves
    after = ResourceAddress("formation" if last else "app", app.name)
    for number, hostname in enumerate(app.spec.domains or ()):
        yield Resource(
            address=ResourceAddress("domain", app.name, hostname.lower()),
            region=app.spec.region,
            attributes={"hostname": hostname.lower()},
            after=(after,),
            position=app.position("domains", number),
        )
