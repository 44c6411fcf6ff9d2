"""Which replacements make the new one first: those that ask for it, and what these stand on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import replace

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.diagnostic import Diagnostic, error
from declarative_paas.core.plan import Action, Change
from declarative_paas.core.resource import Resource
from declarative_paas.core.resource_type import ResourceType


def put_new_ones_first(
    changes: MutableMapping[ResourceAddress, Change],
    desired: Mapping[ResourceAddress, Resource],
    dependencies: Mapping[ResourceAddress, Iterable[ResourceAddress]],
    order: Sequence[ResourceAddress],
    types: Mapping[str, ResourceType],
) -> list[Diagnostic]:
    """Turns round the replacements that ask for `create_before_destroy`, and every one below them.

    The new one stands on what is replaced below it, and the old one still stands on what is there now: so
    that too must be there twice for a while (Terraform's rule). Where a name can be taken only once that is
    impossible, and an error; a replacement into another region never has that trouble.
    """
    asking = [
        address
        for address, change in changes.items()
        if change.action is Action.REPLACE and desired[address].create_before_destroy
    ]
    if not asking:
        return []
    hindrances = _hindrances(changes, dependencies, order, types)
    reasons: dict[ResourceAddress, str] = {}
    diagnostics: list[Diagnostic] = []
    for address in asking:
        hindrance = hindrances.get(address)
        if hindrance is None:
            reasons[address] = "create_before_destroy: the new one is made first"
        else:
            diagnostics.append(_impossible(changes[address], hindrance))
    for address in reversed(order):
        if address not in reasons:
            continue
        for needed in dependencies.get(address, ()):
            above = address if address in changes else None
            reasons.setdefault(
                needed, reasons[address] if above is None else f"{above} stands on it: the new one is made first"
            )
    for address, reason in reasons.items():
        change = changes.get(address)
        if change is not None and change.action is Action.REPLACE:
            changes[address] = replace(change, create_before_destroy=True, causes=(*change.causes, reason))
    return diagnostics


def _hindrances(
    changes: Mapping[ResourceAddress, Change],
    dependencies: Mapping[ResourceAddress, Iterable[ResourceAddress]],
    order: Sequence[ResourceAddress],
    types: Mapping[str, ResourceType],
) -> dict[ResourceAddress, ResourceAddress]:
    """Address -> the replacement at it or below it that cannot be there twice, if there is one."""
    found: dict[ResourceAddress, ResourceAddress] = {}
    for address in order:
        change = changes.get(address)
        if change is not None and change.action is Action.REPLACE and not _fits_twice(change, types):
            found[address] = address
            continue
        below = next((found[needed] for needed in dependencies.get(address, ()) if needed in found), None)
        if below is not None:
            found[address] = below
    return found


def _fits_twice(change: Change, types: Mapping[str, ResourceType]) -> bool:
    return not types[change.address.type].names_unique or change.region != change.prior_region


def _impossible(change: Change, hindrance: ResourceAddress) -> Diagnostic:
    below = "" if hindrance == change.address else f"{hindrance}, which it stands on, is replaced too, and "
    return error(
        "cannot-create-before-destroy",
        f"{change.address} cannot be made before its old one is deleted: {below}there is one {hindrance.type} of a "
        "name in a region",
        change.position,
        expected=f"no create_before_destroy on {change.address}, or no replacement of {hindrance}",
        address=str(change.address),
    )
