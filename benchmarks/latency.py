"""Requests through a router, each timed and none tried twice: what a deploy does to those who use the app."""

from __future__ import annotations

import http.client
import threading
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

CLIENTS = 4
PAUSE_S = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One request: when it began (`time.monotonic`), how long it took, and what went wrong, "" for nothing."""

    began: float
    seconds: float
    problem: str = ""


@dataclass
class TimedLoad:
    """Clients in threads, from `start` to `stop`; every second one opens a connection for each request."""

    url: str
    samples: list[Sample] = field(default_factory=list[Sample])
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list[threading.Thread])

    def start(self) -> TimedLoad:
        for number in range(CLIENTS):
            thread = threading.Thread(target=self._client, args=(number % 2 == 0,), daemon=True)
            self._threads.append(thread)
            thread.start()
        return self

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=40)

    def between(self, first: float, last: float) -> list[Sample]:
        """Those that began then."""
        return [sample for sample in self.samples if first <= sample.began <= last]

    def _client(self, keeps_alive: bool) -> None:
        connection = self._connect()
        while not self._stop.is_set():
            began = time.monotonic()
            problem = _one(connection)
            self.samples.append(Sample(began=began, seconds=time.monotonic() - began, problem=problem))
            if problem or not keeps_alive:
                connection.close()
                connection = self._connect()
            time.sleep(PAUSE_S)
        connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=35)


def p99_ms(samples: list[Sample]) -> float:
    """In milliseconds; of nothing 0."""
    ordered = sorted(sample.seconds for sample in samples)
    return 1000 * ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] if ordered else 0.0


def failed(samples: list[Sample]) -> list[str]:
    return [sample.problem for sample in samples if sample.problem]


def _one(connection: http.client.HTTPConnection) -> str:
    try:
        connection.request("GET", "/")
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException) as problem:
        return repr(problem)
    return "" if answer.status == 200 else f"status {answer.status}"
