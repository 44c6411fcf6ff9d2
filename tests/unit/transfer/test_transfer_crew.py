"""Jobs side by side: the first failure, or a cancellation, ends all of them."""

from __future__ import annotations

import threading

import pytest

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.transfer.crew import Crew
from declarative_paas.transfer.meter import Meter


def test_all_jobs_run_and_never_more_at_once_than_there_are_workers():
    done: list[int] = []
    running = threading.Semaphore(2)

    def job(number: int) -> None:
        assert running.acquire(blocking=False)
        done.append(number)
        running.release()

    Crew(workers=2, cancelled=lambda: False, stop=lambda: None).run([lambda n=n: job(n) for n in range(50)])
    assert sorted(done) == list(range(50))


def test_the_first_failure_ends_what_is_blocked_and_begins_nothing_more():
    stopped = threading.Event()
    begun: list[str] = []

    def failing() -> None:
        raise ProviderError(ErrorKind.FAILED, "the disk is full")

    def blocked() -> None:
        begun.append("blocked")
        assert stopped.wait(30)

    crew = Crew(workers=2, cancelled=lambda: False, stop=stopped.set)
    with pytest.raises(ProviderError, match="the disk is full"):
        crew.run([blocked, failing, *[lambda: begun.append("late")] * 10])
    assert begun == ["blocked"]


def test_a_cancellation_ends_what_is_blocked():
    stopped = threading.Event()
    cancelled = threading.Event()

    def blocked() -> None:
        cancelled.set()
        assert stopped.wait(30)

    with pytest.raises(ProviderError) as caught:
        Crew(workers=1, cancelled=cancelled.is_set, stop=stopped.set).run([blocked])
    assert caught.value.kind is ErrorKind.CANCELLED


def test_an_interrupt_of_the_waiting_thread_stops_the_jobs():
    stopped = threading.Event()

    def interrupt() -> None:
        raise KeyboardInterrupt

    def blocked(until: threading.Event) -> None:
        assert until.wait(30)

    crew = Crew(workers=1, cancelled=lambda: False, stop=stopped.set, tick=interrupt)
    with pytest.raises(KeyboardInterrupt):
        crew.run([lambda: blocked(stopped)])
    assert stopped.is_set()


def test_no_jobs_are_done_at_once():
    Crew(workers=2, cancelled=lambda: True, stop=lambda: None).run([])


def test_progress_tells_rate_and_time_left_from_what_is_done():
    meter = Meter(total_weight=400, parts=2)
    assert meter.progress(0).seconds_left is None
    meter.moved(0, 300, 150)
    meter.moved(1, 100, 50)
    told = meter.progress(10)
    assert (told.bytes, told.bytes_a_second, told.seconds_left, told.parts_done) == (200, 20.0, 10.0, 0)
    meter.finished(0, 300, rows=7)
    meter.finished(1, 100, rows=1)
    told = meter.progress(15)
    assert (told.rows, told.parts_done, told.seconds_left) == (8, 2, 0.0)


def test_a_part_that_is_larger_than_it_was_said_to_be_never_leaves_less_than_nothing():
    meter = Meter(total_weight=100, parts=1)
    meter.moved(0, 100, 1_000)
    assert meter.progress(1).seconds_left == 0.0
