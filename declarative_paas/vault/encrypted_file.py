"""Secrets in a file that may lie in a repository: names in clear, each value sealed on its own line.

The file is JSON: `{"format": …, "key": ID, "secrets": {NAME: TOKEN}}`, sorted, so that a change of one secret is a
change of one line. A token holds the name beside the value: moved under another name, it does not open.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeGuard, cast

from declarative_paas.vault.keyring import Keyring, VaultError, sealed_at

FORMAT: Final = "dpaas encrypted secrets 1"
_ANY_FORMAT: Final = FORMAT.rpartition(" ")[0]
MAX_FILE_BYTES: Final = 16_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class EncryptedFile:
    """The file's content, none of it opened. `key` is the id of the key that sealed all of it."""

    path: Path
    key: str | None = None
    tokens: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)

    @classmethod
    def load(cls, path: Path) -> EncryptedFile:
        """Raises VaultError, naming the file, when it is missing, unreadable or not of this format."""
        try:
            with path.open("rb") as file:
                data = file.read(MAX_FILE_BYTES + 1)
        except FileNotFoundError:
            raise VaultError(f"there is no file {path}") from None
        except OSError as problem:
            raise VaultError(f"{path} cannot be read: {problem.strerror}") from None
        if len(data) > MAX_FILE_BYTES:
            raise VaultError(f"{path} has more than {MAX_FILE_BYTES} bytes")
        return cls._parsed(path, data)

    @classmethod
    def _parsed(cls, path: Path, data: bytes) -> EncryptedFile:
        try:
            content = json.loads(data, object_pairs_hook=_each_once)
        except (ValueError, RecursionError):
            # Without the exception: it quotes the file, and somebody may have written a value into it.
            content = None
        if isinstance(content, dict):
            found = cast("dict[str, Any]", content)
            form, key, tokens = found.get("format"), found.get("key"), found.get("secrets")
            if form == FORMAT and isinstance(key, str) and _is_texts(tokens):
                return cls(path=path, key=key, tokens=tokens)
            if isinstance(form, str) and form != FORMAT and form.startswith(_ANY_FORMAT):
                raise VaultError(f"{path} is of a newer format than this version of dpaas reads")
        raise VaultError(f"{path} is damaged: it is no file of encrypted secrets, or a merge left its marks in it")

    def open(self, name: str, keyring: Keyring) -> str:
        """Raises VaultError when the name is not there, another key sealed it, or it was altered."""
        token = self.tokens.get(name)
        if token is None:
            raise VaultError(f"{self.path} holds no secret {name}")
        self._check_key(keyring)
        with suppress(VaultError):
            # The name was sealed along: a value that was put under another name must not pass for that one.
            match json.loads(keyring.open(token)):
                case [str(sealed_name), str(value)] if sealed_name == name:
                    return value
                case _:
                    pass
        raise VaultError(f"the value of {name} in {self.path} was altered since it was sealed")

    def sealed_at(self, name: str) -> datetime | None:
        """When the value was put there; None when it is not there. Not authenticated: for showing only."""
        token = self.tokens.get(name)
        return None if token is None else sealed_at(token)

    def with_value(self, name: str, value: str, keyring: Keyring) -> EncryptedFile:
        """The content with the secret in it. Raises VaultError when another key sealed the rest."""
        self._check_key(keyring)
        token = keyring.seal(json.dumps([name, value], ensure_ascii=False))
        return EncryptedFile(path=self.path, key=keyring.id, tokens={**self.tokens, name: token})

    def without(self, name: str) -> EncryptedFile:
        """The content without the secret."""
        kept = {other: token for other, token in self.tokens.items() if other != name}
        return EncryptedFile(path=self.path, key=self.key, tokens=kept)

    def save(self) -> None:
        """Replaces the file, never leaving half of one. Raises OSError."""
        content = {"format": FORMAT, "key": self.key, "secrets": dict(sorted(self.tokens.items()))}
        fresh = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            with fresh.open("w", encoding="utf-8") as file:
                file.write(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self.path)
        finally:
            fresh.unlink(missing_ok=True)

    def _check_key(self, keyring: Keyring) -> None:
        if self.key is not None and self.key != keyring.id:
            raise VaultError(f"{self.path} is sealed with key {self.key}, but the key given is {keyring.id}")


@contextmanager
def editing(path: Path) -> Generator[EncryptedFile]:
    """The file to be changed and saved, or an empty one; nobody else changes it meanwhile. Raises VaultError."""
    try:
        # The directory, not the file: saving puts another file in its place.
        folder = os.open(path.parent, os.O_RDONLY)
    except OSError as problem:
        raise VaultError(f"{path.parent} cannot be opened: {problem.strerror}") from None
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield EncryptedFile.load(path) if path.exists() else EncryptedFile(path=path)
    finally:
        os.close(folder)


def _is_texts(value: object) -> TypeGuard[dict[str, str]]:
    return isinstance(value, dict) and all(isinstance(item, str) for item in cast("dict[str, Any]", value).values())


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A key that stands twice (a bad merge) would leave it to chance which value counts."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found
