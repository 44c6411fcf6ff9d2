"""When a link between two regions is opened and closed: a region is there from its first app to its last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.following import FOLLOWER_TYPE
from declarative_paas.core.graph import topological_order
from declarative_paas.core.links import LINK_TYPE
from declarative_paas.core.plan import Change, Operation, Step

_OPENING = (Operation.CREATE, Operation.UPDATE)


def order_links(steps: Sequence[Step], changes: Sequence[Change]) -> tuple[Step, ...]:
    """The steps, a link's opening after the making of the apps at its two ends, its closing before their removal.

    No dependency: a link does not stand on the apps that use it, and outlives each of them but the last.
    """
    links = [step for step in steps if step.address.type == LINK_TYPE]
    if not links:
        return tuple(steps)
    users, ends = _apps_by_link(changes), _regions_by_link(changes)
    waits = {step.id: set(step.after) for step in steps}
    apps = [step for step in steps if step.address.type == "app"]
    for link in links:
        for app in apps:
            # A link whose apply was killed before anything followed through it is known by its regions alone.
            if link.address in users and app.address.app not in users[link.address]:
                continue
            if link.address not in users and app.region not in ends.get(link.address, ()):
                continue
            if link.operation in _OPENING and app.operation is Operation.CREATE:
                waits[link.id].add(app.id)
            elif link.operation is Operation.DELETE and app.operation is Operation.DELETE:
                waits[app.id].add(link.id)
    by_id = {step.id: step for step in steps}
    return tuple(replace(by_id[name], after=tuple(sorted(waits[name]))) for name in topological_order(waits))


def _apps_by_link(changes: Sequence[Change]) -> Mapping[ResourceAddress, Iterable[str]]:
    """The apps whose add-ons follow, or are followed, through each link."""
    found: dict[ResourceAddress, set[str]] = {}
    for change in changes:
        if change.address.type != FOLLOWER_TYPE:
            continue
        apps = {needed.app for needed in change.dependencies if needed.type == "addon"}
        for needed in change.dependencies:
            if needed.type == LINK_TYPE:
                found.setdefault(needed, set()).update(apps)
    return found


def _regions_by_link(changes: Sequence[Change]) -> Mapping[ResourceAddress, Iterable[str]]:
    """The two regions of each link."""
    found: dict[ResourceAddress, Iterable[str]] = {}
    for change in changes:
        attributes = change.after or change.before
        if change.address.type == LINK_TYPE and attributes is not None:
            found[change.address] = (str(attributes["from"]), str(attributes["to"]))
    return found
