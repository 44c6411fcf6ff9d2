"""PostgreSQL by its own programs: scripts, queries, streams and one long session, wherever a program can be run."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from declarative_paas.core.data import DataMissing, Process, Runner
from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.core.values import Sensitive

# So that the text of a value is the same on both sides, whatever role, database and server are set to.
_SETTINGS: Final = {
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    "client_min_messages": "error",
    "search_path": "",
    "datestyle": "ISO",
    "intervalstyle": "postgres",
    "timezone": "UTC",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "lc_monetary": "C",
    "standard_conforming_strings": "on",
    "default_transaction_read_only": "off",
    # A reader from whom rows are hidden gets an error, never a part of the table.
    "row_security": "off",
    # A server notices within a second that its client was killed, also while it builds an index.
    "client_connection_check_interval": "1000",
}

# SQLSTATE, or its class, to what can be done about it and our code. The longest that fits counts.
_STATES: Final[Mapping[str, tuple[ErrorKind, str | None]]] = {
    "08": (ErrorKind.UNAVAILABLE, "connection-lost"),
    "57P": (ErrorKind.UNAVAILABLE, "server-stopped"),
    "53100": (ErrorKind.FAILED, "disk-full"),
    "53300": (ErrorKind.FAILED, "too-many-connections"),
    "42501": (ErrorKind.INVALID, "insufficient-privilege"),
    "55P03": (ErrorKind.TRANSIENT, "lock-timeout"),
    "40": (ErrorKind.TRANSIENT, None),
}

# pg_dump's own way to wait for a lock only so long is a timeout of the statement; no other statement has one.
_LOCK_TIMEOUT: Final = re.compile("canceling statement due to (?:lock|statement) timeout")
_TOO_MANY: Final = "too many connections|too many clients|remaining connection slots"
_LOCK_TOLD: Final = "another session is changing a table, or waits to; the copy gives way to it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A role with its password, and where its connections go: a socket's directory or an address beside the server."""

    role: str
    password: Sensitive
    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresPrograms:
    """Where a server's own psql and pg_dump are, and who can start them."""

    runner: Runner
    bin_dir: str


@dataclass(slots=True)
class _Running:
    """The programs of one side that run now, to be ended from another thread."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    processes: set[Process] = field(default_factory=set[Process])
    stopped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresClient:
    """One account on one database. `settings` are server settings of each of its connections.

    Raises ProviderError with the primary message of the server only: the others can quote data.
    """

    programs: PostgresPrograms
    account: Account
    database: str
    settings: Mapping[str, str] = field(default_factory=dict[str, str])
    _running: _Running = field(default_factory=_Running)

    def with_settings(self, **settings: str) -> PostgresClient:
        """The same, stopped with it, with more server settings."""
        return replace(self, settings={**self.settings, **settings})

    def apart(self) -> PostgresClient:
        """The same, and not stopped with it."""
        return replace(self, _running=_Running())

    def open(self, program: str, *options: str) -> Process:
        """Starts psql or pg_dump on the database."""
        argv = [f"{self.programs.bin_dir}/{program}", f"--host={self.account.host}", f"--port={self.account.port}"]
        argv += [f"--username={self.account.role}", f"--dbname={self.database}", "--no-password", *options]
        settings = {**_SETTINGS, **self.settings}
        environment = {
            "PGOPTIONS": " ".join(f"-c {name}={value}" for name, value in settings.items()),
            "PGAPPNAME": "dpaas copy",
            "PGCONNECT_TIMEOUT": "15",
            "PSQLRC": "/dev/null",
        }
        if self.settings.get("client_encoding"):
            environment["PGCLIENTENCODING"] = self.settings["client_encoding"]
        secrets = {"PGPASSWORD": self.account.password}
        with self._running.lock:
            if self._running.stopped:
                raise ProviderError(ErrorKind.CANCELLED, "the copy was stopped")
            process = self.programs.runner.open(argv, environment=environment, secrets=secrets)
            self._running.processes.add(process)
        return process

    def psql(self, *options: str) -> Process:
        """Starts psql, quiet and for machines, ending at the first error."""
        quiet = ("--no-psqlrc", "--no-align", "--tuples-only")
        return self.open("psql", *quiet, "--set=ON_ERROR_STOP=1", "--set=VERBOSITY=verbose", *options)

    def end(self, process: Process, what: str) -> None:
        """Waits for a program's end. Raises ProviderError when it failed."""
        status = process.wait()
        with self._running.lock:
            self._running.processes.discard(process)
        if status != 0:
            raise _failure(process.errors(), what)

    def abandon(self, process: Process) -> None:
        """Ends a program whose outcome is of no interest."""
        process.kill()
        process.wait()
        with self._running.lock:
            self._running.processes.discard(process)

    def run(self, script: str, what: str) -> str:
        """The output of a script, read whole."""
        process = self.psql("--quiet", "--file=-")
        return self.converse(process, script, what)

    def converse(self, process: Process, text: str, what: str) -> str:
        """Gives a program all of `text`, and returns all it prints."""
        feeder = feed(process, text)
        found = bytearray()
        while chunk := process.read(1 << 16):
            found += chunk
        feeder.join()
        self.end(process, what)
        return found.decode("utf-8", "surrogateescape")

    def rows(self, query: str, what: str, *, before: str = "") -> list[Any]:
        """The rows of a query as JSON objects; `before` runs first, in the same session."""
        return _decoded(self.run(f"{before}\n{as_json(query)}", what))

    def stop(self) -> None:
        """Ends everything that runs, and lets nothing start any more."""
        with self._running.lock:
            self._running.stopped = True
            processes = list(self._running.processes)
        for process in processes:
            process.kill()

    def close(self) -> None:
        """Stops, and waits until everything has ended."""
        self.stop()
        for process in tuple(self._running.processes):
            self.abandon(process)


