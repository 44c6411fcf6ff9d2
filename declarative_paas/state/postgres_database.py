"""One state's schema in a PostgreSQL database: made at the first write, used in whole, durable transactions."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, LiteralString, TypeAlias

from declarative_paas.core.state import StateError
from declarative_paas.state import postgres_schema as schema
from declarative_paas.state.postgres_location import PostgresLocation
from declarative_paas.state.postgres_schema import PostgresFormats, Row, Statement
from declarative_paas.state.postgres_trouble import not_connected, told

if TYPE_CHECKING:
    import psycopg

    Connection: TypeAlias = psycopg.Connection[Row]

_DEFAULTS: Final[Mapping[str, str | int]] = {
    "connect_timeout": 10,
    "fallback_application_name": "dpaas",
    # A peer that vanished is noticed within half a minute, not after the system's quarter of an hour.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""Where the location says nothing else, and for the time limit, nor does PGCONNECT_TIMEOUT."""

# All for this transaction only, so that a pooler between us and the server hands on a clean session.
# - An administrator's synchronous_commit = off would lose what we acknowledged; stricter settings stay.
# - A process that was paused inside a transaction must not hold the lease's row: the server ends it.
_SETTINGS: LiteralString = (
    "SELECT set_config('search_path', %s || ', pg_temp', true), set_config('lock_timeout', '30s', true),"
    " set_config('idle_in_transaction_session_timeout', '30s', true),"
    " set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on'"
    " ELSE current_setting('synchronous_commit') END, true)"
)
_READ: LiteralString = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"
# Also where the database's default is stricter: a row lock that was waited for must show what is there now.
_WRITE: LiteralString = "BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE"
_FORMAT: Statement = ("SELECT value FROM meta WHERE name = 'format'", ())


# It warns of errors it passes over because another one is on its way: that one is told, and is enough.
logging.getLogger("psycopg").addHandler(logging.NullHandler())


