from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from declarative_paas.providers.runtime.quota import QuotaWatch


def test_memory_within_the_quota_says_nothing() -> None:
    verdict = QuotaWatch(quota_mb=512, kill_mb=1024).observe(512, 0)
    assert (verdict.error, verdict.lines, verdict.kill) == (None, (), False)


def test_memory_over_the_quota_is_an_r14_in_herokus_words() -> None:
    verdict = QuotaWatch(quota_mb=512, kill_mb=2048).observe(1028, 0)
    assert verdict.error == "R14"
    assert verdict.lines == ("Process running mem=1028M(200.8%)", "Error R14 (Memory quota exceeded)")
    assert not verdict.kill


def test_an_r14_is_repeated_every_twenty_seconds_and_not_sooner() -> None:
    watch = QuotaWatch(quota_mb=512, kill_mb=1024)
    said = [bool(watch.observe(600, now).lines) for now in (0, 1.5, 19.9, 20, 21, 40)]
    assert said == [True, False, False, True, False, True]
    assert watch.observe(600, 41).error == "R14"


def test_memory_over_the_limit_is_an_r15_and_kills() -> None:
    verdict = QuotaWatch(quota_mb=512, kill_mb=1024).observe(1024.5, 0)
    assert verdict.kill
    assert verdict.error == "R15"
    assert verdict.lines == ("Process running mem=1024M(200.1%)", "Error R15 (Memory quota vastly exceeded)")


@given(st.lists(st.tuples(st.floats(0, 3000), st.floats(0, 5))))
def test_only_the_limit_kills_however_memory_went_before(samples: list[tuple[float, float]]) -> None:
    watch, now = QuotaWatch(quota_mb=512, kill_mb=1024), 0.0
    for used, elapsed in samples:
        now += elapsed
        verdict = watch.observe(used, now)
        assert verdict.kill == (used > 1024)
        assert (verdict.error is None) == (used <= 512)


def test_a_limit_under_the_quota_is_refused() -> None:
    with pytest.raises(ValueError, match="R15"):
        QuotaWatch(quota_mb=512, kill_mb=511)
