"""One key a platform: seals secrets at rest and digests them so that changes show and values do not."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import threading
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.fernet import Fernet


class VaultError(Exception):
    """A key that is missing or malformed, or a sealed value that another key made."""


class Keyring:
    """Fernet (AES-128-CBC + HMAC-SHA256) with one key; `digest` uses a key derived from it."""

    def __init__(self, key: bytes) -> None:
        try:
            # Strictly: a byte too many, passed over here, would make other digests of the same key.
            if len(base64.b64decode(key, altchars=b"-_", validate=True)) != 32:
                raise ValueError
        except ValueError:
            raise VaultError("the key is not 32 bytes in URL-safe base64") from None
        self._key = key
        self._digest_key = hashlib.sha256(b"dpaas digest v1\0" + key).digest()

    @classmethod
    def load(cls, path: Path) -> Keyring:
        """Reads a key file. Raises VaultError when it is missing or malformed."""
        try:
            return cls(path.read_bytes().strip())
        except FileNotFoundError:
            raise VaultError(f"no key file at {path}") from None
        except OSError as problem:
            raise VaultError(f"the key file {path} cannot be read: {problem.strerror}") from None
        except VaultError as problem:
            raise VaultError(f"{problem}: {path} is damaged; put the right key file back") from None

    @classmethod
    def load_or_create(cls, path: Path) -> Keyring:
        """Reads the key file, making it (mode 0600) when there is none; safe when two do it at once.

        Raises VaultError when it is malformed or cannot be made.
        """
        try:
            if not path.exists():
                _create(path)
        except OSError as problem:
            raise VaultError(f"the key file {path} cannot be made: {problem.strerror}") from None
        return cls.load(path)

    @property
    def id(self) -> str:
        """Names the key without telling it."""
        return hashlib.sha256(b"dpaas key id\0" + self._key).hexdigest()[:12]

    @cached_property
    def _fernet(self) -> Fernet:
        from cryptography.fernet import Fernet

        return Fernet(self._key)

    def seal(self, text: str) -> str:
        """Raises VaultError when the text cannot be stored."""
        return self._fernet.encrypt(_bytes(text)).decode("ascii")

    def open(self, sealed: str) -> str:
        """Raises VaultError when another key sealed it or it was altered."""
        from cryptography.fernet import InvalidToken

        try:
            return self._fernet.decrypt(_bytes(sealed)).decode()
        except InvalidToken:
            raise VaultError(f"a sealed value does not open with key {self.id}") from None

    def digest(self, text: str) -> str:
        """A keyed digest: equal for equal secrets, of no use for guessing without the key. Raises VaultError."""
        return hmac.new(self._digest_key, _bytes(text), hashlib.sha256).hexdigest()[:20]


def _bytes(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        # Without the exception: it holds the whole text, which is a secret.
        raise VaultError("the value is not valid Unicode text; store binary values as base64") from None


def _create(path: Path) -> None:
    """Makes the key file durable before anything is sealed with it: a lost key loses every secret."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Threads too: regions and add-ons of one apply ask for the key at the same moment.
    fresh = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(base64.urlsafe_b64encode(os.urandom(32)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        # Link, not rename: the first writer wins, and a loser reads the winner's key.
        os.link(fresh, path)
    except FileExistsError:
        pass
    finally:
        fresh.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