class PostgresDatabase:
    """For one thread; any number of processes and machines. Every method raises StateError, naming the place.

    A connection is made when it is first needed, and anew when it is found cut between two transactions.
    """

    def __init__(
        self, location: PostgresLocation, *, new_lineage: Callable[[], str], formats: PostgresFormats | None = None
    ) -> None:
        self.place = location.shown
        self._location = location
        self._new_lineage = new_lineage
        self._formats = formats or PostgresFormats()
        self._connection: Connection | None = None
        self._is_made = False

    def read(self, *statements: Statement) -> list[list[Row]] | None:
        """The rows of each statement, all of the same moment; one round trip. None when there is no state."""
        with told(self.place):
            if not self._exists():
                return None
            return self._begin(_READ, [*statements, ("COMMIT", ())], opening=[_FORMAT])[:-1]

    @contextmanager
    def writing(self, *first: Statement) -> Generator[tuple[Connection, list[list[Row]]]]:
        """One durable transaction, made the state if there is none; nothing is written when the body raises.

        `first` goes along with its opening, and its rows come with the connection. What the body sends is
        not waited for before it asks for a row: two round trips are all, however many statements.
        """
        with told(self.place):
            if not self._exists():
                self._create()
            # The lock before the format, each a statement of its own: an upgrade that was waited for is seen.
            lock: Statement = ("SELECT pg_advisory_xact_lock_shared(%s)", (schema.lock_key(self._location.schema),))
            rows = self._begin(_WRITE, first, opening=[lock, _FORMAT])
            connection = self._connected()
            try:
                with connection.pipeline():
                    yield connection, rows
                    connection.execute("COMMIT")
            except BaseException:
                self._abandon(connection)
                raise

    def exists(self) -> bool:
        """Whether there is something to read; without it a state is empty."""
        with told(self.place):
            return self._exists()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _begin(
        self, begin: LiteralString, statements: Sequence[Statement], *, opening: Sequence[Statement] = ()
    ) -> list[list[Row]]:
        """Begins a transaction; the rows of its first statements, sent with it. Nothing is written so far.

        The last of `opening` asks for the format, which must be ours. A connection that lay idle may be
        dead: a firewall forgot it, the server was restarted. So it is replaced, once. A fresh one that
        fails is trouble.
        """
        import psycopg

        is_fresh = self._connection is None
        connection = self._connected()
        try:
            rows = self._send(connection, begin, [*opening, *statements])
        except psycopg.OperationalError:
            if is_fresh or not connection.closed:
                raise
            connection = self._connected()
            rows = self._send(connection, begin, [*opening, *statements])
        except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
            if opening:
                # Perhaps another process upgraded it under a long apply: that is the better word.
                self._settle()
            raise
        if opening:
            try:
                self._refuse_other_format(rows[len(opening) - 1])
            except StateError:
                self._abandon(connection)
                raise
        return rows[len(opening) :]

    def _send(self, connection: Connection, begin: LiteralString, statements: Sequence[Statement]) -> list[list[Row]]:
        try:
            with connection.pipeline():
                connection.execute(begin)
                connection.execute(_SETTINGS, (self._location.schema,))
                cursors = [connection.execute(query, parameters, binary=True) for query, parameters in statements]
            return [cursor.fetchall() if cursor.description else [] for cursor in cursors]
        except BaseException:
            self._abandon(connection)
            raise

    def _abandon(self, connection: Connection) -> None:
        """Rolls back. A connection in doubt is closed, and the server rolls back."""
        import psycopg

        with suppress(psycopg.Error):
            if not connection.closed:
                connection.execute("ROLLBACK")
                return
        connection.close()

    def _connected(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._connection = self._connect()
        return self._connection

    def _connect(self) -> Connection:
        import psycopg
        from psycopg.conninfo import conninfo_to_dict, make_conninfo

        try:
            given = conninfo_to_dict(self._location.uri)
            settings = {key: value for key, value in _DEFAULTS.items() if key not in given}
            if "PGCONNECT_TIMEOUT" in os.environ:
                settings.pop("connect_timeout", None)
            # Prepared statements save little here, and poolers lose them.
            return psycopg.connect(
                make_conninfo(self._location.uri, client_encoding="utf8", **settings),
                autocommit=True,
                prepare_threshold=None,
            )
        except psycopg.Error as problem:
            raise not_connected(self.place, problem) from None

    def _exists(self) -> bool:
        if not self._is_made:
            made, _ = self._begin(_READ, [schema.made(self._location.schema), ("COMMIT", ())])
            if made:
                self._settle()
            self._is_made = bool(made)
        return self._is_made

    def _settle(self) -> None:
        """Brings an older state up to date. Asks for the format alone: in another one all else may look otherwise."""
        rows, _ = self._begin(_READ, [_FORMAT, ("COMMIT", ())])
        if self._known_format(rows) < self._formats.current:
            self._upgrade()

    def _create(self) -> None:
        with self._alone() as connection:
            schema.create(connection, self._location.schema, self._new_lineage())
        self._is_made = True

    def _upgrade(self) -> None:
        try:
            with self._alone() as connection:
                # Read again: another process may have been faster.
                found = self._known_format(connection.execute(*_FORMAT).fetchall())
                if found < self._formats.current:
                    schema.upgrade(connection, found, self._formats)
        except StateError as problem:
            raise StateError(f"the state {self.place} could not be upgraded, and is as it was: {problem}") from None

    @contextmanager
    def _alone(self) -> Generator[Connection]:
        """A transaction beside which nobody else writes this state."""
        connection = self._connected()
        try:
            connection.execute(_WRITE)
            connection.execute(_SETTINGS, (self._location.schema,))
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (schema.lock_key(self._location.schema),))
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            self._abandon(connection)
            raise

    def _refuse_other_format(self, rows: Sequence[Row]) -> None:
        if self._known_format(rows) < self._formats.current:
            raise StateError(f"the state {self.place} was replaced while it was in use: run the command again")

    def _known_format(self, rows: Sequence[Row]) -> int:
        """Raises StateError for a format that only a newer version knows."""
        text = str(rows[0][0]) if rows else ""
        if not text.isdecimal():
            raise StateError(
                f"the state {self.place} does not tell its format: it is damaged, or the schema is another program's"
            )
        if int(text) > self._formats.current:
            raise StateError(
                f"the state {self.place} has format {text}, this version knows {self._formats.current}: "
                "use the newer dpaas that wrote it"
            )
        return int(text)
