"""A PostgreSQL source held still: one exported snapshot, and readers in it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from declarative_paas.core.copy_result import Fingerprint
from declarative_paas.core.data import ByteSource, DataFacts, Part, Process
from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.addons import postgres_fingerprint as fingerprint
from declarative_paas.providers.addons.postgres_client import PostgresClient, Session, feed
from declarative_paas.providers.addons.postgres_facts import MARK_SCHEMA
from declarative_paas.providers.addons.postgres_script import Entry, entries
from declarative_paas.providers.addons.postgres_tables import (
    TABLES,
    LargeObjects,
    Table,
    TableBatch,
    TableRange,
    checks_of,
    table_parts,
)
from declarative_paas.providers.addons.sqltext import identifier

LOCK_TIMEOUT_MS: Final = 60_000
LOCK_TRIES: Final = 5
GIVE_WAY_MS: Final = 5_000
"""A change of a table waits for the snapshot's lock, and every new reader waits behind it, the app's among them. So the
copy gives way: its next reader fails, its locks go, and it is begun anew once the table is changed."""

LOCK_OPTIONS: Final = (f"--lock-wait-timeout={GIVE_WAY_MS}",)
DUMP_OPTIONS: Final = (
    "--no-owner",
    "--no-tablespaces",
    "--no-security-labels",
    f"--exclude-schema={MARK_SCHEMA}",
)

_ALTERED: Final = ("42P01", "42703")  # undefined table, undefined column

_LARGE_OBJECTS: Final = """
SELECT m.oid::int8 AS oid, coalesce((
  SELECT jsonb_agg(jsonb_build_array(coalesce(r.rolname, 'public'), a.privilege_type))
  FROM aclexplode(m.lomacl) a LEFT JOIN pg_roles r ON r.oid = a.grantee WHERE a.grantee <> m.lomowner), '[]') AS grants
FROM pg_largeobject_metadata m ORDER BY m.oid
"""

_UNCOPIED: Final = """
SELECT format('foreign table %s.%s: its rows are elsewhere, and its definition needs that server', n.nspname, c.relname)
  AS note FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'f'
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresSchema:
    """The form of a database: what comes before its rows and after them, by the app's role `owner`.

    `sequences` are (schema, name, last value, whether it was used).
    """

    owner: str
    before: tuple[Entry, ...]
    after: tuple[Entry, ...]
    extensions: Mapping[str, tuple[str, str]]
    sequences: tuple[tuple[str, str, int, bool], ...]
    object_grants: tuple[tuple[int, str, str], ...]
    settings: Mapping[str, str]


class _Export:
    """One psql or pg_dump whose output is a part."""

    def __init__(self, client: PostgresClient, process: Process, name: str) -> None:
        self._client, self._process, self._name = client, process, name

    def read(self, size: int) -> bytes:
        chunk = self._process.read(size)
        if not chunk:
            self._client.end(self._process, f"reading {self._name}")
        return chunk


Exported: TypeAlias = tuple[str, str]
"""(how other transactions take up a snapshot, what it is called in the record of a copy)"""


