"""Comparing fingerprints: what differs, is missing or too much is found; what cannot be compared is only counted."""

from __future__ import annotations

import pytest

from declarative_paas.core.copy_result import (
    CopyIdentity,
    CopyNotVerified,
    CopyResult,
    Fingerprint,
    Verdict,
)
from declarative_paas.transfer.verify import compare


def table(name: str, rows: int = 3, digest: str = "a", dialect: str = "") -> Fingerprint:
    return Fingerprint(kind="table", name=name, rows=rows, digest=digest, dialect=dialect)


@pytest.mark.parametrize(
    ("target", "verdict", "words"),
    [
        ([table("t")], Verdict.SAME, ""),
        ([table("t", rows=2)], Verdict.DIFFERENT, "3 rows in the source, 2 in the target"),
        ([table("t", digest="b")], Verdict.DIFFERENT, "its content differs"),
        ([], Verdict.MISSING, "is not in the target"),
    ],
)
def test_a_table_is_compared_by_rows_and_content(target: list[Fingerprint], verdict: Verdict, words: str):
    [row] = compare([table("t")], target).rows
    assert (row.verdict, row.difference) == (verdict, words)


def test_what_only_the_target_has_fails_the_verification():
    found = compare([], [table("t")])
    assert (found.ok, found.wrong[0].verdict) == (False, Verdict.EXTRA)


def test_digests_of_two_dialects_are_not_compared_but_rows_are():
    assert compare([table("t", dialect="17")], [table("t", digest="b", dialect="18")]).ok
    assert not compare([table("t", dialect="17")], [table("t", rows=1, dialect="18")]).ok


def test_the_order_of_fingerprints_is_irrelevant():
    found = [table(name) for name in "cab"]
    assert compare(found, reversed(found)) == compare(reversed(found), found)
    assert [row.name for row in compare(found, found).rows] == ["a", "b", "c"]


def test_a_result_survives_its_json_form():
    result = CopyResult(
        identity=CopyIdentity(source_instance="a", target_instance="b"),
        snapshot="00000003-0000001B-1",
        source_version="15.14",
        target_version="18.6",
        bytes_copied=12,
        rows_copied=3,
        copy_seconds=1.5,
        verify_seconds=0.25,
        notes=("left out",),
        verification=compare([table("t"), table("u")], [table("t")]),
    )
    assert CopyResult.from_json(result.to_json()) == result


def test_a_copy_that_differs_names_what_differs():
    problem = CopyNotVerified(compare([table("t"), table("u")], [table("t")]))
    assert (str(problem), problem.detail) == (
        "the copy differs from its source in 1 of 2 comparisons",
        ("table u: is not in the target",),
    )
