"""A PostgreSQL database as data that can be copied and followed: the `FollowPort` of the postgres service."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from typing import Any

from declarative_paas.core.copy_result import CopyIdentity, CopyMark, CopyResult
from declarative_paas.core.data import DataFacts, Intake, Snapshot
from declarative_paas.core.diagnostic import Diagnostic
from declarative_paas.core.follow import Endpoint, FollowAccess, FollowIdentity, FollowMark, FollowSource, FollowStatus
from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.core.values import Sensitive
from declarative_paas.providers.addons import postgres_follow_facts as follow_facts
from declarative_paas.providers.addons import postgres_follow_source as follow_source
from declarative_paas.providers.addons.databases import DatabaseServer, DatabaseSpec, ensure_database, inspect_all
from declarative_paas.providers.addons.local_runner import LocalRunner
from declarative_paas.providers.addons.postgres import PostgresServer
from declarative_paas.providers.addons.postgres_client import Account, PostgresClient, PostgresPrograms
from declarative_paas.providers.addons.postgres_config import ADMIN
from declarative_paas.providers.addons.postgres_facts import MARK_SCHEMA, objections, read_facts
from declarative_paas.providers.addons.postgres_follow_target import FollowingDatabase
from declarative_paas.providers.addons.postgres_intake import PostgresIntake, read_mark
from declarative_paas.providers.addons.postgres_snapshot import PostgresSnapshot
from declarative_paas.providers.addons.sqltext import identifier


def _no_log() -> Sequence[str]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresPort:
    """One database. `owner` is the app's role: what is copied in runs as it and belongs to it.

    `administrator`, where there is one, only reads (it sees what row security hides from an owner, and takes no
    connection of the app's plan) and makes those extensions that an app may not. Followers need one on both sides:
    it holds what the app may not touch. `log` are the last lines that the server wrote, for telling why it fails.
    """

    programs: PostgresPrograms
    database: str
    owner: Account
    administrator: Account | None = None
    log: Callable[[], Sequence[str]] = _no_log

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

    def _keeper(self) -> PostgresClient:
        if self.administrator is None:
            raise ProviderError(ErrorKind.INVALID, "only a server's administrator can make a database follow another")
        return self._reader()

    def _following(self) -> FollowingDatabase:
        return FollowingDatabase(client=self._keeper(), app=self.owner.role)

    def follow_objections(self) -> Sequence[Diagnostic]:
        return follow_facts.follow_objections(self._keeper())

    def publish(self, identity: FollowIdentity) -> AbstractContextManager[FollowSource]:
        client = self._keeper()
        facts = read_facts(client, self.owner.role, as_source=True)
        return follow_source.publish(client, facts, self.owner.role, identity)

    def resume(self, identity: FollowIdentity, result: CopyResult) -> FollowAccess | None:
        return follow_source.resume(self._keeper(), identity, result)

    def relieve(self, identity: FollowIdentity) -> None:
        follow_source.keep_no_more(self._keeper())

    def source_status(self, identity: FollowIdentity) -> FollowStatus | None:
        return follow_facts.source_status(self._keeper(), identity)

    def end_sessions(self) -> None:
        follow_source.end_sessions(self._keeper(), self.owner.role)

    def position(self) -> str:
        return follow_source.position(self._keeper())

    def has_confirmed(self, identity: FollowIdentity, position: str) -> bool:
        return follow_source.has_confirmed(self._keeper(), identity, position)

    def unstreamed(self) -> Any:
        return follow_source.unstreamed(self._keeper())

    def shape(self) -> Mapping[str, str]:
        return follow_facts.shape(self._keeper())

    def frozen(self) -> AbstractContextManager[Snapshot]:
        client = self._keeper()
        facts = read_facts(client, self.owner.role, as_source=True)
        return closing(PostgresSnapshot(client, facts, self.owner.role, frozen=True))

    def unpublish(self, identity: FollowIdentity) -> None:
        follow_source.unpublish(self._keeper(), identity)

    def subscribe(self, identity: FollowIdentity, source: FollowAccess, endpoint: Endpoint, result: CopyResult) -> None:
        self._following().subscribe(identity, source, endpoint, result)

    def follow_mark(self) -> FollowMark | None:
        return self._following().mark()

    def follow_status(self, identity: FollowIdentity) -> FollowStatus | None:
        return follow_facts.target_status(self._keeper(), identity, self.log)

    def redial(self, identity: FollowIdentity, source: FollowAccess, endpoint: Endpoint) -> None:
        self._following().redial(identity, source, endpoint)

    def caught_up(self, position: str) -> bool:
        return self._following().caught_up(position)

    def promote(self, identity: FollowIdentity, unstreamed: Callable[[], Any] | None) -> Sequence[str]:
        return self._following().promote(identity, unstreamed)

    def cut(self, identity: FollowIdentity, *, anew: bool = False) -> None:
        self._following().cut(identity=identity, anew=anew)


def local_postgres_port(
    server: PostgresServer,
    database: str,
    password: Sensitive,
    *,
    log: Callable[[], Sequence[str]] = _no_log,
) -> PostgresPort:
    """A database of a server on this machine, over its unix socket; `password` is the app's role's."""
    host = str(server.socket_directory)
    return PostgresPort(
        programs=PostgresPrograms(runner=LocalRunner(), bin_dir=str(server.binaries.bin_dir)),
        database=database,
        owner=Account(role=database, password=password, host=host, port=server.port),
        administrator=Account(role=ADMIN, password=server.password, host=host, port=server.port),
        log=log,
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
