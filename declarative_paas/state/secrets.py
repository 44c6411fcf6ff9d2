"""Sealed secrets in the state's file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

from declarative_paas.core.state import StateError
from declarative_paas.core.values import SecretRef, Sensitive
from declarative_paas.state.file import StateFile, meta
from declarative_paas.vault.keyring import Keyring, VaultError, sealed_at


class SqliteSecrets:
    """`SecretStore`. The key is asked for only when a value is sealed or opened."""

    def __init__(self, file: StateFile, keyring: Callable[[], Keyring]) -> None:
        self._file = file
        self._make_keyring = keyring
        self._keyring: Keyring | None = None

    def put(self, name: str, value: Sensitive) -> SecretRef:
        with _named(name):
            digest = self._key().digest(value.reveal())
        current = self.current(name)
        if current is not None and current.digest == digest:
            # Equal digests are of one key too. Nothing is sealed: that would load the cryptography package.
            return current
        with _named(name):
            sealed = self._key().seal(value.reveal())
        with self._file.writing() as connection:
            self._claim_key(connection)
            current = _newest(connection, name)
            if current is not None and current.digest == digest:
                return current
            version = 1 if current is None else current.version + 1
            connection.execute("INSERT INTO secrets VALUES (?, ?, ?, ?)", (name, version, digest, sealed))
        return SecretRef(name, version, digest)

    def current(self, name: str) -> SecretRef | None:
        if not self._file.exists():
            return None
        with self._file.reading() as connection:
            return _newest(connection, name)

    def get(self, ref: SecretRef) -> Sensitive:
        row = None
        if self._file.exists():
            with self._file.reading() as connection:
                row = connection.execute(
                    "SELECT sealed, digest FROM secrets WHERE name = ? AND version = ?", (ref.name, ref.version)
                ).fetchone()
                self._check_key(meta(connection, "key"))
        # A secret that was removed and stored anew counts from 1 again: the number alone may be another value.
        if row is None or (ref.digest and ref.digest != row[1]):
            raise not_stored(ref)
        with _named(ref.name):
            return Sensitive(self._key().open(row[0]), ref)

    def stored_at(self) -> Mapping[str, datetime]:
        if not self._file.exists():
            return {}
        with self._file.reading() as connection:
            # With one max() SQLite takes the other columns from the row that has it.
            rows = connection.execute(
                "SELECT name, substr(sealed, 1, 12), max(version) FROM secrets GROUP BY name"
            ).fetchall()
        return times((row[0], row[1]) for row in rows)

    def names(self) -> Sequence[str]:
        if not self._file.exists():
            return ()
        with self._file.reading() as connection:
            return [row[0] for row in connection.execute("SELECT DISTINCT name FROM secrets ORDER BY name")]

    def refs(self) -> Mapping[str, SecretRef]:
        if not self._file.exists():
            return {}
        with self._file.reading() as connection:
            rows = connection.execute("SELECT name, version, digest FROM secrets ORDER BY name, version").fetchall()
        # The later of two versions replaces the earlier.
        return {name: SecretRef(name, version, digest) for name, version, digest in rows}

    def reseal(self) -> int:
        if not self._file.exists():
            return 0
        with self._file.writing() as connection:
            self._check_key(meta(connection, "key"))
            rows = connection.execute("SELECT name, version, sealed FROM secrets").fetchall()
            for name, version, sealed in rows:
                with _named(name):
                    again = self._key().reseal(sealed)
                connection.execute(
                    "UPDATE secrets SET sealed = ? WHERE name = ? AND version = ?", (again, name, version)
                )
            connection.execute("UPDATE meta SET value = ? WHERE name = 'key'", (self._key().id,))
        return len(rows)

    def remove(self, name: str) -> bool:
        if not self._file.exists():
            return False
        with self._file.writing() as connection:
            return connection.execute("DELETE FROM secrets WHERE name = ?", (name,)).rowcount > 0

    def _key(self) -> Keyring:
        if self._keyring is None:
            try:
                self._keyring = self._make_keyring()
            except VaultError as problem:
                raise StateError(str(problem)) from None
        return self._keyring

    def _claim_key(self, connection: sqlite3.Connection) -> None:
        """Secrets of two keys in one state could never be opened together: the first key is the only one."""
        known = meta(connection, "key")
        if known is None:
            connection.execute("INSERT INTO meta VALUES ('key', ?)", (self._key().id,))
        else:
            self._check_key(known)

    def _check_key(self, known: str | None) -> None:
        if known is not None and known not in self._key().ids:
            raise wrong_key(f"the state {self._file.path}", known, self._key().id)


def wrong_key(state: str, known: str, given: str) -> StateError:
    """Names both keys by their ids, which tell nothing of the keys."""
    return StateError(
        f"{state} is sealed with key {known}, but the key file holds key {given}: "
        "put the key file back that belongs to this state"
    )


def not_stored(ref: SecretRef) -> StateError:
    return StateError(f"secret {ref.name} version {ref.version} is not stored")


def times(rows: Iterable[tuple[str, str]]) -> dict[str, datetime]:
    """Rows of a name and the beginning of what is sealed. Raises StateError when one is damaged."""
    found: dict[str, datetime] = {}
    for name, sealed in rows:
        with _named(name):
            found[name] = sealed_at(sealed)
    return found


@contextmanager
def _named(secret: str) -> Generator[None]:
    try:
        yield
    except VaultError as problem:
        raise StateError(f"secret {secret}: {problem}") from None


def _newest(connection: sqlite3.Connection, name: str) -> SecretRef | None:
    row = connection.execute(
        "SELECT version, digest FROM secrets WHERE name = ? ORDER BY version DESC LIMIT 1", (name,)
    ).fetchone()
    return None if row is None else SecretRef(name, row[0], row[1])
