"""One bulk read a region; a region that cannot be read is unreachable, never empty."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence

from declarative_paas.core.address import Scope
from declarative_paas.core.provider import InstanceKey, Provider, ProviderError, Reading, ReadQuery, Unreachable
from declarative_paas.core.resource import ResourceState
from declarative_paas.core.state import Snapshot


def begin_reading(
    scope: Scope, snapshot: Snapshot, providers: Mapping[str, Provider]
) -> Callable[[], dict[InstanceKey, Reading]]:
    """Begins to read every region that something is recorded or begun in, each in a thread of its own.

    The answer waits for them: a reading for every record and every begun create of the snapshot. Who does not ask
    for it waits for nothing, and a read that nobody waits for does not keep the process.
    """
    known: dict[str, list[ResourceState]] = {}
    pending: dict[str, list[InstanceKey]] = {}
    for record in snapshot.resources.values():
        known.setdefault(record.region, []).append(record)
    for intent in snapshot.intents:
        key = (intent.address, intent.instance)
        if key not in snapshot.resources:
            pending.setdefault(intent.region, []).append(key)
    regions = sorted(known.keys() | pending.keys())
    answers: dict[str, Mapping[InstanceKey, Reading]] = {}

    def read(region: str) -> None:
        answers[region] = _read_one(
            scope, region, providers.get(region), known.get(region, ()), pending.get(region, ())
        )

    threads = [threading.Thread(target=read, args=(region,), name=f"read-{region}", daemon=True) for region in regions]
    for thread in threads:
        thread.start()

    def answer() -> dict[InstanceKey, Reading]:
        for thread in threads:
            thread.join()
        return {key: reading for region in regions for key, reading in answers[region].items()}

    return answer


def _read_one(
    scope: Scope, region: str, provider: Provider | None, known: Sequence[ResourceState], pending: Sequence[InstanceKey]
) -> Mapping[InstanceKey, Reading]:
    keys = [*(record.key for record in known), *pending]
    if provider is None:
        reason = f"region {region} is recorded in the state but not declared in the Platform"
        return dict.fromkeys(keys, Unreachable(reason))
    try:
        readings = provider.read(ReadQuery(scope=scope, known=known, pending=pending))
    except ProviderError as error:
        return dict.fromkeys(keys, Unreachable(error.summary))
    except Exception as bug:
        # Whatever goes wrong while reading, "nothing is there" must not be the conclusion.
        return dict.fromkeys(keys, Unreachable(f"internal error while reading ({type(bug).__name__})"))
    unanswered = Unreachable("the provider gave no answer")
    return {key: readings.get(key, unanswered) for key in keys}
