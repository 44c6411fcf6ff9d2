"""From an app's name to the way into its region."""

from __future__ import annotations

from typing import TYPE_CHECKING

from declarative_paas.cli import report

if TYPE_CHECKING:
    from declarative_paas.core.provider import Reach
    from declarative_paas.workflow.world import World


def check_app(world: World, app: str) -> None:
    """Ends the command when nobody knows the app: no record, and no manifest. Raises StateError."""
    from declarative_paas.core.diagnostic import Diagnostic
    from declarative_paas.operations.apps import find_region

    found = find_region(app, world.store.snapshot(world.project.scope), world.project.manifests)
    if isinstance(found, Diagnostic):
        report.fail(found)


def reach_app(world: World, app: str) -> Reach:
    """The reach of the app's region; ends the command when there is no such app or nothing to reach."""
    from declarative_paas.core.diagnostic import Diagnostic, error
    from declarative_paas.operations.apps import find_region
    from declarative_paas.workflow.regions import reach_of

    found = find_region(app, world.store.snapshot(world.project.scope), world.project.manifests)
    if isinstance(found, Diagnostic):
        report.fail(found)
    provider = world.providers.get(found)
    if provider is None:
        report.fail(
            error(
                "unknown-region",
                f"{app} is recorded in region {found}, which the Platform does not declare",
                expected=f"spec.regions.{found} in the Platform",
            )
        )
    reach = reach_of(provider)
    if reach is None:
        kind = world.project.manifests.platform.spec.regions[found].provider
        report.fail(
            error(
                "nothing-runs",
                f"{app} is in region {found}, and its provider {kind} runs nothing that could be reached",
                expected="a region with provider local",
            )
        )
    return reach


def reaches(world: World) -> dict[str, Reach]:
    """The way into every region that has one."""
    from declarative_paas.workflow.regions import reach_of

    found = {name: reach_of(world.providers[name]) for name in world.project.manifests.platform.spec.regions}
    return {name: reach for name, reach in found.items() if reach is not None}
