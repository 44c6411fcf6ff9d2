"""A pulled state is read back as it was, and anything else is refused with what is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.plan import Operation
from declarative_paas.core.resource import InstanceStatus, ResourceState
from declarative_paas.core.state import Intent, Snapshot, StateError
from declarative_paas.core.values import SecretRef
from declarative_paas.state.document import StateDocument


def record(address: str, instance: str = "i1", status: InstanceStatus = InstanceStatus.CURRENT) -> ResourceState:
    return ResourceState(
        address=ResourceAddress.parse(address),
        instance=instance,
        region="us",
        remote_id="r",
        attributes={"vars": {"KEY": SecretRef("shop/key", 2, "d1"), "$ref": "mine"}},
        status=status,
    )


def document(*records: ResourceState) -> StateDocument:
    begun = Intent(
        step_id="create:app.blog#i9",
        operation=Operation.CREATE,
        address=ResourceAddress("app", "blog"),
        instance="i9",
        region="eu",
    )
    snapshot = Snapshot(lineage="l1", serial=7, resources={item.key: item for item in records}, intents=(begun,))
    return StateDocument(scope=Scope("acme", "staging"), snapshot=snapshot)


def test_it_is_read_back_as_it_was() -> None:
    whole = document(
        record("config.shop"),
        record("addon.shop/DATABASE"),
        record("addon.shop/DATABASE", "i0", InstanceStatus.DEPOSED),
    )
    again = StateDocument.parse(json.dumps(whole.to_json()))
    assert again == whole
    assert again.snapshot.resources[(ResourceAddress("config", "shop"), "i1")].attributes["vars"]["KEY"].version == 2


FIRST = record("config.shop").to_json()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"format": 2}, "format 2, this version knows 1"),
        ({"scope": ["acme"] * 4}, "head makes no sense"),
        ({"scope": None}, "head makes no sense"),
        ({"scope": [1]}, "head makes no sense"),
        ({"serial": "7"}, "serial is '7'"),
        ({"serial": True}, "serial is True"),
        ({"serial": -1}, "serial is -1"),
        ({"lineage": None}, "head makes no sense"),
        ({"resources": None}, "no list of resources"),
        ({"resources": [7]}, "resource 1 makes no sense"),
        ({"resources": [FIRST, {**FIRST, "address": "nonsense"}]}, "resource 2 makes no sense"),
        ({"resources": [{**FIRST, "address": "dragon.shop"}]}, "no resource type dragon"),
        ({"resources": [{**FIRST, "attributes": 7}]}, "attributes is no mapping"),
        ({"resources": [{**FIRST, "instance": 7}]}, "7 is no text"),
        ({"resources": [{**FIRST, "status": "lost"}]}, "resource 1 makes no sense"),
        ({"resources": [FIRST, FIRST]}, "config.shop is in it twice"),
        ({"resources": [FIRST, {**FIRST, "instance": "other"}]}, "config.shop is in it twice"),
        ({"unfinished_steps": {}}, "no list of unfinished_steps"),
        ({"unfinished_steps": [{"step": "x"}]}, "unfinished step 1 makes no sense"),
    ],
)
def test_what_makes_no_sense_is_told(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(StateError, match="the pushed state") as refusal:
        StateDocument.parse(json.dumps({**document().to_json(), **changes}))
    assert told in str(refusal.value)


@pytest.mark.parametrize("text", ["[]", "{}", "7", "null"])
def test_other_json_is_told_to_be_no_state(text: str) -> None:
    with pytest.raises(StateError, match="is no state"):
        StateDocument.parse(text)


@pytest.mark.parametrize("data", [b"", b"\xff{", b"{", b"[" * 100_000])
def test_what_is_not_json_is_told_to_be_none(data: bytes) -> None:
    with pytest.raises(StateError, match="is not JSON"):
        StateDocument.parse(data)
