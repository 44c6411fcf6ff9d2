"""`dpaas state`: what is recorded, and repairs of the record that touch nothing real."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from declarative_paas.cli import report
from declarative_paas.cli.commands.index import command_group
from declarative_paas.cli.inputs import ManifestInputs, reads_manifests
from declarative_paas.cli.planoptions import parse_addresses
from declarative_paas.core.diagnostic import Diagnostic

if TYPE_CHECKING:
    from collections.abc import Iterable

    from declarative_paas.core.resource import ResourceState
    from declarative_paas.workflow.state_edit import Edited

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

    Example: dpaas state show formation.shop
    """
    from declarative_paas.core.diagnostic import nearest

    (wanted,) = parse_addresses([address])
    with inputs.world() as world:
        snapshot = world.store.snapshot(world.project.scope)
    found = [record for record in _sorted(snapshot.resources.values()) if record.address == wanted]
    if not found:
        known = {str(record.address) for record in snapshot.resources.values()}
        report.refuse("unknown-address", f"nothing is recorded at {address}", suggestion=nearest(address, known))
    for record in found:
        print(json.dumps(record.to_json(), indent=2))


@app.command("rm")
@reads_manifests
def remove_state(inputs: ManifestInputs, address: AddressArgument) -> None:
    """Forget a resource: its record goes, the thing itself stays. Backs the state up first.

    Example: dpaas state rm domain.shop/www.example.com
    """
    from declarative_paas.workflow.state_edit import remove_records

    (wanted,) = parse_addresses([address])
    with inputs.world() as world:
        _told(remove_records(world, wanted), f"Forgot {wanted}: what it stands for is nobody's now.")


@app.command("mv")
@reads_manifests
def move_state(
    inputs: ManifestInputs,
    origin: Annotated[str, typer.Argument(metavar="FROM", help="The address as it is recorded.")],
    target: Annotated[str, typer.Argument(metavar="TO", help="The address it is to have.")],
) -> None:
    """Record a resource under another address. Backs the state up first.

    Refused where the region knows the resource by its address, and would not find it again.

    Example: dpaas state mv secret.shop/KEY secret.shop/SESSION_KEY
    """
    from declarative_paas.workflow.state_edit import move_records

    old, new = parse_addresses([origin, target])
    with inputs.world() as world:
        _told(move_records(world, old, new), f"{old} is recorded as {new}.")


@app.command("pull")
@reads_manifests
def pull_state(inputs: ManifestInputs) -> None:
    """Print the whole record as JSON; secrets stand in it by name only.

    Example: dpaas state pull > state.json
    """
    with inputs.world() as world:
        snapshot = world.store.snapshot(world.project.scope)
        scope = world.project.scope
    document = {
        "format": 1,
        "scope": [scope.platform, scope.environment, scope.stack],
        "lineage": snapshot.lineage,
        "serial": snapshot.serial,
        "resources": [record.to_json() for record in _sorted(snapshot.resources.values())],
        "unfinished_steps": [
            {"step": intent.step_id, "operation": intent.operation.value, "address": str(intent.address)}
            for intent in snapshot.intents
        ],
    }
    print(json.dumps(document, indent=2))


def _told(result: Edited | Diagnostic, sentence: str) -> None:
    if isinstance(result, Diagnostic):
        report.fail(result)
    print(sentence)
    print(f"The state as it was: {result.backup}")


def _sorted(records: Iterable[ResourceState]) -> list[ResourceState]:
    return sorted(records, key=lambda record: record.key)


def _name(record: ResourceState) -> str:
    status = record.status.value
    return str(record.address) if status == "current" else f"{record.address} ({status} {record.instance})"
