"""A PostgreSQL target that is being filled: marked first, then form, rows and what depends on them."""

from __future__ import annotations

import json
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Final

from declarative_paas.core.copy_result import CopyIdentity, CopyMark, CopyResult, Fingerprint
from declarative_paas.core.data import ByteSink, DataFacts, Part, Process
from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.addons import postgres_fingerprint as fingerprint
from declarative_paas.providers.addons.postgres_client import PostgresClient, Session
from declarative_paas.providers.addons.postgres_facts import MARK_SCHEMA, extension_version
from declarative_paas.providers.addons.postgres_script import Entry, RoleMap, taken_over
from declarative_paas.providers.addons.postgres_snapshot import PostgresSchema, dump_section
from declarative_paas.providers.addons.postgres_tables import LargeObjects, TableBatch, TableRange
from declarative_paas.providers.addons.sqltext import identifier, literal

_LOCK: Final = 0x6470_6161_7363  # "dpaasc": one copy at a time into a database

_RESTRICT_SINCE: Final = {15: 14, 16: 10, 17: 6}  # https://www.postgresql.org/support/security/CVE-2025-8714/


ENDING_S: Final = 5.0

_MARK: Final = f"""
SELECT obj_description(n.oid, 'pg_namespace') AS note, EXISTS (SELECT FROM pg_locks l, pg_database d
  WHERE l.locktype = 'advisory' AND l.granted AND d.oid = l.database AND d.datname = current_database()
  AND l.classid::int8 << 32 | l.objid::int8 = {_LOCK}) AS is_busy
FROM pg_namespace n WHERE n.nspname = '{MARK_SCHEMA}'
"""


def read_mark(client: PostgresClient) -> CopyMark | None:
    """What a copy left in the database; an unreadable mark is that of nobody.

    Raises DataMissing, ProviderError (CONFLICT) while a copy is under way there.
    """
    until = time.monotonic() + ENDING_S
    # The session of a copy that was killed ends by itself, soon.
    while (found := client.rows(_MARK, "looking for the mark of a copy")) and found[0]["is_busy"]:
        if time.monotonic() > until:
            raise ProviderError(ErrorKind.CONFLICT, "another copy into this database is under way")
        time.sleep(0.1)
    if not found:
        return None
    try:
        note = json.loads(found[0]["note"] or "{}")
        source, target = note["identity"]
        result = CopyResult.from_json(note["result"]) if note.get("result") else None
    except (KeyError, ValueError, TypeError):
        return CopyMark(identity=CopyIdentity(source_instance="nobody knows what", target_instance=""))
    return CopyMark(identity=CopyIdentity(source_instance=source, target_instance=target), result=result)


def set_mark(identity: CopyIdentity, result: CopyResult | None) -> str:
    """A statement that says of which copy the mark's schema is, verified where there is a result."""
    found = [identity.source_instance, identity.target_instance]
    note = json.dumps({"identity": found, "result": result.to_json() if result else None})
    return f"COMMENT ON SCHEMA {MARK_SCHEMA} IS {literal(note)};"


class _Import:
    """One psql that takes a part in, and a thread that reads what it says."""

    def __init__(self, client: PostgresClient, process: Process, name: str) -> None:
        self._client, self._process, self._name = client, process, name
        self._rows = 0
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        left = b""
        while chunk := self._process.read(1 << 16):
            *lines, left = (left + chunk).split(b"\n")
            self._rows += sum(int(line[5:]) for line in lines if re.fullmatch(rb"COPY \d+", line))

    def write(self, data: bytes) -> None:
        try:
            self._process.write(data)
        except BrokenPipeError:
            self._listener.join()
            self._client.end(self._process, f"writing {self._name}")
            raise ProviderError(ErrorKind.UNAVAILABLE, f"writing {self._name}: the session ended") from None

    def finish(self) -> int:
        self._process.close_input()
        self._listener.join()
        self._client.end(self._process, f"writing {self._name}")
        return self._rows


