"""The token bucket: how long a call has to wait."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from declarative_paas.apply.rate import TokenBucket


def test_a_burst_goes_at_once_and_the_next_ones_wait_one_behind_the_other():
    bucket = TokenBucket(60, burst=3)
    assert [bucket.reserve(100.0) for _ in range(5)] == [0.0, 0.0, 0.0, 1.0, 2.0]


def test_time_fills_it_again_but_never_above_the_burst():
    bucket = TokenBucket(60, burst=2)
    assert [bucket.reserve(0.0) for _ in range(3)] == [0.0, 0.0, 1.0]
    assert [bucket.reserve(1000.0) for _ in range(3)] == [0.0, 0.0, 1.0]


def test_who_waited_is_paid_off_by_the_time_that_passes():
    bucket = TokenBucket(120, burst=1)
    assert bucket.reserve(0.0) == 0.0
    assert bucket.reserve(0.0) == 0.5
    assert bucket.reserve(0.5) == pytest.approx(0.5)


@given(
    st.integers(1, 600),
    st.integers(1, 20),
    st.lists(st.floats(0, 5, allow_nan=False), min_size=1, max_size=60),
)
def test_no_stretch_of_time_has_more_calls_than_the_rate_allows(per_minute, burst, pauses):
    bucket, now, starts = TokenBucket(per_minute, burst=burst), 0.0, []
    for pause in pauses:
        now += pause
        starts.append(now + bucket.reserve(now))
    for first in range(len(starts)):
        for last in range(first, len(starts)):
            allowed = burst + per_minute / 60 * (starts[last] - starts[first])
            assert last - first + 1 <= allowed + 1e-6
