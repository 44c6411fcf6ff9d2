"""The rules for a formation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from declarative_paas.catalog.limits import FormationViolation, formation_limits
from declarative_paas.catalog.load import extended, packaged

Formation = dict[str, tuple[str, int]]


def broken(formation: Formation) -> list[tuple[str, tuple[str, ...], str | None]]:
    return [(found.rule, found.process_types, found.suggestion) for found in formation_limits(packaged(), formation)]


@pytest.mark.parametrize(
    "formation",
    [
        {},
        {"web": ("eco", 1), "worker": ("eco", 1)},
        {"web": ("basic", 1)},
        {"web": ("standard-1x", 100)},
        {"web": ("standard-2x", 90), "worker": ("performance-m", 10)},
        {"web": ("performance-l", 10), "worker": ("performance-2xl", 10)},
        {"web": ("standard-1x", 1), "clock": ("eco", 0)},
        {"web": ("eco", 0), "worker": ("basic", 1)},
    ],
)
def test_a_formation_within_the_limits_breaks_no_rule(formation: Formation) -> None:
    assert broken(formation) == []


@pytest.mark.parametrize(
    ("formation", "expected"),
    [
        ({"web": ("standard-1x", 101)}, [("dynos-per-app", ("web",), None)]),
        ({"b": ("standard-1x", 60), "a": ("1X", 41)}, [("dynos-per-app", ("a", "b"), None)]),
        ({"web": ("eco", 2)}, [("dynos-per-type", ("web",), "standard-1x")]),
        ({"web": ("hobby", 200)}, [("dynos-per-app", ("web",), None), ("dynos-per-type", ("web",), "standard-1x")]),
        ({"web": ("PX", 11)}, [("dynos-per-type", ("web",), "10")]),
        ({"web": ("eco", 1), "worker": ("basic", 1)}, [("tiers-do-not-mix", ("web", "worker"), "basic")]),
        ({"web": ("standard-2x", 1), "worker": ("eco", 1)}, [("tiers-do-not-mix", ("worker",), "standard-1x")]),
    ],
)
def test_a_broken_rule_names_its_process_types_and_a_way_out(
    formation: Formation, expected: list[tuple[str, tuple[str, ...], str | None]]
) -> None:
    assert broken(formation) == expected


def test_a_violation_says_what_is_wrong_and_what_would_be_right() -> None:
    assert formation_limits(packaged(), {"web": ("performance-m", 12)}) == [
        FormationViolation(
            rule="dynos-per-type",
            process_types=("web",),
            summary="web has 12 dynos of size performance-m",
            expected="at most 10 dynos of size performance-m a process type",
            suggestion="10",
        )
    ]


def test_an_unknown_size_counts_for_the_total_only() -> None:
    assert broken({"web": ("gigantic", 1), "worker": ("eco", 1)}) == []
    assert broken({"web": ("gigantic", 100), "worker": ("eco", 1)}) == [("dynos-per-app", ("web", "worker"), None)]


def test_a_platform_can_set_its_own_limits() -> None:
    catalog, problems = extended(
        packaged(), {"limits": {"dynos_per_app": 3}, "sizes": {"performance-m": {"max_per_type": None}}}
    )
    assert problems == []
    assert [found.rule for found in formation_limits(catalog, {"web": ("performance-m", 12)})] == ["dynos-per-app"]


SIZE_NAMES = st.sampled_from([*packaged().size_names(), "1X", "unknown"])
FORMATIONS = st.dictionaries(st.sampled_from("abcdef"), st.tuples(SIZE_NAMES, st.integers(0, 40)))


@given(FORMATIONS)
def test_the_order_of_process_types_does_not_matter(formation: Formation) -> None:
    backwards = dict(reversed(list(formation.items())))
    assert formation_limits(packaged(), formation) == formation_limits(packaged(), backwards)


@given(FORMATIONS)
def test_following_a_per_type_suggestion_satisfies_that_rule(formation: Formation) -> None:
    repaired = dict(formation)
    for found in formation_limits(packaged(), formation):
        if found.rule == "dynos-per-type" and found.suggestion is not None:
            (process_type,) = found.process_types
            size, quantity = formation[process_type]
            numeric = found.suggestion.isdigit()
            repaired[process_type] = (size, int(found.suggestion)) if numeric else (found.suggestion, quantity)
    assert "dynos-per-type" not in {found.rule for found in formation_limits(packaged(), repaired)}
