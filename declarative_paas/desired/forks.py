"""What a fork adds to an app: the copies of its source's data, and the rules that keep the two apart."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from declarative_paas.catalog.model import Service
from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.diagnostic import Diagnostic, Position, error
from declarative_paas.core.following import link_address
from declarative_paas.core.resource import Resource
from declarative_paas.core.values import Reference
from declarative_paas.desired.followers import (
    TRANSFERS_REGION,
    follow_diagnostics,
    follower_address,
    source_diagnostics,
)
from declarative_paas.desired.inputs import DesiredInputs, SourceFacts
from declarative_paas.manifest.app_models import Addon, AddonAttach, AddonPlan
from declarative_paas.manifest.fork_models import DataMode
from declarative_paas.manifest.manifests import AppManifest, Fork

COPIED: Final = frozenset({"postgres", "redis"})
"""The kinds of service whose data can be read out and verified."""

_URL_WITH_PASSWORD = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s:@]*:[^/\s@]+@", re.IGNORECASE)


def data_copies(app: AppManifest, apps: Mapping[str, AppManifest], inputs: DesiredInputs) -> Iterator[Resource]:
    """One `data_copy` for each add-on whose data the fork copies, made once for the fork's add-on as it is.

    What was a follower and is promoted has its data by that. A copy follows the source's release, where that changes
    in the same plan: it holds what its migrations made.
    """
    fork = app.fork
    if fork is None:
        return
    source = apps[fork.source]
    for alias, addon in _addons(source).items():
        followed = follower_address(app.name, alias) in inputs.followers
        if isinstance(addon, AddonPlan) and fork.data.get(alias) == "copy" and not followed:
            theirs = ResourceAddress("addon", source.name, alias)
            yield Resource(
                address=ResourceAddress("data_copy", app.name, alias),
                region=TRANSFERS_REGION,
                attributes={
                    "target": Reference(ResourceAddress("addon", app.name, alias), "id"),
                    "source": Reference(theirs, "id"),
                    "between": _between(source, app),
                    "service": addon.plan.partition(":")[0],
                },
                after=(ResourceAddress("release", source.name),),
                position=_place(app, fork, alias),
            )


def slug_copy(app: AppManifest, apps: Mapping[str, AppManifest], inputs: DesiredInputs) -> Resource | None:
    """For a fork in another region that runs the very slug of its source: built once, and sent there."""
    source = None if app.fork is None else apps[app.fork.source]
    if source is None or source.spec.region == app.spec.region or not _same_slug(source, app, inputs):
        return None
    return Resource(
        address=ResourceAddress("slug_copy", app.name),
        region=TRANSFERS_REGION,
        attributes={"slug": Reference(ResourceAddress("slug", source.name), "id"), "between": _between(source, app)},
        after=(ResourceAddress("app", app.name),),
        position=app.position("source"),
    )


def _same_slug(source: AppManifest, app: AppManifest, inputs: DesiredInputs) -> bool:
    theirs, mine = (inputs.sources.get(one.name, SourceFacts(problem="it was not read")) for one in (source, app))
    readable = theirs.problem is None and mine.problem is None and source.source_directory is not None
    return (
        readable
        and (theirs.digest, source.spec.build, source.spec.stack) == (mine.digest, app.spec.build, app.spec.stack)
        and app.source_directory is not None
    )


def _between(source: AppManifest, app: AppManifest) -> dict[str, dict[str, str]]:
    return {
        "from": {"app": source.name, "region": source.spec.region},
        "to": {"app": app.name, "region": app.spec.region},
    }


def fork_diagnostics(
    app: AppManifest, apps: Mapping[str, AppManifest], inputs: DesiredInputs, jurisdictions: Mapping[str, str]
) -> Iterator[Diagnostic]:
    """Everything about a fork that is left unsaid, cannot be had, or would lead data or credentials astray."""
    fork = app.fork
    if fork is None:
        return
    source = apps[fork.source]
    for alias, addon in _addons(source).items():
        yield from _data(app, fork, source, alias, addon, inputs)
    yield from _residency(app, fork, source, jurisdictions)
    yield from _passwords(app, fork)


def _addons(app: AppManifest) -> dict[str, Addon]:
    return {addon.alias: addon for addon in app.spec.addons or ()}


def _place(app: AppManifest, fork: Fork, alias: str) -> Position:
    """Where the fork says what becomes of an add-on, or its name when it does not."""
    said = alias in fork.data
    return fork.manifest.position("data", alias) if said else app.position()


def _data(
    app: AppManifest, fork: Fork, source: AppManifest, alias: str, addon: Addon, inputs: DesiredInputs
) -> Iterator[Diagnostic]:
    mode = fork.data.get(alias)
    mine = _addons(app).get(alias)
    place = _place(app, fork, alias)
    if mine is None:
        if mode is not None:
            yield error(
                "fork-data",
                f"{app.name} leaves {alias} out and says what becomes of its data",
                place,
                expected=f"no `data` for {alias}, or no `null` for it under `addons`",
            )
        return
    if isinstance(addon, AddonAttach):
        yield from _attached(app, source, alias, addon, mode, place)
        return
    service = inputs.catalog.service(addon.plan.partition(":")[0])
    if service is None:
        return  # told of the source
    if service.kind == "external":
        yield from _external(app, source, alias, addon, mine, mode, place)
        return
    if mode is None:
        yield error(
            "fork-data-unsaid",
            f"{app.name} does not say what becomes of the data of {source.name}'s {alias}",
            place,
            expected=f"data: {{{alias}: copy}}, or empty, share or follow",
        )
    elif mode == "copy" and service.kind not in COPIED:
        yield error("fork-data", f"the data of {service.name} cannot be copied", place, expected="empty or share")
    elif mode == "follow" and isinstance(mine, AddonPlan):
        yield from follow_diagnostics(app, source, addon, mine, service, inputs)
    if service.kind in COPIED:
        yield from source_diagnostics(app, source, alias)
    if isinstance(mine, AddonPlan):
        yield from _changed_plan(app, fork, alias, addon, mine, mode, service)


def _attached(
    app: AppManifest, source: AppManifest, alias: str, addon: AddonAttach, mode: DataMode | None, place: Position
) -> Iterator[Diagnostic]:
    """Somebody else's add-on reaches the fork only by its own word."""
    if mode != "share":
        said = "does not say whether" if mode is None else f"says {mode} where it can only say whether"
        yield error(
            "fork-data-unsaid" if mode is None else "fork-data",
            f"{app.name} {said} it shares {addon.attach}, which {source.name} uses as {alias}",
            place,
            expected=f"data: {{{alias}: share}}, or addons: {{{alias}: null}} to leave it out",
        )


