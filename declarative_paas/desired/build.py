"""Manifests + catalog -> desired resources. Every mistake is a diagnostic, all of them at once."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.diagnostic import Diagnostic, error, nearest, warning
from declarative_paas.core.graph import find_cycle
from declarative_paas.core.links import LINK_TYPE
from declarative_paas.core.resource import Resource
from declarative_paas.core.values import Value
from declarative_paas.desired.addons import AddonIndex, addon_resources, index_addons
from declarative_paas.desired.config import config_resources
from declarative_paas.desired.followers import fork_followers
from declarative_paas.desired.forks import data_copies, fork_diagnostics, slug_copy
from declarative_paas.desired.formation import domain_resources, formation_resource, release_resource, slug_resource
from declarative_paas.desired.ignored import with_ignored
from declarative_paas.desired.inputs import DesiredInputs, Diagnostics
from declarative_paas.desired.moving_regions import (
    move_checks,
    move_diagnostics,
    move_transfers,
    moved_last,
    moved_slug_copy,
)
from declarative_paas.desired.replacement import take_lifecycles
from declarative_paas.desired.residency import jurisdictions_of, residency_diagnostics
from declarative_paas.manifest.manifests import AppManifest


def desired_resources(inputs: DesiredInputs) -> tuple[dict[ResourceAddress, Resource], list[Diagnostic]]:
    """The resources that the manifests ask for, by address, and what is wrong with the manifests."""
    diagnostics: Diagnostics = []
    apps = {app.name: app for app in inputs.manifests.apps}
    index = index_addons(inputs)
    regions = inputs.manifests.platform.spec.regions
    directory = str(inputs.manifests.platform.directory)
    found: dict[ResourceAddress, Resource] = {}
    for app in inputs.manifests.apps:
        if app.spec.region not in regions:
            diagnostics.append(
                error(
                    "unknown-region",
                    f"the Platform declares no region {app.spec.region!r}",
                    app.position("region"),
                    expected=f"one of {', '.join(sorted(regions))}",
                    suggestion=nearest(app.spec.region, regions),
                )
            )
        declared_in = _relative(app.file, directory)
        resources = moved_last(app, inputs, _app_resources(app, apps, inputs, index, diagnostics))
        for resource in with_ignored(app, resources, diagnostics):
            found[resource.address] = resource.declared_by(declared_in)
    diagnostics += _domain_clashes(inputs)
    jurisdictions = jurisdictions_of(inputs)
    diagnostics += residency_diagnostics(inputs, jurisdictions)
    for app in inputs.manifests.apps:
        diagnostics += fork_diagnostics(app, apps, inputs, jurisdictions)
        diagnostics += move_diagnostics(app, inputs.manifests.apps, inputs)
    diagnostics += take_lifecycles(inputs.manifests.apps, found)
    diagnostics += _cycles(found)
    return found, diagnostics


def _relative(file: str, directory: str) -> str:
    """`os.path.relpath`, by looking at the text alone where that is enough: it is for most files, and 2,000 add up."""
    prefix = "" if directory == "." else f"{directory}/"
    below = file[len(prefix) :]
    if file.startswith(prefix) and not below.startswith(("/", "..")) and os.path.normpath(below) == below:
        return below
    return os.path.relpath(file, directory)


def _app_resources(
    app: AppManifest,
    apps: Mapping[str, AppManifest],
    inputs: DesiredInputs,
    index: AddonIndex,
    diagnostics: Diagnostics,
) -> Iterator[Resource]:
    yield _app_resource(app)
    yield from addon_resources(app, inputs, index, diagnostics)
    yield from config_resources(app, apps, inputs, index, diagnostics)
    slug = slug_resource(app, inputs, diagnostics)
    if slug is not None:
        shipped = moved_slug_copy(app, slug, inputs) or slug_copy(app, apps, inputs)
        if shipped is not None:
            yield shipped
            slug = replace(slug, after=(*slug.after, shipped.address))
        yield slug
    brought = [*data_copies(app, apps, inputs), *fork_followers(app, apps, inputs), *move_transfers(app, inputs)]
    yield from brought
    # Nothing of a fork, or of a move's new side, runs before its data is there and verified.
    yield release_resource(app, inputs, after=[one.address for one in brought if one.address.type != LINK_TYPE])
    hold = inputs.hold_of(app.name)
    if hold is not None:
        diagnostics.append(
            warning(
                "held",
                f"{app.name} is held at release v{hold.version} since {hold.since}, by {hold.by}",
                app.position(),
                expected="a change of its source, or `dpaas unhold`, to go on with new releases",
            )
        )
    formation = formation_resource(app, inputs, diagnostics)
    if formation is not None:
        yield formation
    yield from domain_resources(app, formation, inputs)
    yield from move_checks(brought, formation)
    if app.spec.drains:
        diagnostics.append(
            error(
                "drains-unsupported",
                f"{app.name} declares log drains, which this version cannot deliver to",
                app.position("drains"),
                expected="no drains; the app's log is read with `dpaas logs`",
            )
        )


def _app_resource(app: AppManifest) -> Resource:
    attributes: dict[str, Value] = {"name": app.name}
    # Nobody else turns it on: a line that is removed ends it.
    attributes["maintenance"] = bool(app.spec.maintenance)
    for name in ("protect", "stack"):
        value = getattr(app.spec, name)
        if value is not None:
            attributes[name] = value
    return Resource(
        address=ResourceAddress("app", app.name), region=app.spec.region, attributes=attributes, position=app.position()
    )


def _domain_clashes(inputs: DesiredInputs) -> Iterator[Diagnostic]:
    """A host name leads to one app: within the manifests a second claim is a mistake."""
    owners: dict[str, tuple[AppManifest, int]] = {}
    for app in inputs.manifests.apps:
        for number, hostname in enumerate(app.spec.domains or ()):
            first = owners.setdefault(hostname.lower(), (app, number))
            if first != (app, number):
                yield error(
                    "duplicate-domain",
                    f"domain {hostname} is already {first[0].name}'s",
                    app.position("domains", number),
                    detail=f"first declared at {first[0].position('domains', first[1])}",
                )


def _cycles(resources: Mapping[ResourceAddress, Resource]) -> Iterator[Diagnostic]:
    cycle = find_cycle({address: resource.dependencies() for address, resource in resources.items()})
    if cycle is not None:
        yield error(
            "reference-cycle",
            f"resources refer to each other in a circle: {' -> '.join(str(address) for address in cycle)}",
            resources[cycle[0]].position,
            expected="references that lead from one app to another and not back",
        )
