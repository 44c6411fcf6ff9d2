from __future__ import annotations

import threading

import pytest

from declarative_paas.providers.hosting.side_by_side import side_by_side


def test_results_come_in_the_order_of_the_items_whoever_is_first():
    others_done = threading.Event()

    def slow_first(item: int) -> int:
        if item == 0:
            assert others_done.wait(10)
        else:
            others_done.set()
        return item * item

    assert side_by_side(4, slow_first, [0, 1, 2]) == [0, 1, 4]


def test_one_at_a_time_the_first_failure_ends_it():
    seen: list[int] = []

    def fail(item: int) -> None:
        seen.append(item)
        raise ValueError(item)

    with pytest.raises(ValueError, match=r"^1$"):
        side_by_side(1, fail, [1, 2, 3])
    assert seen == [1]


def test_side_by_side_a_failure_is_told_when_all_the_others_have_ended():
    failing, seen = threading.Event(), set[int]()

    def act(item: int) -> None:
        if item == 2:
            failing.set()
            raise ValueError("two")
        assert failing.wait(10)
        seen.add(item)

    with pytest.raises(ValueError, match="two"):
        side_by_side(3, act, [1, 2, 3])
    assert seen == {1, 3}
