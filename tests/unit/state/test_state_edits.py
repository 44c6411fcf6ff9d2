"""`removal` and `move`: what is committed for a wish about a snapshot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.plan import Operation
from declarative_paas.core.provider import InstanceKey
from declarative_paas.core.resource import InstanceStatus, ResourceState
from declarative_paas.core.state import Intent, Snapshot, StateError, StepResult
from declarative_paas.core.values import Attributes, Reference
from declarative_paas.state.edit import move, removal


def at(text: str) -> ResourceAddress:
    return ResourceAddress.parse(text)


def record(
    address: str, attributes: Attributes | None = None, *, needs: Sequence[str] = (), instance: str = "i1"
) -> ResourceState:
    return ResourceState(
        address=at(address),
        instance=instance,
        region="us",
        remote_id=f"remote-{instance}",
        attributes=attributes or {},
        dependencies=tuple(at(text) for text in needs),
        status=InstanceStatus.CURRENT if instance == "i1" else InstanceStatus.DEPOSED,
    )


def snapshot(*records: ResourceState, intents: Sequence[Intent] = ()) -> Snapshot:
    return Snapshot(lineage="l", serial=1, resources={item.key: item for item in records}, intents=intents)


def unfinished(address: str) -> Intent:
    return Intent(
        step_id=f"create:{address}#i1", operation=Operation.CREATE, address=at(address), instance="i1", region="us"
    )


def committed(before: Snapshot, results: Sequence[StepResult]) -> Mapping[InstanceKey, ResourceState]:
    """What a store has after the results."""
    after = dict(before.resources)
    for result in results:
        if result.remove is not None:
            del after[result.remove]
        if result.put is not None:
            after[result.put.key] = result.put
    return after


def test_a_removal_forgets_every_instance_and_nothing_else() -> None:
    before = snapshot(
        record("addon.shop/DB"),
        record("addon.shop/DB", instance="i0"),
        record("addon.shop/DB2"),
        record("attachment.shop/DB", needs=["addon.shop/DB"]),
    )
    after = committed(before, removal(before, at("addon.shop/DB")))
    assert [str(key[0]) for key in after] == ["addon.shop/DB2", "attachment.shop/DB"]
    assert after[(at("attachment.shop/DB"), "i1")] == before.resources[(at("attachment.shop/DB"), "i1")]


def test_a_removal_forgets_the_unfinished_steps_there_too() -> None:
    before = snapshot(record("app.shop"), intents=[unfinished("addon.shop/DB"), unfinished("addon.blog/DB")])
    (result,) = removal(before, at("addon.shop/DB"))
    assert (result.step_id, result.put, result.remove, result.keep_intent) == (
        "create:addon.shop/DB#i1",
        None,
        None,
        False,
    )


@pytest.mark.parametrize("wanted", ["addon.shop/DATABSE", "addon.shop/database"])
def test_an_unknown_address_is_refused_with_the_nearest_known(wanted: str) -> None:
    before = snapshot(record("addon.shop/DATABASE"), record("app.shop"))
    words = f"nothing is recorded at {wanted}: did you mean addon.shop/DATABASE"
    with pytest.raises(StateError, match=words):
        removal(before, at(wanted))
    with pytest.raises(StateError, match=words):
        move(before, at(wanted), at("addon.shop/OTHER"))


def test_in_an_empty_state_nothing_is_near() -> None:
    with pytest.raises(StateError, match=r"nothing is recorded at app\.shop$"):
        removal(snapshot(), at("app.shop"))


def test_a_move_takes_every_instance_along_and_changes_nothing_but_the_address() -> None:
    old = [record("addon.shop/DB", {"plan": "p"}), record("addon.shop/DB", {"plan": "o"}, instance="i0")]
    before = snapshot(*old)
    after = committed(before, move(before, at("addon.shop/DB"), at("addon.shop/DATABASE")))
    assert after == {
        (at("addon.shop/DATABASE"), item.instance): ResourceState(
            address=at("addon.shop/DATABASE"),
            instance=item.instance,
            region="us",
            remote_id=item.remote_id,
            attributes=item.attributes,
            status=item.status,
        )
        for item in old
    }


def test_a_move_redirects_the_dependencies_and_references_of_others_however_deep() -> None:
    ours, theirs = Reference(at("addon.shop/DB"), "url"), Reference(at("addon.blog/DB"), "url")
    before = snapshot(
        record("addon.shop/DB"),
        record(
            "config.shop",
            {"URL": ours, "deep": [{"list": [1, ours, theirs]}], "text": "addon.shop/DB"},
            needs=["addon.shop/DB", "app.shop"],
        ),
        record("config.blog", {"URL": theirs}, needs=["addon.blog/DB"]),
    )
    results = move(before, at("addon.shop/DB"), at("addon.shop/A"))
    moved = Reference(at("addon.shop/A"), "url")
    changed = committed(before, results)[(at("config.shop"), "i1")]
    assert changed.attributes == {
        "URL": moved,
        "deep": [{"list": [1, moved, theirs]}],
        "text": "addon.shop/DB",
    }
    assert changed.dependencies == (at("addon.shop/A"), at("app.shop"))
    assert len(results) == 2, "what names it not is not written"


def test_a_move_there_and_back_changes_nothing() -> None:
    before = snapshot(
        record("addon.shop/DB"),
        record("config.shop", {"URL": Reference(at("addon.shop/DB"), "url")}, needs=["addon.shop/DB"]),
    )
    there = committed(before, move(before, at("addon.shop/DB"), at("addon.shop/X")))
    back = Snapshot(lineage="l", serial=2, resources=there)
    assert committed(back, move(back, at("addon.shop/X"), at("addon.shop/DB"))) == before.resources


REFUSALS = {
    "another type": ("addon.shop/DB", "config.shop/NEW", r"keeps its type; did you mean addon\.shop/NEW\?"),
    "a taken target": ("addon.shop/DB", "addon.shop/REDIS", r"addon\.shop/REDIS is taken"),
    "a target with an unfinished step": ("addon.shop/DB", "addon.shop/NEW", r"addon\.shop/NEW is taken"),
    "itself": ("addon.shop/DB", "addon.shop/DB", r"addon\.shop/DB"),
    "an unfinished step": ("addon.shop/BUSY", "addon.shop/FREE", r"unfinished step .create:addon\.shop/BUSY#i1."),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_move_is_refused(case: str) -> None:
    from_, to, words = REFUSALS[case]
    before = snapshot(
        record("addon.shop/DB"),
        record("addon.shop/REDIS"),
        record("addon.shop/BUSY"),
        intents=[unfinished("addon.shop/NEW"), unfinished("addon.shop/BUSY")],
    )
    with pytest.raises(StateError, match=words):
        move(before, at(from_), at(to))
