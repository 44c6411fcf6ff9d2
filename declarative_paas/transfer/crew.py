"""Runs jobs side by side, and ends all of them at the first failure or when nobody wants them any more."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from declarative_paas.core.provider import ErrorKind, ProviderError

POLL_S = 0.1


@dataclass(slots=True, kw_only=True)
class Crew:
    """`workers` threads at most. `stop` ends what running jobs are blocked in, from another thread.

    `tick` is called about every 0.1 s by the thread that waits.
    """

    workers: int
    cancelled: Callable[[], bool]
    stop: Callable[[], None]
    tick: Callable[[], None] = field(default=lambda: None)

    def run(self, jobs: Sequence[Callable[[], None]]) -> None:
        """Returns when every job has ended. Raises the first failure, or ProviderError (CANCELLED)."""
        waiting: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        for job in jobs:
            waiting.put(job)
        failures: list[BaseException] = []
        halt = threading.Event()

        def work() -> None:
            while not halt.is_set():
                try:
                    job = waiting.get_nowait()
                except queue.Empty:
                    return
                try:
                    job()
                except BaseException as problem:  # told to the caller's thread, whatever it is
                    failures.append(problem)
                    halt.set()

        threads = [threading.Thread(target=work, daemon=True) for _ in range(min(self.workers, len(jobs)))]
        for thread in threads:
            thread.start()
        try:
            was_cancelled = self._wait(threads, halt)
        except BaseException:  # an interrupt of the waiting thread: the jobs must not outlive it
            halt.set()
            self.stop()
            raise
        if was_cancelled:
            raise ProviderError(ErrorKind.CANCELLED, "the copy was cancelled")
        if failures:
            raise failures[0]

    def _wait(self, threads: Sequence[threading.Thread], halt: threading.Event) -> bool:
        was_cancelled = stopped = False
        while any(thread.is_alive() for thread in threads):
            if not was_cancelled and self.cancelled():
                was_cancelled = True
                halt.set()
            if halt.is_set() and not stopped:
                stopped = True
                self.stop()
            self.tick()
            for thread in threads:
                if thread.is_alive():
                    thread.join(POLL_S)
                    break
        return was_cancelled
