"""One bulk read a region; a region that cannot be read is unreachable, never empty."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from declarative_paas.core.address import Scope
from declarative_paas.core.provider import InstanceKey, Provider, ProviderError, Reading, ReadQuery, Unreachable
from declarative_paas.core.resource import ResourceState
from declarative_paas.core.state import Snapshot


def read_regions(scope: Scope, snapshot: Snapshot, providers: Mapping[str, Provider]) -> dict[InstanceKey, Reading]:
    """A reading for every record and every begun create of the snapshot."""
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

    if len(regions) == 1:
        read(regions[0])
    else:
        threads = [
            threading.Thread(target=read, args=(region,), name=f"read-{region}", daemon=True) for region in regions
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return {key: reading for region in regions for key, reading in answers[region].items()}


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
    return {key: readings.get(key, Unreachable("the provider gave no answer")) for key in keys}
