"""A process that uses a store, told what to do by its arguments and stdin; what it did goes to stdout."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

from store_case import KEY, KINDS, SCOPE, START, ManualClock, intent, put

from declarative_paas.core.address import Scope
from declarative_paas.core.state import LockHeld


def race(kind: str) -> None:
    """For every directory on stdin: tries to take the lease there. Answers `won` or `held`."""
    print("ready", flush=True)
    for line in sys.stdin:
        store = KINDS[kind].open(Path(line.strip()), ManualClock(), KEY)
        try:
            store.acquire(SCOPE, "racer", 60)
        except LockHeld:
            print("held", flush=True)
        else:
            print("won", flush=True)
        finally:
            store.close()


def commit_forever(kind: str, place: str, first: int, round_number: int) -> None:
    """Commits record n and the intent for n + 1 together, and says n once it is durable."""
    clock = ManualClock(START + timedelta(hours=round_number))
    store = KINDS[kind].open(Path(place), clock, KEY)
    lease = store.acquire(SCOPE, f"writer {round_number}", 60)
    for number in range(first, first + 1_000_000):
        store.commit(lease, results=[put(f"app.a{number}", text="x" * 500)], intents=[intent(f"app.a{number + 1}")])
        print(number, flush=True)


def fill(kind: str, place: str, environment: str, count: int) -> None:
    """On a line from stdin: commits `count` records to the environment's own scope, one by one."""
    print("ready", flush=True)
    sys.stdin.readline()
    store = KINDS[kind].open(Path(place), ManualClock(), KEY)
    lease = store.acquire(Scope("acme", environment), environment, 60)
    for number in range(count):
        store.commit(lease, results=[put(f"app.a{number}")])
    store.close()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["race", kind]:
            race(kind)
        case ["commit", kind, place, first, round_number]:
            commit_forever(kind, place, int(first), int(round_number))
        case ["fill", kind, place, environment, count]:
            fill(kind, place, environment, int(count))
        case other:
            sys.exit(f"what is {other}?")
