"""Sealed secrets in the state's database. The key stays with the team: the server never sees it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

from declarative_paas.core.state import StateError
from declarative_paas.core.values import SecretRef, Sensitive
from declarative_paas.state.postgres_database import PostgresDatabase
from declarative_paas.state.postgres_schema import Row, Statement
from declarative_paas.state.secrets import not_stored, times, wrong_key
from declarative_paas.vault.keyring import Keyring, VaultError

_KEY: Statement = ("SELECT value FROM meta WHERE name = 'key'", ())
_STORED_AT: Statement = (
    "SELECT DISTINCT ON (name) name, left(sealed, 12) FROM secrets ORDER BY name, version DESC",
    (),
)
# Secrets are written one at a time: two new versions of one would get the same number.
_ONE_AT_A_TIME: Statement = ("SELECT 1 FROM meta WHERE name = 'lineage' FOR UPDATE", ())


class PostgresSecrets:
    """`SecretStore`. The key is asked for only when a value is sealed or opened."""

    def __init__(self, database: PostgresDatabase, keyring: Callable[[], Keyring]) -> None:
        self._database = database
        self._make_keyring = keyring
        self._keyring: Keyring | None = None

    def put(self, name: str, value: Sensitive) -> SecretRef:
        with _named(name):
            digest = self._key().digest(value.reveal())
        current = self.current(name)
        if current is not None and current.digest == digest:
            # Equal digests are of one key too.
            return current
        with _named(name):
            sealed = self._key().seal(value.reveal())
        with self._database.writing(_ONE_AT_A_TIME, _KEY, _newest(name)) as (connection, (_, keys, versions)):
            self._check_key(keys)
            current = _ref(name, versions)
            if current is not None and current.digest == digest:
                return current
            version = 1 if current is None else current.version + 1
            if not keys:
                # Secrets of two keys in one state could never be opened together: the first key is the only one.
                connection.execute("INSERT INTO meta VALUES ('key', %s)", (self._key().id,))
            connection.execute("INSERT INTO secrets VALUES (%s, %s, %s, %s)", (name, version, digest, sealed))
        return SecretRef(name, version, digest)

    def current(self, name: str) -> SecretRef | None:
        found = self._database.read(_newest(name))
        return None if found is None else _ref(name, found[0])

    def get(self, ref: SecretRef) -> Sensitive:
        query: Statement = (
            "SELECT sealed, digest FROM secrets WHERE name = %s AND version = %s",
            (ref.name, ref.version),
        )
        rows, keys = self._database.read(query, _KEY) or ([], [])
        self._check_key(keys)
        # A secret that was removed and stored anew counts from 1 again: the number alone may be another value.
        if not rows or (ref.digest and ref.digest != rows[0][1]):
            raise not_stored(ref)
        with _named(ref.name):
            return Sensitive(self._key().open(rows[0][0]), ref)

    def stored_at(self) -> Mapping[str, datetime]:
        found = self._database.read(_STORED_AT)
        return {} if found is None else times((row[0], row[1]) for row in found[0])

    def names(self) -> Sequence[str]:
        found = self._database.read(("SELECT DISTINCT name FROM secrets ORDER BY name", ()))
        return () if found is None else [row[0] for row in found[0]]

    def refs(self) -> Mapping[str, SecretRef]:
        found = self._database.read(("SELECT name, version, digest FROM secrets ORDER BY name, version", ()))
        # The later of two versions replaces the earlier.
        return {} if found is None else {row[0]: SecretRef(*row) for row in found[0]}

    def reseal(self) -> int:
        if not self._database.exists():
            return 0
        everything: Statement = ("SELECT name, version, sealed FROM secrets", ())
        with self._database.writing(_ONE_AT_A_TIME, _KEY, everything) as (connection, (_, keys, rows)):
            self._check_key(keys)
            for name, version, sealed in rows:
                with _named(name):
                    again = self._key().reseal(sealed)
                connection.execute(
                    "UPDATE secrets SET sealed = %s WHERE name = %s AND version = %s", (again, name, version)
                )
            connection.execute("UPDATE meta SET value = %s WHERE name = 'key'", (self._key().id,))
        return len(rows)

    def remove(self, name: str) -> bool:
        if not self._database.exists():
            return False
        with self._database.writing(
            _ONE_AT_A_TIME, ("DELETE FROM secrets WHERE name = %s RETURNING version", (name,))
        ) as (_, (_, removed)):
            return bool(removed)

    def _key(self) -> Keyring:
        if self._keyring is None:
            try:
                self._keyring = self._make_keyring()
            except VaultError as problem:
                raise StateError(str(problem)) from None
        return self._keyring

    def _check_key(self, rows: Sequence[Row]) -> None:
        if rows and rows[0][0] not in self._key().ids:
            raise wrong_key(f"the state {self._database.place}", rows[0][0], self._key().id)


@contextmanager
def _named(secret: str) -> Generator[None]:
    try:
        yield
    except VaultError as problem:
        raise StateError(f"secret {secret}: {problem}") from None


def _newest(name: str) -> Statement:
    return ("SELECT version, digest FROM secrets WHERE name = %s ORDER BY version DESC LIMIT 1", (name,))


def _ref(name: str, rows: Sequence[Row]) -> SecretRef | None:
    return SecretRef(name, rows[0][0], rows[0][1]) if rows else None