class PostgresIntake:
    """`writer` is the app's role, who will own everything; `reader` the one who compares."""

    def __init__(
        self, writer: PostgresClient, reader: PostgresClient, facts: DataFacts, identity: CopyIdentity
    ) -> None:
        encoding = facts.traits["encoding"]
        self._writer = writer.with_settings(
            client_encoding=encoding,
            maintenance_work_mem="256MB",  # indexes are built once, by a few sessions
            synchronous_commit="off",  # the mark's own commit makes all before it durable
        )
        self._reader = reader.with_settings(client_encoding=encoding)
        self._facts, self._identity = facts, identity
        try:
            self._guard = Session(writer.with_settings(synchronous_commit="on"), "holding the target")
            if self._guard.run(f"SELECT pg_try_advisory_lock({_LOCK});").strip() != "t":
                raise ProviderError(ErrorKind.CONFLICT, "another copy into this database is under way")
            self._note(None, f"CREATE SCHEMA {MARK_SCHEMA};")
        except BaseException:
            self.close()
            raise

    def _note(self, result: CopyResult | None, before: str = "") -> None:
        self._guard.run(f"BEGIN; {before} {set_mark(self._identity, result)} COMMIT;")

    def begin(self, schema: PostgresSchema) -> Sequence[str]:
        self._make_extensions(schema)
        kept, notes = self._taken_over(schema, schema.before)
        self._script(kept, "making the schema")
        _, later = self._taken_over(schema, schema.after)
        return [*notes, *later]

    def _make_extensions(self, schema: PostgresSchema) -> None:
        target = self._facts.traits
        for name, (version, home) in sorted(schema.extensions.items()):
            if name in target["extensions"]:
                continue
            chosen = extension_version(name, version, target)
            owner = identifier(self._writer.account.role)
            maker = self._writer if target["available"][name][chosen] else self._reader
            statements = [f"CREATE SCHEMA IF NOT EXISTS {identifier(home)} AUTHORIZATION {owner};"]
            if home in ("public", "pg_catalog"):
                statements = []
            place = f"SCHEMA {identifier(home)} VERSION {literal(chosen)}"
            statements.append(f"CREATE EXTENSION IF NOT EXISTS {identifier(name)} {place} CASCADE;")
            maker.run("\n".join(statements), f"making extension {name}")

    def _taken_over(self, schema: PostgresSchema, found: Iterable[Entry]) -> tuple[list[Entry], list[str]]:
        roles = RoleMap(
            source_role=schema.owner,
            target_role=self._writer.account.role,
            target_roles=frozenset(self._facts.traits["roles"]),
        )
        pairs = [taken_over(entry, roles) for entry in found]
        return [entry for entry, _ in pairs if entry], [note for _, note in pairs if note]

    def _run(self, script: str, what: str) -> None:
        self._writer.run(script, what)

    def _script(self, statements: Iterable[Entry], what: str) -> None:
        """Runs them one by one. Nothing in them can be a command to psql itself."""
        version = [int(number) for number in self._facts.version.split(".")]
        minor = version[1] if len(version) > 1 else 0
        token = secrets.token_hex(16)
        guarded = version[0] >= 18 or minor >= _RESTRICT_SINCE.get(version[0], 1000)
        lines = [f"\\restrict {token}"] if guarded else []
        lines += [f"{entry.sql};" for entry in statements]
        lines += [f"\\unrestrict {token}"] if guarded else []
        self._writer.run("\n".join(lines) + "\n", what)

    def import_(self, part: Part) -> ByteSink:
        match part.detail:
            case TableRange(table=table):
                process = self._writer.psql(f"--command={table.copy_in(binary=table.is_binary)}")
            case TableBatch():
                process = self._writer.psql("--file=-")
            case LargeObjects():
                process = self._writer.psql("--quiet", "--file=-")
            case _:
                raise TypeError(f"not a part of a PostgreSQL database: {part.name}")
        return _Import(self._writer, process, part.name)

    def completion(self, schema: PostgresSchema) -> Sequence[Sequence[Callable[[], None]]]:
        kept, _ = self._taken_over(schema, schema.after)
        settings = [entry for entry in kept if not entry.type]
        constraints: dict[tuple[str, str], list[Entry]] = {}
        indexes: list[list[Entry]] = []
        rest: list[Entry] = []
        late = [f" ON {entry.schema}.{entry.name} " for entry in kept if entry.type == "MATERIALIZED VIEW"]
        for entry in kept:
            if entry.type == "CONSTRAINT":
                # One at a time a table, since each locks it: its statement names it behind ALTER TABLE ONLY.
                constraints.setdefault((entry.schema, entry.name.split(" ")[0]), []).append(entry)
            elif entry.type == "INDEX" and not any(place in entry.sql for place in late):
                indexes.append([entry])
            elif entry.type:
                rest.append(entry)
        grants = [
            f"GRANT {right} ON LARGE OBJECT {oid} TO {'PUBLIC' if role == 'public' else identifier(role)};"
            for oid, role, right in schema.object_grants
            if role == "public" or role in self._facts.traits["roles"]
        ]
        values = fingerprint.set_sequences(schema.sequences)

        def remaining() -> None:
            self._script([*settings, *rest], "making triggers, rules and foreign keys")
            self._writer.run("\n".join(grants), "granting large objects")
            begin_with = fingerprint.set_settings(self._writer.database, schema.settings)
            self._writer.run(begin_with, "setting what sessions begin with")

        return [
            [partial(self._run, values, "setting sequences"),
             *(self._job(settings, group) for group in constraints.values())],
            [self._job(settings, group) for group in indexes],
            [remaining],
        ]  # fmt: skip

    def _job(self, settings: Sequence[Entry], group: Sequence[Entry]) -> Callable[[], None]:
        return partial(self._script, [*settings, *group], f"making {group[0].type.lower()} {group[0].label}")

    def fingerprint(self, check: Part) -> Sequence[Fingerprint]:
        if isinstance(check.detail, TableBatch):
            return fingerprint.tables(self._reader, check.detail.tables)
        found = [*dump_section(self._reader, "pre-data", None), *dump_section(self._reader, "post-data", None)]
        ask = "SELECT e.extname AS name, e.extversion AS version FROM pg_extension e"
        made = self._reader.rows(ask, "reading extensions")

        def rows(query: str) -> list[Any]:
            return self._reader.rows(query, "reading sequences and settings")

        values = fingerprint.sequence_values(rows, fingerprint.SEQUENCES)
        altered, _ = fingerprint.altered(rows, self._writer.account.role)
        return [
            *fingerprint.schema(found, self._writer.account.role, major=self._facts.major),
            *fingerprint.sequences(values),
            *fingerprint.large_objects(self._reader),
            *fingerprint.extensions({row["name"]: (row["version"], "") for row in made}),
            *fingerprint.settings(altered),
            *fingerprint.materialised_views(self._reader),
        ]

    def verified(self, result: CopyResult) -> None:
        self._note(result)

    def stop(self) -> None:
        self._writer.stop()
        self._reader.stop()

    def close(self) -> None:
        self._writer.close()
        self._reader.close()