def feed(process: Process, text: str) -> threading.Thread:
    """Gives a program all of its input in a thread of its own: it may print much before it reads on."""

    def write() -> None:
        # Where it ended early, its own words tell why.
        with contextlib.suppress(OSError):
            process.write(text.encode("utf-8", "surrogateescape"))
        process.close_input()

    feeder = threading.Thread(target=write, daemon=True)
    feeder.start()
    return feeder


class Session:
    """One psql kept open: a transaction, a lock, a snapshot live as long as it does."""

    _END: Final = "--dpaas: end of answer--"

    def __init__(self, client: PostgresClient, what: str) -> None:
        self._client, self._what = client, what
        self._process = client.psql("--quiet", "--file=-")
        self._left: bytes = b""

    def run(self, sql: str) -> str:
        """What some statements print. After a failure the session is over."""
        try:
            self._process.write(f"{sql}\n\\echo '{self._END}'\n".encode("utf-8", "surrogateescape"))
        except BrokenPipeError:
            self._fail()
        end = f"{self._END}\n".encode()
        while not (self._left.endswith(b"\n" + end) or self._left == end):
            chunk = self._process.read(1 << 16)
            if not chunk:
                self._fail()
            self._left += chunk
        found = self._left[: -len(end)]
        self._left = b""
        return found.decode("utf-8", "surrogateescape")

    def rows(self, query: str) -> list[Any]:
        """The rows of a query as JSON objects."""
        return _decoded(self.run(as_json(query)))

    def close(self) -> None:
        """Ends it; what was not committed is undone. A no-op when it has ended."""
        self._client.abandon(self._process)

    def _fail(self) -> None:
        self._process.kill()
        self._client.end(self._process, self._what)
        raise ProviderError(ErrorKind.UNAVAILABLE, f"{self._what}: the session ended")


def as_json(query: str) -> str:
    """A query whose rows come as one line of JSON, in the server's own writing."""
    return f"SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(q)), '[]') FROM ({query}) q;"


def _decoded(printed: str) -> list[Any]:
    found: list[Any] = json.loads(printed.strip().splitlines()[-1])
    return found


def _failure(errors: str, what: str) -> ProviderError:
    """The first error of a program, told by its kind."""
    found = re.search(r"(?:ERROR|FATAL|PANIC):  ([0-9A-Z]{5}): (.*)", errors)
    if found:
        state, message = found.groups()
        fitting = [prefix for prefix in _STATES if state.startswith(prefix)]
        kind, code = _STATES[max(fitting, key=len)] if fitting else (ErrorKind.FAILED, None)
        told = _LOCK_TOLD if code == "lock-timeout" else message
        return ProviderError(kind, f"{what}: {told}", code=code or state)
    if _LOCK_TIMEOUT.search(errors):  # pg_dump tells no state
        return ProviderError(ErrorKind.TRANSIENT, f"{what}: {_LOCK_TOLD}", code="lock-timeout")
    line = next((line for line in errors.splitlines() if "error:" in line or "FATAL:" in line), "the connection ended")
    line = re.sub(r"^[\w/.:-]*?(?:psql|pg_dump)(?::<stdin>:\d+)?: (?:error: )?", "", line)
    # Connection failures have no state: https://www.postgresql.org/docs/current/libpq-connect.html
    if re.search(r'database ".*" does not exist', line):
        return DataMissing(ErrorKind.FAILED, f"{what}: {line}", code="database-missing")
    code = "too-many-connections" if re.search(_TOO_MANY, line) else "connection-lost"
    return ProviderError(ErrorKind.UNAVAILABLE, f"{what}: {line}", code=code)
