"""Sealed secrets in the state's file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager

from declarative_paas.core.state import StateError
from declarative_paas.core.values import SecretRef, Sensitive
from declarative_paas.state.file import StateFile, meta
from declarative_paas.vault.keyring import Keyring, VaultError


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

    def names(self) -> Sequence[str]:
        if not self._file.exists():
            return ()
        with self._file.reading() as connection:
            return [row[0] for row in connection.execute("SELECT DISTINCT name FROM secrets ORDER BY name")]

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
        if known is not None and known != self._key().id:
            raise wrong_key(f"the state {self._file.path}", known, self._key().id)


def wrong_key(state: str, known: str, given: str) -> StateError:
    """Names both keys by their ids, which tell nothing of the keys."""
    return StateError(
        f"{state} is sealed with key {known}, but the key file holds key {given}: "
        "put the key file back that belongs to this state"
    )


def not_stored(ref: SecretRef) -> StateError:
    return StateError(f"secret {ref.name} version {ref.version} is not stored")


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
