"""What `follow` adds to a fork: its follower, the link that leads there, and what stands in the way of both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from declarative_paas.catalog.model import AddonPlan as CatalogPlan
from declarative_paas.catalog.model import Service
from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.diagnostic import Diagnostic, Position, error
from declarative_paas.core.following import FOLLOWER_TYPE, PROMOTED, link_address
from declarative_paas.core.resource import Resource
from declarative_paas.core.values import Reference, Value
from declarative_paas.desired.inputs import DesiredInputs
from declarative_paas.manifest.app_models import AddonPlan
from declarative_paas.manifest.manifests import AppManifest

TRANSFERS_REGION: Final = "transfers"
"""What is brought from one region to another belongs to neither."""

FOLLOWED: Final = frozenset({"postgres"})
"""The kinds of service that have followers."""

_PROMISE: Final = "followers"
"""The catalog's word for a plan that has them, as a source and as a follower."""

_NEAREST: Final = 3


def follower_address(app: str, alias: str) -> ResourceAddress:
    """Where the follower is recorded that an app has at an alias."""
    return ResourceAddress(FOLLOWER_TYPE, app, alias)


def link_resource(source: str, target: str, position: Position | None) -> Resource:
    """The link from one region to another: one for all that follows that way."""
    return Resource(
        address=link_address(source, target),
        region=TRANSFERS_REGION,
        attributes={"from": source, "to": target},
        position=position,
    )


def fork_followers(app: AppManifest, apps: Mapping[str, AppManifest], inputs: DesiredInputs) -> Iterator[Resource]:
    """One `follower` for each add-on that follows the source's, or did until its promotion, and its link.

    A promoted one is kept as a record of where the data came from, and needs no link any more.
    """
    fork = app.fork
    if fork is None:
        return
    source = apps[fork.source]
    between = {
        "from": {"app": source.name, "region": source.spec.region},
        "to": {"app": app.name, "region": app.spec.region},
    }
    promoted = promoted_aliases(app, inputs)
    for addon in source.spec.addons or ():
        alias = addon.alias
        following = fork.data.get(alias) == "follow"
        if not isinstance(addon, AddonPlan) or not (following or alias in promoted):
            continue
        place = fork.manifest.position("data", alias)
        attributes: dict[str, Value] = {
            "target": Reference(ResourceAddress("addon", app.name, alias), "id"),
            "source": Reference(ResourceAddress("addon", source.name, alias), "id"),
            "between": between,
            "service": addon.plan.partition(":")[0],
            PROMOTED: not following,
        }
        if following and source.spec.region != app.spec.region:
            link = link_resource(source.spec.region, app.spec.region, place)
            yield link
            attributes["link"] = Reference(link.address, "id")
        yield Resource(
            address=follower_address(app.name, alias),
            region=TRANSFERS_REGION,
            attributes=attributes,
            after=(ResourceAddress("release", source.name),),
            position=place,
        )


def promoted_aliases(app: AppManifest, inputs: DesiredInputs) -> list[str]:
    """The add-ons of a fork that followed, and are its own by its manifest: `copy` where a follower is recorded."""
    if app.fork is None:
        return []
    return sorted(
        alias
        for alias, mode in app.fork.data.items()
        if mode == "copy" and follower_address(app.name, alias) in inputs.followers
    )


def follow_diagnostics(
    app: AppManifest, source: AppManifest, theirs: AddonPlan, mine: AddonPlan, service: Service, inputs: DesiredInputs
) -> Iterator[Diagnostic]:
    """Why an add-on cannot follow the source's."""
    assert app.fork is not None, "asked of forks only"
    place = app.fork.manifest.position("data", theirs.alias)
    if service.kind not in FOLLOWED:
        yield error("follow-unsupported", f"{service.name} has no followers", place, expected="copy, empty or share")
        return
    yield from unfollowed_plan(f"{source.name}'s {theirs.alias}", theirs, source.spec.region, place, inputs)
    if mine.plan != theirs.plan:
        place = app.fork.manifest.position("addons", theirs.alias, "plan")
        yield from unfollowed_plan(f"{theirs.alias} of {app.name}", mine, app.spec.region, place, inputs)


def source_diagnostics(app: AppManifest, source: AppManifest, alias: str) -> Iterator[Diagnostic]:
    """A follower's database is fed, and is nobody's own: no other is made of it."""
    assert app.fork is not None, "asked of forks only"
    upstream = source.fork
    if upstream is not None and upstream.data.get(alias) == "follow" and app.fork.data.get(alias) in ("copy", "follow"):
        yield error(
            "fork-of-follower",
            f"{alias} of {source.name} follows {upstream.source} itself: its data is to be had there",
            app.fork.manifest.position("data", alias),
            expected=f"`from: {upstream.source}`, data: {{{alias}: empty}}, or {source.name} promoted first",
        )


def unfollowed_plan(
    whose: str, addon: AddonPlan, region: str, place: Position, inputs: DesiredInputs
) -> Iterator[Diagnostic]:
    """An add-on whose plan has no followers, with the nearest plans that have."""
    plan = inputs.catalog.plan(addon.plan)
    if plan is None or plan.has(_PROMISE):
        return  # an unknown plan is told elsewhere
    near = _with_followers(plan, region, inputs)
    yield error(
        "follow-plan",
        f"plan {plan} has no followers, and is {whose}'s",
        place,
        expected=f"a plan with followers offered in {region}, or copy",
        suggestion=", ".join(near) or None,
    )


def _with_followers(plan: CatalogPlan, region: str, inputs: DesiredInputs) -> list[str]:
    offered = inputs.catalog.nearest_plans(plan, region, count=len(inputs.catalog.plans_in(region)))
    return [str(other) for other in offered if other.has(_PROMISE) and other.service == plan.service][:_NEAREST]
