"""Approved equals applied: whether a plan that was made just now may run on the approval of an earlier one.

By a digest, when both do the same. By the approved plan itself, also when the new one is what is left of it: each
of its changes was approved as it is, at no higher risk, and each approved change that it lacks is true already.
Such a rest is closed under its dependencies: whatever it stands on is either in it or there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.plan import Action, Change, Plan
from declarative_paas.core.resource import InstanceStatus, Resource, ResourceState
from declarative_paas.core.values import UNKNOWN, Attributes, Reference, Value, encode, is_list, is_map
from declarative_paas.workflow.deploy import Planned
from declarative_paas.workflow.git_changes import Checkout, GitError
from declarative_paas.workflow.project import Project
from declarative_paas.workflow.since import Difference, Key, Kind, changes_by_key, differences, risen_risks
from declarative_paas.workflow.stale import StalePlan


class NotApproved(Exception):
    """The plan is not the approved one, nor what is left of it. `reasons` are for a person, one a line."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__("this is not what was approved: " + "; ".join(reasons))
        self.reasons = tuple(reasons)


def check_digest(digest: str, plan: Plan) -> None:
    """The same actions as the approved ones, or nothing to do at all. Raises NotApproved."""
    if plan.is_empty or plan.digest() == digest:
        return
    raise NotApproved(
        [
            f"approved was the plan {digest}, this one is {plan.digest()}",
            "what differs can be told by the approved plan's file only: --approved FILE",
        ]
    )


def check_plan(approved: Plan, planned: Planned, now: datetime) -> None:
    """The same, or what is left of it. Raises NotApproved, with how the two differ."""
    plan = planned.plan
    assert plan is not None, "only a plan can be what was approved"
    reasons = list(_another_thing(approved, plan, now))
    if not reasons:
        reasons = [str(item) for item in departures(approved, planned)]
    if reasons:
        raise NotApproved(reasons)


def departures(approved: Plan, planned: Planned) -> list[Difference]:
    """What the new plan does that was not approved, and what was approved and is neither done nor true."""
    plan = planned.plan
    assert plan is not None, "only a plan can depart from another"
    before, after = changes_by_key(approved), changes_by_key(plan)
    told: dict[Key, list[Difference]] = {key: [] for key in before | after}
    for item in differences(approved, plan):
        for key in ((item.address, False), (item.address, True)):
            if key in told:
                told[key].append(item)
    found: list[Difference] = []
    for key in sorted(told):
        old, new = before.get(key), after.get(key)
        if old is None:
            found.extend(told[key])
        elif new is None:
            if not _is_true(old, planned):
                text = f"{old.action.value} was approved; it is not in this plan, and not so already"
                found.append(Difference(kind=Kind.REMOVED, address=key[0], text=text))
        elif not (_same(old, new, wanted := planned.desired.get(new.address)) or _is_other_half(old, new, wanted)):
            found.extend(told[key])
        else:
            found.extend(risen_risks(old, new))
    return list(dict.fromkeys(found))


def check_provenance(project: Project, plan: Plan, now: datetime) -> None:
    """A saved plan is for the commits and the time that it tells. Raises StalePlan."""
    made_of = plan.provenance
    if made_of is None:
        return
    moved: list[str] = []
    if made_of.is_expired(now) and made_of.expires is not None:
        moved.append(f"it held until {made_of.expires.isoformat(timespec='seconds')}")
    try:
        if made_of.head is not None or made_of.base is not None:
            checkout = Checkout.around(project.directory)
            if made_of.head not in (None, checkout.head()):
                moved.append(f"it was made of commit {made_of.head}, and {checkout.head()} is checked out")
            if made_of.base is not None and not checkout.contains(made_of.base):
                moved.append(f"what is checked out does not contain commit {made_of.base}, which it was compared with")
    except GitError as problem:
        moved.append(f"which commit is checked out cannot be told: {problem}")
    if moved:
        raise StalePlan(moved)


def _another_thing(approved: Plan, plan: Plan, now: datetime) -> Iterator[str]:
    """What makes an approval one for something else, whatever its actions are."""
    if approved.scope != plan.scope:
        yield f"it was approved for {approved.scope}, not for {plan.scope}"
    if approved.lineage and plan.lineage and approved.lineage != plan.lineage:
        yield "it was approved for another state (its lineage differs)"
    if approved.serial > plan.serial:
        yield f"it was approved at serial {approved.serial} of the state, which is at {plan.serial}: an older state"
    if approved.provenance is not None and approved.provenance.is_expired(now):
        assert approved.provenance.expires is not None, "only what has an end expires"
        yield f"the approval held until {approved.provenance.expires.isoformat(timespec='seconds')}"


def _same(old: Change, new: Change, wanted: Resource | None) -> bool:
    """The same action; a value that was known after apply only may be known by now, from where it was to come."""
    return (
        (old.action, old.region, old.prior_region, old.moved_from, old.create_before_destroy, old.retains)
        == (new.action, new.region, new.prior_region, new.moved_from, new.create_before_destroy, new.retains)
        and encode(old.before) == encode(new.before)
        and _agree(old.after, new.after, None if wanted is None else wanted.attributes)
    )


def _is_other_half(old: Change, new: Change, wanted: Resource | None) -> bool:
    """What is left of a change of two steps of which one is done, or of a deletion that happened by itself."""
    match old.action, new.action:
        case Action.REPLACE, Action.CREATE:
            # The old one is gone, the new one was not made.
            attributes = None if wanted is None else wanted.attributes
            return old.region == new.region and _agree(old.after, new.after, attributes)
        case Action.REPLACE, Action.DELETE:
            # The new one is there, the old one was not removed.
            return new.instance == old.prior_instance
        case Action.DELETE, Action.FORGET:
            return new.instance == old.instance
        case _:
            return False


def _agree(then: Value, now: Value, wanted: Value) -> bool:
    """`wanted` is what the manifests say at the same place: a value there is no reference that was resolved."""
    if isinstance(then, Reference):
        return then in (now, wanted)
    if then is UNKNOWN:
        return now is UNKNOWN or isinstance(wanted, Reference)
    if is_map(then) and is_map(now):
        declared: Mapping[str, Value] = wanted if is_map(wanted) else {}
        return then.keys() == now.keys() and all(_agree(then[key], now[key], declared.get(key)) for key in then)
    if is_list(then) and is_list(now):
        listed = list(wanted) if is_list(wanted) and len(wanted) == len(then) else [None] * len(then)
        return len(then) == len(now) and all(map(_agree, then, now, listed))
    return bool(encode(then) == encode(now))


def _is_true(change: Change, planned: Planned) -> bool:
    """Whether what was approved is so already: recorded as it was to be, and read to be so, for it plans no change."""
    current = _current(planned).get(change.address)
    match change.action:
        case Action.DELETE | Action.FORGET:
            standing = {key[1] for key in planned.snapshot.resources if key[0] == change.address}
            return change.instance not in standing
        case Action.CREATE | Action.UPDATE | Action.REPLACE:
            wanted = planned.desired.get(change.address)
            if current is None or wanted is None or current.region != change.region:
                return False
            return _agrees_with_record(change.after or {}, current, wanted)


def _agrees_with_record(after: Attributes, record: ResourceState, wanted: Resource) -> bool:
    return all(
        name in record.attributes and _agree(value, record.attributes[name], wanted.attributes.get(name))
        for name, value in after.items()
    )


def _current(planned: Planned) -> dict[ResourceAddress, ResourceState]:
    return {
        record.address: record
        for record in planned.snapshot.resources.values()
        if record.status is InstanceStatus.CURRENT
    }
