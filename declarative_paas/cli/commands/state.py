"""`dpaas state`: what is recorded, and repairs of the record that touch nothing real."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from declarative_paas.cli import report
from declarative_paas.cli.commands.index import command_group
from declarative_paas.cli.inputs import ManifestInputs, reads_manifests
from declarative_paas.cli.planoptions import parse_addresses

if TYPE_CHECKING:
    from collections.abc import Iterable

    from declarative_paas.core.resource import ResourceState

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


def _sorted(records: Iterable[ResourceState]) -> list[ResourceState]:
    return sorted(records, key=lambda record: record.key)


def _name(record: ResourceState) -> str:
    status = record.status.value
    return str(record.address) if status == "current" else f"{record.address} ({status} {record.instance})"
