"""`dpaas import`: takes over what runs already."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from declarative_paas.cli import exitcode, report
from declarative_paas.cli.commands.index import command_group
from declarative_paas.cli.inputs import ManifestInputs, reads_manifests
from declarative_paas.cli.planoptions import ApproveOption, parse_addresses
from declarative_paas.cli.terminal import ask, can_ask
from declarative_paas.core.diagnostic import error, has_errors

if TYPE_CHECKING:
    from declarative_paas.core.address import Scope
    from declarative_paas.core.provider import InstanceKey
    from declarative_paas.workflow.adoptable import AdoptionRequest
    from declarative_paas.workflow.adopting import Adopted
    from declarative_paas.workflow.world import World

app = command_group()

MANIFEST_NAME = "imported.yaml"


@app.command("import")
@reads_manifests
def import_(
    inputs: ManifestInputs,
    address: Annotated[
        str | None, typer.Argument(metavar="[ADDR]", help="One declared resource, such as addon.shop/DATABASE.")
    ] = None,
    id_: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Which thing it is, where the region has more than one.")
    ] = None,
    apps: Annotated[
        list[str] | None, typer.Option("--app", metavar="NAME", help="Everything of this app; repeatable.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Everything that is not recorded.")] = False,
    regions: Annotated[
        list[str] | None, typer.Option("--region", metavar="NAME", help="Only what this region holds; repeatable.")
    ] = None,
    from_scope: Annotated[
        str | None,
        typer.Option("--from-scope", metavar="PLATFORM/ENV", help="Take over what belongs to this other scope."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Where to write the manifest of apps that none declares."),
    ] = None,
    auto_approve: ApproveOption = False,
) -> None:
    """Record what runs and is not recorded: the state was lost, or something else made it.

    Nothing is made, changed or restarted. For an app that no manifest declares, one is written that plans to
    no change.

    Example: dpaas import --all
    """
    if sum((address is not None, bool(apps), everything)) != 1:
        raise typer.BadParameter("say what to import: an address, --app NAME, or --all")
    from declarative_paas.workflow.adoptable import AdoptionRequest

    request = AdoptionRequest(
        address=None if address is None else parse_addresses([address])[0],
        id=id_,
        apps=apps or [],
        regions=regions or [],
        from_scope=None if from_scope is None else _scope(from_scope),
    )
    agreed = _agreed(inputs, request, out, auto_approve=auto_approve)
    if agreed is None:
        return
    if agreed.manifest:
        inputs = _declared(inputs, agreed)
    command = f"import {address or ' '.join(apps or []) or '--all'}"
    from declarative_paas.workflow.adopting import adopt

    with inputs.world() as world:
        _tell(inputs, world, adopt(world, request, agreed.keys, command=command))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Agreed:
    """What is to be recorded, and the manifest to be written before that ("" where all is declared)."""

    keys: frozenset[InstanceKey]
    manifest: str
    path: Path


def _agreed(
    inputs: ManifestInputs, request: AdoptionRequest, out: Path | None, *, auto_approve: bool
) -> _Agreed | None:
    """Shows what would be recorded and asks; None when there is nothing to record."""
    from declarative_paas.workflow.adopted_manifest import manifest_of
    from declarative_paas.workflow.adopting import plan_adoption

    with inputs.world() as world:
        adoption = plan_adoption(world, request)
        diagnostics = list(adoption.diagnostics)
        directory = world.project.directory
    path = out or directory / MANIFEST_NAME
    text = ""
    if adoption.undeclared and not has_errors(diagnostics):
        text, problems = manifest_of(
            adoption.undeclared, adoption.all_findings, platform=directory, file=path.resolve()
        )
        diagnostics += problems
        if path.exists():
            diagnostics.append(error("file-exists", f"{path} is there already", expected="--out with another file"))
    for finding in adoption.findings:
        print(f"  {finding.address}  ({finding.thing.instance} in {finding.region})")
    inputs.show(diagnostics)
    if has_errors(diagnostics):
        raise typer.Exit(exitcode.FAILED)
    if not adoption.findings:
        print("Everything that the regions hold for this platform is recorded.")
        return None
    if text:
        print(f"Nobody declares {', '.join(adoption.undeclared)}: {path} is written for that.")
    if not auto_approve:
        _ask(len(adoption.findings))
    return _Agreed(keys=frozenset(finding.key for finding in adoption.findings), manifest=text, path=path)


def _ask(count: int) -> None:
    if not can_ask():
        report.refuse("no-consent", "nobody is here to agree: there is no terminal", expected="--auto-approve")
    if ask(f"\nRecord these {count}, and change nothing of them? Only `yes` is a yes: ") != "yes":
        print("Nothing was recorded.", file=sys.stderr)
        raise typer.Exit(exitcode.FAILED)


def _declared(inputs: ManifestInputs, agreed: _Agreed) -> ManifestInputs:
    """Writes the manifest, which is read from now on; one that could not be read would not stay."""
    try:
        with agreed.path.open("x", encoding="utf-8") as file:
            file.write(agreed.manifest)
    except FileExistsError:
        report.refuse("file-exists", f"{agreed.path} is there already", expected="--out with another file")
    with_it = replace(inputs, files=[*inputs.files, agreed.path])
    project, diagnostics = with_it.open_project()
    if project is None:
        agreed.path.unlink()
        report.fail(*diagnostics)
    return with_it


def _tell(inputs: ManifestInputs, world: World, done: Adopted) -> None:
    from declarative_paas.workflow.deploy import PlanRequest, plan_changes

    print(f"Recorded {len(done.recorded)}; nothing of them was changed.")
    if done.backup is not None:
        print(f"The state as it was: {done.backup}")
    planned = plan_changes(world, PlanRequest())
    if planned.plan is None or not planned.ok:
        inputs.show(planned.diagnostics)
        print("It cannot be planned yet: see above.")
    elif planned.plan.is_empty:
        print("A plan of it changes nothing.")
    else:
        print(f"A plan of it has {len(planned.plan.changes)} changes: `dpaas plan` shows them.")


def _scope(text: str) -> Scope:
    from declarative_paas.core.address import Scope

    try:
        return Scope.parse(text)
    except ValueError:
        report.refuse("bad-scope", f"{text!r} is not a scope", expected="PLATFORM/ENVIRONMENT, such as acme/default")
