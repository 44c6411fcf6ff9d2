"""What is told of a follower, from what its two servers tell: pure."""

from __future__ import annotations

from pathlib import Path

import pytest

from declarative_paas.core.follow import FollowIdentity, FollowState
from declarative_paas.providers.addons.postgres_config import (
    FOLLOWERS,
    HBA,
    MAX_FOLLOWERS,
    MOST_KEPT_MB,
    container_hba,
    postgresql_conf,
)
from declarative_paas.providers.addons.postgres_follow_facts import objections, publication_tables, status_at_source
from declarative_paas.providers.addons.postgres_follow_log import Failure, last_failure
from declarative_paas.providers.addons.postgres_follow_names import (
    follower_role,
    holder_role,
    is_stream,
    new_slot,
    slot_of,
    snapshot_id,
    stream_name,
)
from declarative_paas.transfer.follower_sides import difference

FACTS = {
    "wal_level": "logical",
    "slots_left": 20,
    "large_objects": 0,
    "unlogged": [],
    "views": [],
    "extensions": [],
}
SLOT = {"kept": "reserved", "active": True, "state": "streaming", "lag_bytes": 10, "lag_s": 0.5, "inactive_s": None}
IDENTITY = FollowIdentity(source_instance="addon-1", target_instance="addon-2")


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"wal_level": "replica"}, "follow-older-server"),
        ({"slots_left": 1}, "follow-too-many"),
        ({"large_objects": 3}, "follow-large-objects"),
    ],
)
def test_what_a_stream_cannot_be_made_of_is_refused_with_a_way_out(facts: dict[str, object], code: str):
    [found] = objections({**FACTS, **facts}, [])
    assert (found.code, found.is_error) == (code, True)
    assert found.expected


def test_a_source_that_can_be_followed_has_no_objections():
    assert objections(FACTS, [{"schema": "public", "name": "orders", "has_identity": True}]) == []


def test_a_hundred_tables_without_a_key_are_named_in_one_sentence():
    tables = [{"schema": "s", "name": f"t{number:03}", "has_identity": number == 7} for number in range(100)]
    [found] = objections(FACTS, tables)
    assert "s.t000" in found.summary
    assert found.summary.endswith("and 89 more")


@pytest.mark.parametrize(
    ("slot", "unpublished", "state"),
    [
        ({}, [], FollowState.STREAMING),
        ({"state": "catchup"}, [], FollowState.CATCHING_UP),
        ({"active": False, "state": None, "inactive_s": 9.0}, [], FollowState.STOPPED),
        ({"kept": "lost", "active": False}, [], FollowState.BROKEN),
        ({}, ["public.later"], FollowState.BROKEN),
    ],
)
def test_a_source_tells_how_its_follower_does(slot: dict[str, object], unpublished: list[str], state: FollowState):
    status = status_at_source({**SLOT, **slot}, unpublished)
    assert status.state is state
    assert (status.problem is not None) == (state is FollowState.BROKEN)


def test_a_follower_without_lag_is_not_late():
    status = status_at_source({**SLOT, "lag_bytes": 0, "lag_s": 3.0}, [])
    assert (status.lag_bytes, status.lag_s) == (0, 0.0)


@pytest.mark.parametrize(
    ("source", "target", "words"),
    [
        ({"t": "a int"}, {"t": "a int"}, ()),
        ({"t": "a int", "u": "b int"}, {"t": "a int"}, ("u",)),
        ({"t": "a int"}, {"t": "a int", "u": "b int"}, ("u", "no more")),
        ({"t": "a int, b text"}, {"t": "a int"}, ("t", "b text")),
        ({"t": "a bigint"}, {"t": "a int"}, ("a bigint", "no a int")),
    ],
)
def test_tables_that_differ_are_named(source: dict[str, str], target: dict[str, str], words: tuple[str, ...]):
    found = difference(source, target)
    assert bool(found) == bool(words)
    assert all(word in found for word in words)


def test_names_are_told_apart_by_both_instances_and_fit_into_an_identifier():
    other = FollowIdentity(source_instance="addon-1", target_instance="addon-3")
    assert stream_name(IDENTITY) != stream_name(other)
    assert follower_role(IDENTITY) != follower_role(other)
    assert is_stream(stream_name(IDENTITY))
    assert not is_stream("dpaas_followers")
    assert new_slot(IDENTITY) != new_slot(IDENTITY)
    assert max(map(len, (new_slot(IDENTITY) + "_copy", follower_role(IDENTITY), holder_role("x" * 63)))) <= 63


def test_a_copy_tells_which_slot_it_belongs_to():
    slot = new_slot(IDENTITY)
    assert slot_of(snapshot_id("00000003-1", slot)) == slot
    assert slot_of("00000003-1") == ""


def test_a_table_is_published_alone_and_quoted():
    assert publication_tables([{"schema": "s", "name": 'a"b'}]) == ' FOR TABLE ONLY "s"."a""b"'
    assert publication_tables([]) == ""


def test_a_follower_s_role_never_comes_for_physical_replication_and_never_by_the_socket():
    for hba in (HBA, container_hba()):
        lines = [line.split() for line in hba.splitlines() if line and not line.startswith("#")]
        assert not [line for line in lines if "replication" in line[1]]
        assert [line[0] for line in lines if f"+{FOLLOWERS}" in line] == ["host"]
    assert MAX_FOLLOWERS >= 10


ORIGIN = 'CONTEXT:  processing remote data for replication origin "pg_{}" during message type "INSERT" in transaction 7'
AT = "2026-11-24 17:00:00.000 UTC"


@pytest.mark.parametrize(
    ("lines", "failure"),
    [
        ([], None),
        ([f"{AT} [7] ERROR:  something else", f"{AT} [8] app@db ERROR:  theirs"], None),
        (
            [f"{AT} [7] ERROR:  duplicate key", f"{AT} [9] ERROR:  x", f"{AT} [7] {ORIGIN.format(5)}"],
            Failure(message="duplicate key", is_final=True),
        ),
        ([f"{AT} [7] ERROR:  duplicate key", f"{AT} [7] {ORIGIN.format(55)}"], None),
        (
            [f"{AT} [7] ERROR:  could not extend file: No space left on device", f"{AT} [7] {ORIGIN.format(5)}"],
            Failure(message="could not extend file: No space left on device", is_final=False),
        ),
        (
            [
                f"{AT} [7] ERROR:  duplicate key",
                f"{AT} [7] {ORIGIN.format(5)}",
                f'{AT} [8] ERROR:  apply worker for subscription "dpaas_1" could not connect to the publisher',
            ],
            Failure(
                message='apply worker for subscription "dpaas_1" could not connect to the publisher', is_final=False
            ),
        ),
    ],
)
def test_a_server_s_last_words_of_one_subscription_are_found_among_others(lines: list[str], failure: Failure | None):
    assert last_failure(lines, stream="dpaas_1", origin="pg_5") == failure


@pytest.mark.parametrize(("major", "has_origins"), [(0, False), (15, False), (17, False), (18, True)])
def test_every_server_can_be_followed_and_knows_each_of_its_settings(major: int, has_origins: bool):
    here = Path("/x")
    conf = postgresql_conf(data=here, hba=here, socket_directory=here, port=5432, major=major)
    assert "wal_level = 'logical'" in conf
    assert f"max_slot_wal_keep_size = '{MOST_KEPT_MB}MB'" in conf
    assert ("max_active_replication_origins" in conf) == has_origins
