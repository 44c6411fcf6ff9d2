"""Rows of the state's tables to values and back. Malformed rows raise ValueError, KeyError or TypeError."""

from __future__ import annotations

import gc
import json
import sqlite3
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from typing import Any, Final

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.plan import Operation
from declarative_paas.core.provider import InstanceKey
from declarative_paas.core.resource import ResourceState
from declarative_paas.core.state import HistoryEntry, Hold, Intent, StepResult
from declarative_paas.core.values import decode_object

_ENTRY: Final = tuple(part.name for part in fields(HistoryEntry))


def records_of(bodies: Iterable[str]) -> Mapping[InstanceKey, ResourceState]:
    """All records from their JSON bodies."""
    # One call for all, decoding on the way: a second walk over 5,000 records costs more than the parsing.
    with _collector_paused():
        documents: list[Any] = json.loads(f"[{','.join(bodies)}]", object_hook=decode_object)
        records = [ResourceState.from_decoded(document) for document in documents]
        return {record.key: record for record in records}


def record_body(record: ResourceState) -> str:
    """The record's JSON. Raises TypeError when a secret's value is in it."""
    return json.dumps(record.to_json(), separators=(",", ":"))


@contextmanager
def _collector_paused() -> Generator[None]:
    """Nothing that is made inside is garbage: looking for it takes a third of the time of a large state."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def intent_row(scope: str, intent: Intent) -> tuple[str, ...]:
    return (
        scope,
        intent.step_id,
        intent.operation.value,
        str(intent.address),
        intent.instance,
        intent.region,
    )


def intent_of(row: Sequence[str]) -> Intent:
    """From (step, operation, address, instance, region)."""
    step, operation, address, instance, region = row
    return Intent(
        step_id=step,
        operation=Operation(operation),
        address=ResourceAddress.parse(address),
        instance=instance,
        region=region,
    )


def entry_body(entry: HistoryEntry) -> str:
    # Not `asdict`: every commit of an apply writes one, and that copies all that is in it.
    return json.dumps({name: getattr(entry, name) for name in _ENTRY} | {"summary": dict(entry.summary)})


def entry_of(body: str) -> HistoryEntry:
    document: dict[str, Any] = json.loads(body)
    for part in ("failures", "under_way"):
        # What was written before the history told of steps under way has none.
        document[part] = tuple(document.get(part, ()))
    return HistoryEntry(**document)


def hold_body(hold: Hold) -> str:
    return json.dumps(asdict(hold))


def hold_of(body: str) -> Hold:
    return Hold(**json.loads(body))


def write_result(connection: sqlite3.Connection, scope: str, result: StepResult) -> bool:
    """Writes one step's outcome; whether a record changed."""
    changed = False
    if not result.keep_intent:
        connection.execute("DELETE FROM intents WHERE scope = ? AND step = ?", (scope, result.step_id))
    if result.remove is not None:
        address, instance = result.remove
        done = connection.execute(
            "DELETE FROM resources WHERE scope = ? AND address = ? AND instance = ?", (scope, str(address), instance)
        )
        changed |= done.rowcount > 0
    if result.put is not None:
        body = record_body(result.put)
        done = connection.execute(
            "INSERT INTO resources VALUES (?, ?, ?, ?) ON CONFLICT (scope, address, instance) "
            "DO UPDATE SET body = excluded.body WHERE body != excluded.body",
            (scope, str(result.put.address), result.put.instance, body),
        )
        changed |= done.rowcount > 0
    return changed


def write_entry(connection: sqlite3.Connection, scope: str, entry: HistoryEntry) -> None:
    # Not REPLACE: an entry that is written again keeps its place in the order.
    connection.execute(
        "INSERT INTO history VALUES (?, ?, ?) ON CONFLICT (scope, id) DO UPDATE SET body = excluded.body",
        (scope, entry.id, entry_body(entry)),
    )
