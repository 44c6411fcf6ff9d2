"""`dpaas status` and `dpaas down`: the platform's regions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from declarative_paas.cli import exitcode, report
from declarative_paas.cli.columns import columns
from declarative_paas.cli.commands.index import command_group
from declarative_paas.cli.inputs import ManifestInputs, reads_manifests
from declarative_paas.cli.reaching import reaches

if TYPE_CHECKING:
    from declarative_paas.operations.status import AppStatus, PlatformStatus, RegionStatus

app = command_group()


@app.command("status")
@reads_manifests
def status(
    inputs: ManifestInputs, as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False
) -> None:
    """Show the platform as it runs: regions and their programs, apps with URL, dynos, add-ons and holds.

    Example: dpaas status --json
    """
    from declarative_paas.operations.status import read_status
    from declarative_paas.workflow.following import ask_followers

    with inputs.world() as world:
        scope = world.project.scope
        found = read_status(
            scope,
            world.store.snapshot(scope),
            world.project.manifests.platform.spec.regions,
            reaches(world),
            world.store.holds(scope),
            ask_followers(world),
        )
    print(json.dumps(found.to_json(), indent=2) if as_json else _text(found))


@app.command("down")
@reads_manifests
def down(
    inputs: ManifestInputs,
    region: Annotated[str | None, typer.Argument(metavar="[REGION]", help="Only this region. Default: all.")] = None,
) -> None:
    """Stop a region's processes and keep all its data. The next apply starts them again.

    Refused while an apply is under way: it would start what this stops.

    Example: dpaas down us
    """
    from declarative_paas.core.diagnostic import error, nearest
    from declarative_paas.core.provider import ProviderError
    from declarative_paas.workflow.clearing import nobody_applies

    failed = False
    with inputs.world() as world:
        declared = sorted(world.project.manifests.platform.spec.regions)
        if region is not None and region not in declared:
            report.refuse(
                "unknown-region",
                f"the Platform declares no region {region!r}",
                expected=f"one of {', '.join(declared)}",
                suggestion=nearest(region, declared),
            )
        found = reaches(world)
        with nobody_applies(world):
            for name in declared if region is None else [region]:
                if name not in found:
                    print(f"{name}: nothing to stop, its provider runs no processes")
                    continue
                try:
                    found[name].stop()
                    print(f"{name}: stopped, data kept; `dpaas apply` starts it again")
                except ProviderError as problem:
                    failed = True
                    inputs.show([error("not-stopped", f"region {name} could not be stopped: {problem.summary}")])
    if failed:
        raise typer.Exit(exitcode.FAILED)


def _text(found: PlatformStatus) -> str:
    environment = "" if found.environment == "default" else f", environment {found.environment}"
    regions = columns(["region", "provider", "jurisdiction", "programs"], [_region(region) for region in found.regions])
    parts = [f"Platform {found.platform}{environment}", regions]
    if found.apps:
        head = ["app", "region", "release", "dynos up", "add-ons", "url"]
        parts.append(columns(head, [_app(item) for item in found.apps]))
    else:
        parts.append("No apps yet: `dpaas apply` makes what the manifests declare.")
    parts += [copy.sentence for copy in found.copies]
    parts += [f"Held: {hold.app} at release v{hold.version} since {hold.since}, by {hold.by}" for hold in found.holds]
    return "\n\n".join(parts)


def _region(region: RegionStatus) -> list[str]:
    programs = ", ".join(f"{name} {state}" for name, state in region.programs.items())
    return [region.name, region.provider, region.jurisdiction or "", region.problem or programs]


def _app(item: AppStatus) -> list[str]:
    dynos = ", ".join(f"{count.type} {'?' if count.up is None else count.up}/{count.desired}" for count in item.dynos)
    addons = ", ".join(f"{addon.alias} {addon.service}:{addon.plan}" for addon in item.addons)
    release = "" if item.release is None else f"v{item.release}"
    url = f"{item.url or ''} (maintenance mode)" if item.maintenance else item.url or ""
    return [item.name, item.region, release, dynos, addons, url]
