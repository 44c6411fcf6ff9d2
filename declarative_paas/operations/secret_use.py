"""Who uses a stored secret."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.resource import Resource
from declarative_paas.core.state import Snapshot
from declarative_paas.core.values import secret_refs


def users_of(name: str, snapshot: Snapshot) -> list[ResourceAddress]:
    """The recorded resources that were made with any version of the secret, sorted."""
    return sorted(
        {
            record.address
            for record in snapshot.resources.values()
            if any(ref.name == name for ref in secret_refs([record.attributes, record.outputs]))
        }
    )


def affected_by(names: Collection[str], desired: Mapping[ResourceAddress, Resource]) -> list[ResourceAddress]:
    """The desired resources that a new value of these secrets reaches: who uses one, and who depends on that.

    Only the last ones, sorted: the formations, and whatever no formation stands on. A plan of them takes in the
    rest, for they need it. A generated secret is named by its address.
    """
    dependents: dict[ResourceAddress, list[ResourceAddress]] = {}
    open_ends: list[ResourceAddress] = []
    for address, resource in desired.items():
        for needed in resource.dependencies():
            dependents.setdefault(needed, []).append(address)
        if str(address) in names or any(ref.name in names for ref in secret_refs(resource.attributes)):
            open_ends.append(address)
    found: set[ResourceAddress] = set()
    while open_ends:
        address = open_ends.pop()
        if address not in found:
            found.add(address)
            open_ends.extend(dependents.get(address, ()))
    rolled_out = {address.app for address in found if address.type == "formation"}
    return sorted(address for address in found if address.type == "formation" or address.app not in rolled_out)
