"""A commit as one statement: its results and intents folded to what each row is in the end."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, LiteralString

from declarative_paas.core.provider import InstanceKey
from declarative_paas.core.state import Intent, StepResult
from declarative_paas.state.rows import intent_of, intent_row, record_body

_INTENT = ("step", "operation", "address", "instance", "region")

# One statement sees one moment, so no row may be touched by two parts of it: `commit_parameters` sees to that.
COMMIT: LiteralString = """
WITH ended AS (
    DELETE FROM intents WHERE scope = %(scope)s AND step = ANY (%(ended)s::text[])
), begun AS (
    INSERT INTO intents SELECT %(scope)s, * FROM unnest(%(begun)s::text[], %(begun_bodies)s::text[])
    ON CONFLICT (scope, step) DO UPDATE SET body = excluded.body
), removed AS (
    DELETE FROM resources AS r USING unnest(%(removed)s::text[], %(removed_instances)s::text[]) AS gone (a, i)
    WHERE r.scope = %(scope)s AND r.address = gone.a AND r.instance = gone.i RETURNING 1
), written AS (
    INSERT INTO resources
    SELECT %(scope)s, * FROM unnest(%(written)s::text[], %(written_instances)s::text[], %(bodies)s::text[])
    ON CONFLICT (scope, address, instance) DO UPDATE SET body = excluded.body WHERE resources.body <> excluded.body
    RETURNING 1
)
UPDATE scopes SET serial = greatest(
    serial + (EXISTS (SELECT FROM removed) OR EXISTS (SELECT FROM written))::int, %(at_least)s
)
WHERE scope = %(scope)s RETURNING serial
"""


def commit_parameters(scope: str, results: Sequence[StepResult], intents: Sequence[Intent]) -> Mapping[str, Any]:
    """Of `COMMIT`. The later of two words on the same row counts. Raises TypeError when a secret's value is in it."""
    bodies: dict[InstanceKey, str | None] = {}
    for result in results:
        if result.remove is not None:
            bodies[result.remove] = None
        if result.put is not None:
            bodies[result.put.key] = record_body(result.put)
    begun = {key_text(intent.step_id): intent_body(intent) for intent in intents}
    ended = {key_text(result.step_id) for result in results if not result.keep_intent} - begun.keys()
    removed = [key for key, body in bodies.items() if body is None]
    written = [key for key, body in bodies.items() if body is not None]
    return {
        "scope": scope,
        "ended": list(ended),
        "begun": list(begun),
        "begun_bodies": list(begun.values()),
        "removed": [str(address) for address, _ in removed],
        "removed_instances": [key_text(instance) for _, instance in removed],
        "written": [str(address) for address, _ in written],
        "written_instances": [key_text(instance) for _, instance in written],
        "bodies": [bodies[key] for key in written],
    }


def key_text(text: str) -> str:
    r"""Tells texts apart in a key column. PostgreSQL's text holds no NUL: it stands there as \0."""
    return text.replace("\\", "\\\\").replace("\0", "\\0") if "\0" in text or "\\" in text else text


def intent_body(intent: Intent) -> str:
    return json.dumps(dict(zip(_INTENT, intent_row("", intent)[1:], strict=True)))


def intent_of_body(body: str) -> Intent:
    document: dict[str, str] = json.loads(body)
    return intent_of([document[name] for name in _INTENT])
