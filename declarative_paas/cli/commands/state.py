"""`dpaas state`: what is recorded, and repairs of the record that touch nothing real."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from declarative_paas.cli import exitcode, report
from declarative_paas.cli.commands.index import command_group
from declarative_paas.cli.inputs import ManifestInputs, reads_manifests
from declarative_paas.cli.planoptions import ApproveOption, parse_addresses

if TYPE_CHECKING:
    from collections.abc import Iterable

    from declarative_paas.core.resource import ResourceState
    from declarative_paas.core.values import SecretRef

app = command_group()

AddressArgument = Annotated[str, typer.Argument(metavar="ADDR", help="An address, such as addon.shop/DATABASE.")]


@app.callback()
def state() -> None:
    """Look at what is recorded, and repair the record.

    Example: dpaas state list
    """


@app.command("list")
@reads_manifests
def list_state(inputs: ManifestInputs) -> None:
    """List the addresses of all recorded resources, sorted.

    Example: dpaas state list
    """
    with inputs.world() as world:
        snapshot = world.store.snapshot(world.project.scope)
    for record in _sorted(snapshot.resources.values()):
        print(_name(record))


@app.command("show")
@reads_manifests
def show_state(inputs: ManifestInputs, address: AddressArgument) -> None:
    """Print a resource's record as JSON; secrets stand in it by name only.

    Where a move or a replacement keeps another instance, its record stands below, as `other_instances`.

    Example: dpaas state show formation.shop
    """
    from declarative_paas.core.diagnostic import nearest
    from declarative_paas.core.resource import InstanceStatus

    (wanted,) = parse_addresses([address])
    with inputs.world() as world:
        snapshot = world.store.snapshot(world.project.scope)
    found = [record for record in _sorted(snapshot.resources.values()) if record.address == wanted]
    if not found:
        known = {str(record.address) for record in snapshot.resources.values()}
        report.refuse("unknown-address", f"nothing is recorded at {address}", suggestion=nearest(address, known))
    found.sort(key=lambda record: record.status is not InstanceStatus.CURRENT)
    first, *others = [record.to_json() for record in found]
    print(json.dumps({**first, "other_instances": others} if others else first, indent=2))


@app.command("rm")
@reads_manifests
def remove_state(inputs: ManifestInputs, address: AddressArgument, auto_approve: ApproveOption = False) -> None:
    """Forget a resource. The thing itself goes on existing; nothing manages it, or deletes it, any more.

    A backup of the state is made first.

    Example: dpaas state rm addon.shop/DATABASE --auto-approve
    """
    from declarative_paas.workflow.state_edit import remove_record

    (wanted,) = parse_addresses([address])
    if not auto_approve:
        _ask_to_forget(address)
    with inputs.world() as world:
        done = remove_record(world, wanted)
    for removed, instance in done.removed:
        print(f"Forgot {removed} (instance {instance}).")
    for step in done.forgotten:
        print(f"Forgot the unfinished step {step}.")
    print(f"The state as it was: {done.backup}")
    print(
        f"warning: {address} itself goes on existing and costing; while a manifest asks for it, "
        "the next apply makes another one",
        file=sys.stderr,
    )


@app.command("mv")
@reads_manifests
def move_state(
    inputs: ManifestInputs,
    from_: Annotated[str, typer.Argument(metavar="FROM", help="The address it has.")],
    to: Annotated[str, typer.Argument(metavar="TO", help="The address it gets: of the same type, and free.")],
) -> None:
    """Record a resource under another address. Nothing real is renamed; a backup of the state is made first.

    Refused where the region knows the resource by its address, and would not find it again.

    Example: dpaas state mv secret.shop/KEY secret.shop/SESSION_KEY
    """
    from declarative_paas.workflow.state_edit import move_record

    old, new = parse_addresses([from_, to])
    with inputs.world() as world:
        done = move_record(world, old, new)
    others = sorted({str(address) for address, _ in done.written if address != new})
    print(f"{old} is recorded as {new}.")
    if others:
        print(f"Changed what refers to it: {', '.join(others)}.")
    print(f"The state as it was: {done.backup}")


@app.command("pull")
@reads_manifests
def pull_state(inputs: ManifestInputs) -> None:
    """Print the whole record as JSON; secrets stand in it by name only.

    Example: dpaas state pull > state.json
    """
    from declarative_paas.state.document import StateDocument

    with inputs.world() as world:
        scope = world.project.scope
        document = StateDocument(scope=scope, snapshot=world.store.snapshot(scope))
    print(json.dumps(document.to_json(), indent=2))


@app.command("backups")
@reads_manifests
def list_backups(inputs: ManifestInputs) -> None:
    """List the copies of the state that were made before it was edited or upgraded, newest first.

    Example: dpaas state backups
    """
    from declarative_paas.state.location import backups_of

    project = inputs.project()
    location = project.manifests.platform.spec.state
    for path in backups_of(location, project.scope, base_dir=project.directory):
        print(path)


@app.command("push")
@reads_manifests
def push_state(
    inputs: ManifestInputs,
    pulled: Annotated[Path, typer.Argument(metavar="FILE", help="What `state pull` printed; - for stdin.")],
    force: Annotated[
        bool, typer.Option("--force", help="Also one of another lineage, or that is no later than what is here.")
    ] = False,
) -> None:
    """Put a pulled record in the place of the one that is here. Nothing real changes; a backup is made first.

    Secrets are in it by name only: those that are not stored here are named, and have to be stored again.

    Example: dpaas state push state.json
    """
    from declarative_paas.state.document import StateDocument
    from declarative_paas.workflow.state_push import push_state

    data = sys.stdin.buffer.read() if str(pulled) == "-" else pulled.read_bytes()
    with inputs.world() as world:
        done = push_state(world, StateDocument.parse(data), force=force)
    print(f"Recorded {done.count}, at serial {done.serial}.")
    if done.backup is not None:
        print(f"The state as it was: {done.backup}")
    for ref in done.missing:
        print(f"warning: {ref.name} version {ref.version} is not stored here: {_remedy(ref)}", file=sys.stderr)


def _ask_to_forget(address: str) -> None:
    from declarative_paas.cli.terminal import ask, can_ask

    if not can_ask():
        report.refuse("no-consent", "nobody is here to agree: there is no terminal", expected="--auto-approve")
    question = f"Forget {address}? It goes on existing, and nothing manages it any more. Only `yes` is a yes: "
    if ask(question) != "yes":
        print("Nothing was changed.", file=sys.stderr)
        raise typer.Exit(exitcode.FAILED)


def _remedy(ref: SecretRef) -> str:
    """How a secret that a record names comes to be stored again."""
    from declarative_paas.workflow.stored_secrets import maker_of

    maker = maker_of(ref.name)
    if maker is None:
        return f"`dpaas secrets set {ref.name}` stores it"
    return f"`dpaas state rm {maker[0]}`, then `dpaas import {maker[0]}`, asks the region for it"


def _sorted(records: Iterable[ResourceState]) -> list[ResourceState]:
    return sorted(records, key=lambda record: record.key)


def _name(record: ResourceState) -> str:
    status = record.status.value
    return str(record.address) if status == "current" else f"{record.address} ({status} {record.instance})"
