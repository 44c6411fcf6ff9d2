from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from declarative_paas.providers.runtime.backoff import Backoff

BACKOFFS = st.builds(
    lambda first, factor, extra, reset: Backoff(
        first_s=first, factor=factor, ceiling_s=first + extra, reset_after_s=reset
    ),
    st.floats(0.1, 100),
    st.floats(1, 10),
    st.floats(0, 5000),
    st.floats(0, 5000),
)


@given(BACKOFFS)
def test_the_first_crash_restarts_at_once(backoff: Backoff) -> None:
    assert backoff.delay_s(1) == 0


@given(BACKOFFS, st.integers(2, 100_000))
def test_each_later_delay_is_no_shorter_and_never_over_the_ceiling(backoff: Backoff, crashes: int) -> None:
    delay, later = backoff.delay_s(crashes), backoff.delay_s(crashes + 1)
    assert min(backoff.first_s, backoff.ceiling_s) <= delay <= later <= backoff.ceiling_s


def test_the_default_doubles_from_ten_seconds_to_twenty_minutes() -> None:
    delays = [Backoff().delay_s(crashes) for crashes in range(1, 11)]
    assert delays == [0, 10, 20, 40, 80, 160, 320, 640, 1200, 1200]


@given(BACKOFFS, st.integers(0, 1000))
def test_a_dyno_that_never_came_up_is_never_forgiven(backoff: Backoff, crashes: int) -> None:
    assert backoff.crashes_after(crashes, None) == crashes + 1


def test_staying_up_long_enough_makes_the_next_crash_a_first_one() -> None:
    backoff = Backoff(reset_after_s=60)
    assert backoff.crashes_after(7, 59.9) == 8
    assert backoff.crashes_after(7, 60.0) == 1


@pytest.mark.parametrize("wrong", [{"first_s": 0}, {"factor": 0.5}, {"ceiling_s": 1}, {"reset_after_s": -1}])
def test_a_back_off_that_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="not a back-off"):
        Backoff(**wrong)
