"""Exceptions as a person reads them."""

from __future__ import annotations

from datetime import UTC, datetime

from declarative_paas.cli.failure import describe
from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.core.state import LeaseLost, LockHeld, StateError
from declarative_paas.vault.keyring import VaultError
from declarative_paas.workflow.stale import StalePlan

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_a_provider_tells_its_code_and_the_last_lines() -> None:
    failure = ProviderError(ErrorKind.FAILED, "web.1 never bound $PORT", code="R10", detail=["starting", "waiting"])
    assert describe(failure) == "error: web.1 never bound $PORT [R10]\n  | starting\n  | waiting"


def test_what_a_dyno_printed_cannot_steer_the_terminal() -> None:
    told = describe(ProviderError(ErrorKind.FAILED, "crashed", detail=["\x1b]0;owned\x07", "a\tb"]))
    assert told is not None
    assert not {"\x1b", "\x07", "\t"} & set(told)
    assert len(told.splitlines()) == 3


def test_a_held_lock_tells_by_whom_and_until_when() -> None:
    told = describe(LockHeld("ann@host (process 7)", NOON, NOON))
    assert told is not None
    assert "ann@host (process 7)" in told
    assert "expires by itself" in told


def test_a_stale_plan_tells_each_thing_that_moved() -> None:
    told = describe(StalePlan(["app.a is not as it was read", "app.b is not declared any more"]))
    assert told is not None
    assert told.splitlines()[1:3] == ["  - app.a is not as it was read", "  - app.b is not declared any more"]


def test_states_vaults_and_files_are_told_in_their_own_words() -> None:
    assert describe(StateError("the state is damaged")) == "error: the state is damaged"
    assert describe(VaultError("no key file at k")) == "error: no key file at k"
    assert describe(PermissionError(13, "Permission denied", "plan.json")) == "error: plan.json: Permission denied"
    lost = describe(LeaseLost("our lock has expired"))
    assert lost is not None
    assert "our lock has expired" in lost


def test_what_only_a_bug_raises_has_no_description() -> None:
    assert describe(KeyError("hunter2")) is None