def _external(
    app: AppManifest,
    source: AppManifest,
    alias: str,
    addon: AddonPlan,
    mine: Addon,
    mode: DataMode | None,
    place: Position,
) -> Iterator[Diagnostic]:
    """The account of a service elsewhere: another one, or the same one by the fork's own word."""
    own = isinstance(mine, AddonPlan) and mine.credentials != addon.credentials
    if mode not in (None, "share") or (own and mode == "share"):
        yield error(
            "fork-data",
            f"{addon.plan} is an external service: {app.name} cannot {mode} the data of {alias}",
            place,
            expected=f"`share` to use {source.name}'s account, or credentials of its own and no `data`",
        )
    elif not own and mode is None:
        yield error(
            "fork-data-unsaid",
            f"{app.name} would use the account of {source.name}'s {alias} ({addon.plan})",
            place,
            expected=f"addons: {{{alias}: {{credentials: {{secret: NAME}}}}}}, data: {{{alias}: share}} "
            f"to use the same one, or addons: {{{alias}: null}}",
        )


def _changed_plan(
    app: AppManifest,
    fork: Fork,
    alias: str,
    theirs: AddonPlan,
    mine: AddonPlan,
    mode: DataMode | None,
    service: Service,
) -> Iterator[Diagnostic]:
    place = fork.manifest.position("addons", alias)
    if theirs.plan.partition(":")[0] != mine.plan.partition(":")[0]:
        yield error(
            "fork-data",
            f"{alias} of {app.name} is of another service than its source's: {mine.plan} for {theirs.plan}",
            place,
            expected=f"a plan of {theirs.plan.partition(':')[0]}",
        )
        return
    versions = service.versions
    before, after = theirs.version or service.default_version, mine.version or service.default_version
    known = before in versions and after in versions
    if mode in ("copy", "follow") and known and versions.index(str(after)) > versions.index(str(before)):
        yield error(
            "fork-older-version",
            f"data of version {before} cannot be brought to {alias} of {app.name} in the older version {after}",
            place,
            expected=f"version {before} or newer",
        )


def _residency(
    app: AppManifest, fork: Fork, source: AppManifest, jurisdictions: Mapping[str, str]
) -> Iterator[Diagnostic]:
    """The source's residency binds its data wherever a fork would take it, whatever the fork says of itself."""
    must = source.spec.residency
    there = jurisdictions.get(app.spec.region)
    if must is None or there == must:
        return
    for alias, mode in sorted(fork.data.items()):
        if mode != "empty":
            way = f"over {link_address(source.spec.region, app.spec.region)} " if mode == "follow" else ""
            yield error(
                "residency",
                f"the data of {source.name} must stay in {must}, but would go from addon.{source.name}/{alias} "
                f"({_where(source, jurisdictions)}) {way}to {app.name} ({_where(app, jurisdictions)})",
                fork.manifest.position("data", alias),
                expected=f"data: {{{alias}: empty}}, or a region with jurisdiction {must}",
            )


def _where(app: AppManifest, jurisdictions: Mapping[str, str]) -> str:
    return f"{app.spec.region}, {jurisdictions.get(app.spec.region) or 'no declared jurisdiction'}"


def _passwords(app: AppManifest, fork: Fork) -> Iterator[Diagnostic]:
    """A URL with a password in plain config is a credential of the source that would come along unseen."""
    own = fork.manifest.spec.config or {}
    for key, value in sorted((app.spec.config or {}).items()):
        if isinstance(value, str) and key not in own and _URL_WITH_PASSWORD.search(value):
            yield error(
                "fork-credential",
                f"config {key} of {fork.source} holds a URL with a password, which its fork {app.name} would get too",
                app.position("config", key),
                expected=f"config: {{{key}: …}} of the fork's own, null to leave it out, or a secret in the source",
            )
