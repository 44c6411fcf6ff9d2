"""Promise 7: data is destroyed only where a confirmation, or a declaration, names it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.diagnostic import Diagnostic, error, nearest, warning
from declarative_paas.core.plan import Action, Change
from declarative_paas.plan.inputs import PlanInputs
from declarative_paas.plan.prior import begun_only


def unconfirmed(inputs: PlanInputs, changes: Sequence[Change], told: Collection[Diagnostic]) -> list[Diagnostic]:
    """An error for each change that destroys what is protected and that nothing agrees to.

    Of an address that `told` has an error about already, a confirmation would be the wrong way out.
    """
    refused = {diagnostic.address for diagnostic in told if diagnostic.is_error}
    consents = {declared.address for declared in inputs.removals if declared.destroy}
    return [
        error(
            "unconfirmed-data-loss",
            f"{change.action.value} of {change.address} destroys its data",
            change.position,
            expected=f"--confirm {change.address}",
            detail="; ".join(change.causes),
            address=str(change.address),
        )
        for change in changes
        if change.action in (Action.DELETE, Action.REPLACE)
        and not change.retains
        and _protected(inputs, change)
        and change.address not in inputs.confirmed
        and not (change.action is Action.DELETE and change.address in consents)
        and str(change.address) not in refused
    ]


def unknown_confirmations(inputs: PlanInputs, known: Collection[ResourceAddress]) -> list[Diagnostic]:
    """A warning for each `--confirm` that names nothing: whoever gave it meant something else."""
    return [
        warning(
            "unknown-confirm",
            f"--confirm {address} confirms nothing: nothing of that address is declared or recorded",
            expected="the address of a resource, as plans print it",
            suggestion=nearest(str(address), [str(other) for other in known]),
            address=str(address),
        )
        for address in sorted(inputs.confirmed)
        if address not in known
    ]


def consented(inputs: PlanInputs, changes: Mapping[ResourceAddress, Change]) -> set[ResourceAddress]:
    """What a `removed` declaration lets this plan destroy. It lets nothing be replaced."""
    return {
        declared.address
        for declared in inputs.removals
        if declared.destroy and (change := changes.get(declared.address)) is not None and change.action is Action.DELETE
    }


def _protected(inputs: PlanInputs, change: Change) -> bool:
    """By its recorded `protect`, else whether it holds data.

    What is recorded was applied once: neither the manifests, which may have lost the whole block or lift
    the protection only now, nor a change made outside can take it away.
    """
    key = (change.address, change.prior_instance or change.instance)
    record = inputs.snapshot.resources.get(key)
    if record is None and begun_only(inputs.snapshot, key):
        return False
    before = change.before or {} if record is None else record.attributes
    protect = before.get("protect")
    return bool(protect) if protect is not None else inputs.types[change.address.type].holds_data(before)