class PostgresSnapshot:
    """Holds a transaction and a shared lock on every table open until `close`.

    `export` makes the snapshot once all tables are locked, where it is not to be the transaction's own. `frozen` is
    for comparing only: it leaves out of `checks` what a follower is not told of, and locks nothing, since its app may
    go on. What that app alters meanwhile is then not there.
    """

    def __init__(
        self,
        client: PostgresClient,
        facts: DataFacts,
        owner: str,
        *,
        export: Callable[[], Exported] | None = None,
        frozen: bool = False,
    ) -> None:
        self._client = client.with_settings(
            default_transaction_read_only="on",  # the source is only ever read
            default_transaction_isolation="repeatable\\ read",
            client_encoding=facts.traits["encoding"],
            lock_timeout=str(GIVE_WAY_MS),
        )
        self.facts = facts
        self._owner = owner
        self._reading = threading.Lock()
        self._schema: PostgresSchema | None = None
        try:
            self._frozen = frozen
            if frozen:
                self._freeze()
            else:
                self._hold(export)
            self._read()
        except BaseException:
            self.close()
            raise

    def _hold(self, export: Callable[[], Exported] | None) -> None:
        self._guard = Session(self._client.with_settings(lock_timeout=str(LOCK_TIMEOUT_MS)), "holding the snapshot")
        self._tables = self._locked()
        self._session = self._guard
        if export is None:
            self._exported = self.id = self._guard.run("SELECT pg_export_snapshot();").strip()
            return
        self._exported, self.id = export()
        self._session = Session(self._client, "reading in the snapshot")
        self._session.run(self._in_snapshot)

    def _freeze(self) -> None:
        holding = Session(self._client, "holding the snapshot")
        self._exported = self.id = holding.run("BEGIN; SELECT pg_export_snapshot();").strip()
        # Another one, and not in a transaction: a lock, also on a sequence, ends with the question.
        self._session = Session(self._client, "reading what is there")
        self._tables = [Table.from_row(row) for row in self._session.rows(TABLES)]

    def _read(self) -> None:
        self._sequences = fingerprint.sequence_values(self._session.rows, fingerprint.SEQUENCES)
        self._objects = self._session.rows(_LARGE_OBJECTS)
        self._settings, privileged = fingerprint.altered(self._session.rows, self._owner)
        self.notes: tuple[str, ...] = (
            *(row["note"] for row in self._session.rows(_UNCOPIED)),
            *(f"setting {name} is not taken over: only an administrator may make it" for name in privileged),
        )
        large = [Part(name="large objects", weight=max(1, len(self._objects) * 2048), detail=LargeObjects())]
        self.parts: Sequence[Part] = [*table_parts(self._tables), *(large if self._objects else [])]
        compared = [table for table in self._tables if table.is_streamed or not self._frozen]
        self.checks: Sequence[Part] = checks_of(compared)

    @property
    def schema(self) -> PostgresSchema:
        # Read when it is asked for: what only compares later need not wait for it now.
        with self._reading:
            if self._schema is None:
                self._schema = self._read_schema()
            return self._schema

    def _locked(self) -> Sequence[Table]:
        """All tables, locked against anything but reading and writing rows before the snapshot is taken."""
        found = self._guard.rows(TABLES)
        for _ in range(LOCK_TRIES):
            names = ", ".join(f"ONLY {identifier(row['schema'])}.{identifier(row['name'])}" for row in found)
            lock = f"LOCK TABLE {names} IN ACCESS SHARE MODE;" if names else ""
            # LOCK takes no snapshot: the one of the transaction begins after it, with the next statement.
            self._guard.run(f"BEGIN; {lock}")
            locked = self._guard.rows(TABLES)
            if [row["oid"] for row in locked] == [row["oid"] for row in found]:
                return [Table.from_row(row) for row in locked]
            self._guard.run("ROLLBACK;")
            found = locked
        raise ProviderError(ErrorKind.TRANSIENT, "tables of the source are made and dropped all the time")

    def _read_schema(self) -> PostgresSchema:
        before, after = (dump_section(self._client, section, self._exported) for section in ("pre-data", "post-data"))
        return PostgresSchema(
            owner=self._owner,
            before=before,
            after=after,
            extensions={name: (found[0], found[1]) for name, found in self.facts.traits["extensions"].items()},
            sequences=self._sequences,
            object_grants=tuple((row["oid"], role, right) for row in self._objects for role, right in row["grants"]),
            settings=self._settings,
        )

    @property
    def _in_snapshot(self) -> str:
        return f"BEGIN; SET TRANSACTION SNAPSHOT '{self._exported}';"

    def export(self, part: Part) -> ByteSource:
        match part.detail:
            case TableRange(table=table, first=first, end=end):
                script = table.copy_out(binary=table.is_binary, first=first, end=end)
            case TableBatch() as batch:
                script = "\n".join(batch.script())
            case LargeObjects():
                options = (
                    "--section=data",
                    "--exclude-table-data=*.*",
                    "--no-privileges",
                    *DUMP_OPTIONS,
                    *LOCK_OPTIONS,
                )
                process = self._client.open("pg_dump", f"--snapshot={self._exported}", *options)
                return _Export(self._client, process, part.name)
            case _:
                raise TypeError(f"not a part of a PostgreSQL database: {part.name}")
        process = self._client.psql("--quiet", "--file=-")
        feed(process, f"{self._in_snapshot}\n{script}\n")
        return _Export(self._client, process, part.name)

    def fingerprint(self, check: Part) -> Sequence[Fingerprint]:
        if isinstance(check.detail, TableBatch):
            return self._table_fingerprints(check.detail.tables)
        own = self.schema
        return [
            *fingerprint.schema([*own.before, *own.after], own.owner, major=self.facts.major),
            *fingerprint.sequences(self._sequences),
            *fingerprint.large_objects(self._client, before=self._in_snapshot),
            *fingerprint.extensions(own.extensions),
            *fingerprint.settings(own.settings),
            *fingerprint.materialised_views(self._client, before=self._in_snapshot),
        ]

    def _table_fingerprints(self, tables: Sequence[Table]) -> Sequence[Fingerprint]:
        try:
            return fingerprint.tables(self._client, tables, before=self._in_snapshot)
        except ProviderError as problem:
            if not self._frozen or problem.code not in _ALTERED:
                raise
        if len(tables) == 1:
            return ()
        return [found for table in tables for found in self._table_fingerprints([table])]

    def stop(self) -> None:
        self._client.stop()

    def close(self) -> None:
        self._client.close()


def dump_section(client: PostgresClient, section: str, snapshot: str | None) -> tuple[Entry, ...]:
    """The statements of one section of a dump, by the server's own pg_dump."""
    held = [f"--snapshot={snapshot}", *LOCK_OPTIONS] if snapshot else []
    process = client.open("pg_dump", f"--section={section}", *DUMP_OPTIONS, *held)
    return tuple(entries(client.converse(process, "", "reading the schema")))
