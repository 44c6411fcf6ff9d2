"""What the sealed approval in a status is good for, and what it is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from declarative_paas.ci.seal import Approval, approval_in, sealed_text
from declarative_paas.vault.keyring import Keyring

KEY = Keyring(b"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
OTHER = Keyring(b"YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXowMTIzNDU=")
APPROVAL = Approval(
    scope="acme/default/main",
    commit="c" * 40,
    digest="d" * 64,
    until=datetime(2026, 5, 1, 12, tzinfo=UTC),
    checksum="e" * 64,
)


def test_it_comes_back_and_fits_into_a_status_of_github() -> None:
    text = sealed_text(APPROVAL, KEY, "+1 ~2 -3", 140)
    assert len(text) <= 140
    assert text.startswith("+1 ~2 -3 plan ")
    found = approval_in(text, APPROVAL.scope, APPROVAL.commit, KEY)
    assert found is not None
    assert replace(found.approval, checksum=APPROVAL.checksum) == APPROVAL
    assert not found.is_expired(APPROVAL.until)
    assert found.is_expired(datetime(2026, 5, 1, 12, 0, 1, tzinfo=UTC))


def test_counts_give_way_before_anything_is_cut() -> None:
    text = sealed_text(APPROVAL, KEY, "+10000 ~10000 -10000", 140)
    assert len(text) <= 140
    assert approval_in(text, APPROVAL.scope, APPROVAL.commit, KEY) is not None


@pytest.mark.parametrize("part", ["d" * 64, "until 1", "seal "])
def test_no_part_of_it_can_be_changed(part: str) -> None:
    text = sealed_text(APPROVAL, KEY, "", 140)
    start = text.index(part) + len(part) - (1 if part[0] == "d" else 0)
    wrong = "0" if text[start] != "0" else "1"
    forged = text[:start] + wrong + text[start + 1 :]
    assert forged != text
    assert approval_in(forged, APPROVAL.scope, APPROVAL.commit, KEY) is None


def test_it_holds_for_its_commit_its_scope_and_its_key_only() -> None:
    text = sealed_text(APPROVAL, KEY, "", 140)
    assert approval_in(text, APPROVAL.scope, "f" * 40, KEY) is None
    assert approval_in(text, "acme/production/main", APPROVAL.commit, KEY) is None
    assert approval_in(text, APPROVAL.scope, APPROVAL.commit, OTHER) is None
    assert approval_in("everything is fine", APPROVAL.scope, APPROVAL.commit, KEY) is None


def test_a_saved_plan_is_known_by_its_checksum() -> None:
    found = approval_in(sealed_text(APPROVAL, KEY, "", 140), APPROVAL.scope, APPROVAL.commit, KEY)
    assert found is not None
    assert found.is_of_file(APPROVAL.checksum, KEY)
    assert not found.is_of_file("f" * 64, KEY)
    assert not found.is_of_file("", KEY)
