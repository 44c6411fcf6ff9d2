"""Going back to an old release: a plan as any other, and a hold that every later plan shows."""

from __future__ import annotations

import getpass

from declarative_paas.core.diagnostic import error
from declarative_paas.core.provider import ReleaseView
from declarative_paas.core.state import Hold, Snapshot
from declarative_paas.operations.apps import recorded_apps
from declarative_paas.workflow.deploy import Planned, PlanRequest, plan_changes
from declarative_paas.workflow.lock import holding_lock
from declarative_paas.workflow.regions import reach_of
from declarative_paas.workflow.sources import read_sources
from declarative_paas.workflow.world import World


def plan_rollback(world: World, app: str, version: int | None) -> Planned:
    """The plan that makes a new release from release `version` of the app (None: the one before the current)."""
    snapshot = world.store.snapshot(world.project.scope)
    region = _region_of(snapshot, app)
    reach = None if region is None else reach_of(world.providers[region])
    if region is None or reach is None:
        problem = "is not applied" if region is None else f"runs in region {region}, whose provider keeps no releases"
        return Planned(plan=None, diagnostics=[error("no-releases", f"{app} {problem}")], snapshot=snapshot)
    releases = [item for item in reach.releases(app) if item.status == "succeeded"]
    found = _choose(releases, version)
    if found is None:
        choices = ", ".join(f"v{item.version}" for item in releases if not item.current)
        wanted = "an earlier release" if version is None else f"release v{version}"
        return Planned(
            plan=None,
            diagnostics=[error("unknown-release", f"{app} has no {wanted}", expected=f"one of {choices or 'none'}")],
            snapshot=snapshot,
        )
    facts = read_sources(world.project.manifests).get(app)
    hold = Hold(
        app=app,
        version=found.version,
        source=facts.digest if facts is not None else "",
        since=world.clock.now().isoformat(timespec="seconds"),
        by=getpass.getuser(),
    )
    return plan_changes(world, PlanRequest(targets=[f"formation.{app}"], hold=hold))


def end_hold(world: World, app: str) -> bool:
    """Lets the app follow its manifests again; whether it was held. Raises LockHeld, StateError."""
    scope = world.project.scope
    if not any(hold.app == app for hold in world.store.holds(scope)):
        return False
    with holding_lock(world.store, scope) as lease:
        world.store.end_hold(lease, app)
    return True


def _region_of(snapshot: Snapshot, app: str) -> str | None:
    found = recorded_apps(snapshot).get(app)
    return None if found is None else found.region


def _choose(releases: list[ReleaseView], version: int | None) -> ReleaseView | None:
    if version is not None:
        return next((item for item in releases if item.version == version), None)
    current = next((item.version for item in releases if item.current), 0)
    return next((item for item in releases if item.version < current), None)
