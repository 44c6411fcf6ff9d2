"""A PostgreSQL database as data that can be copied: the `DataPort` of the postgres service."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass

from declarative_paas.core.copy_result import CopyIdentity, CopyMark
from declarative_paas.core.data import DataFacts, Intake, Snapshot
from declarative_paas.core.diagnostic import Diagnostic
from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.core.values import Sensitive
from declarative_paas.providers.addons.databases import DatabaseServer, DatabaseSpec, ensure_database, inspect_all
from declarative_paas.providers.addons.local_runner import LocalRunner
from declarative_paas.providers.addons.postgres import PostgresServer
from declarative_paas.providers.addons.postgres_client import Account, PostgresClient, PostgresPrograms
from declarative_paas.providers.addons.postgres_config import ADMIN
from declarative_paas.providers.addons.postgres_facts import MARK_SCHEMA, objections, read_facts
from declarative_paas.providers.addons.postgres_intake import PostgresIntake, read_mark
from declarative_paas.providers.addons.postgres_snapshot import PostgresSnapshot
from declarative_paas.providers.addons.sqltext import identifier


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresPort:
    """One database. `owner` is the app's role: what is copied in runs as it and belongs to it.

    `administrator`, where there is one, only reads (it sees what row security hides from an owner, and takes no
    connection of the app's plan) and makes those extensions that an app may not.
    """

    programs: PostgresPrograms
    database: str
    owner: Account
    administrator: Account | None = None

    def _writer(self) -> PostgresClient:
        return PostgresClient(programs=self.programs, account=self.owner, database=self.database)

    def _reader(self) -> PostgresClient:
        account = self.administrator or self.owner
        return PostgresClient(programs=self.programs, account=account, database=self.database)

    def facts(self) -> DataFacts:
        return read_facts(self._reader(), self.owner.role)

    def objections(self, source: DataFacts) -> Sequence[Diagnostic]:
        return objections(source, self.facts())

    def mark(self) -> CopyMark | None:
        return read_mark(self._reader())

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        facts = read_facts(self._reader(), self.owner.role, as_source=True)
        return closing(PostgresSnapshot(self._reader(), facts, self.owner.role))

    def intake(self, identity: CopyIdentity) -> AbstractContextManager[Intake]:
        return closing(PostgresIntake(self._writer(), self._reader(), self.facts(), identity))

    def settle(self, identity: CopyIdentity) -> None:
        mark = self.mark()
        if mark is None:
            return
        if mark.identity != identity or mark.result is None:
            raise ProviderError(ErrorKind.CONFLICT, "the database holds a copy that is not this one, or not verified")
        self._writer().run(f"DROP SCHEMA {MARK_SCHEMA};", "taking the mark away")


def local_postgres_port(server: PostgresServer, database: str, password: Sensitive) -> PostgresPort:
    """A database of a server on this machine, over its unix socket; `password` is the app's role's."""
    host = str(server.socket_directory)
    return PostgresPort(
        programs=PostgresPrograms(runner=LocalRunner(), bin_dir=str(server.binaries.bin_dir)),
        database=database,
        owner=Account(role=database, password=password, host=host, port=server.port),
        administrator=Account(role=ADMIN, password=server.password, host=host, port=server.port),
    )


def fresh_database(server: DatabaseServer, spec: DatabaseSpec) -> None:
    """The database anew and empty, its role kept; made where it is missing. All that was in it is lost.

    Raises ProviderError (CONFLICT), and drops nothing, when it is marked with another key.
    """
    facts = inspect_all(server).get(spec.name)
    if facts and facts.exists and facts.key not in (None, spec.key):
        raise ProviderError(ErrorKind.CONFLICT, f"database {spec.name} on {server.name} belongs to {facts.key}")
    with server.session() as session:
        session.run([f"DROP DATABASE IF EXISTS {identifier(spec.name)} WITH (FORCE)"])
    ensure_database(server, spec)
