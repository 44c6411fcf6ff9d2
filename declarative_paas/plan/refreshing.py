"""A plan that changes no platform: it takes over into the records what was read."""

from __future__ import annotations

from collections.abc import Callable

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.plan import Change
from declarative_paas.core.resource import ResourceState
from declarative_paas.plan.changes import delete_change
from declarative_paas.plan.drift import drifted, ignored
from declarative_paas.plan.inputs import PlanInputs
from declarative_paas.plan.prior import Priors


def refresh_records(
    inputs: PlanInputs, priors: Priors, chosen: Callable[[ResourceAddress], bool]
) -> tuple[dict[ResourceAddress, Change], list[ResourceState]]:
    """Records of what is gone, to be forgotten, and those that differ from what is, as they are now."""
    forgotten: dict[ResourceAddress, Change] = {}
    refreshed: list[ResourceState] = []
    for address in sorted(priors.current):
        prior = priors.current[address]
        if not chosen(address):
            continue
        if prior.gone:
            forgotten[address] = delete_change(inputs, prior, "")
            continue
        record = drifted(prior, inputs.types[address.type], ignored(inputs.desired, address))
        if record is not None:
            refreshed.append(record)
    return forgotten, refreshed
