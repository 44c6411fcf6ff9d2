"""Why keys cannot come from one server into another: by what both tell of themselves."""

from __future__ import annotations

from typing import Any

import pytest

from declarative_paas.core.data import DataFacts
from declarative_paas.core.diagnostic import Severity
from declarative_paas.providers.addons.valkey_port import objections


def facts(version: str = "9.1.2", *, size_bytes: int = 1000, **traits: Any) -> DataFacts:
    plain = {"flavour": "valkey", "is_marked": False, "content": 0, "maxmemory": 25 << 20, "clock_ahead_s": 0.0}
    return DataFacts(service="redis", version=version, size_bytes=size_bytes, streams=4, traits={**plain, **traits})


@pytest.mark.parametrize(
    ("source", "target", "codes"),
    [
        (facts(), facts(), []),
        (facts("8.0"), facts("9.0"), []),
        (facts("9.0"), facts("8.0"), ["older-major"]),
        (facts("7.2", flavour="redis"), facts(), []),
        (facts("8.0", flavour="redis"), facts(), ["older-major"]),
        (facts(), facts("8.0", flavour="redis"), ["older-major"]),
        (facts(is_marked=True), facts(), ["source-unfinished"]),
        (facts(), facts(content=3), ["target-not-empty"]),
        (facts(size_bytes=26 << 20), facts(), ["target-too-small"]),
        (facts(), facts(clock_ahead_s=61.0), ["clock-skew"]),
        (facts(clock_ahead_s=61.0), facts(), ["clock-skew"]),
    ],
)
def test_what_does_not_fit_is_told_by_its_code(source: DataFacts, target: DataFacts, codes: list[str]) -> None:
    assert [found.code for found in objections(source, target) if found.is_error] == codes


def test_clocks_that_differ_a_little_are_told_and_the_keys_are_copied() -> None:
    (told,) = objections(facts(clock_ahead_s=2.0), facts(clock_ahead_s=-8.0))
    assert (told.code, told.severity) == ("clock-skew", Severity.WARNING)
    assert told.summary == "the target's clock is 10 s behind the source's: keys expire there at other instants"
    assert objections(facts(clock_ahead_s=2.0), facts(clock_ahead_s=-2.0)) == []
