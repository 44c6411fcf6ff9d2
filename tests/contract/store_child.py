"""A process that uses a store, told what to do by its arguments and stdin; what it did goes to stdout."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

from store_case import KEY, KINDS, SCOPE, START, ManualClock, intent, put

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


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["race", kind]:
            race(kind)
        case ["commit", kind, place, first, round_number]:
            commit_forever(kind, place, int(first), int(round_number))
        case other:
            sys.exit(f"what is {other}?")
