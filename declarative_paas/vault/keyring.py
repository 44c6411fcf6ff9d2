"""A platform's key: seals secrets at rest and digests them so that changes show and values do not."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import threading
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet


class VaultError(Exception):
    """A key that is missing or malformed, or a sealed value that another key made."""


class Keyring:
    """Fernet (AES-128-CBC + HMAC-SHA256). The first key seals, each one opens: the others are earlier ones.

    `digest` uses a key derived from the last, the earliest one: what was digested stays comparable when
    the key is renewed.
    """

    def __init__(self, *keys: bytes) -> None:
        try:
            # Strictly: a byte too many, passed over here, would make other digests of the same key.
            if not keys or any(len(base64.b64decode(key, altchars=b"-_", validate=True)) != 32 for key in keys):
                raise ValueError
        except ValueError:
            raise VaultError("the key is not 32 bytes in URL-safe base64") from None
        self._keys = keys
        self._digest_key = hashlib.sha256(b"dpaas digest v1\0" + keys[-1]).digest()

    @classmethod
    def load(cls, path: Path) -> Keyring:
        """Reads a key file. Raises VaultError when it is missing or malformed."""
        try:
            return cls(*path.read_bytes().split())
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
        """Names the key that seals without telling it."""
        return self.ids[0]

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """Names every key that opens, the newest first."""
        return tuple(hashlib.sha256(b"dpaas key id\0" + key).hexdigest()[:12] for key in self._keys)

    @cached_property
    def _fernet(self) -> MultiFernet:
        from cryptography.fernet import Fernet, MultiFernet

        return MultiFernet([Fernet(key) for key in self._keys])

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

    def reseal(self, sealed: str) -> str:
        """The same, sealed by the newest key, with the time it was first sealed at. Raises VaultError."""
        from cryptography.fernet import InvalidToken

        try:
            return self._fernet.rotate(_bytes(sealed)).decode("ascii")
        except InvalidToken:
            raise VaultError(f"a sealed value does not open with key {self.id}") from None

    def digest(self, text: str) -> str:
        """A keyed digest: equal for equal secrets, of no use for guessing without the key. Raises VaultError."""
        return hmac.new(self._digest_key, _bytes(text), hashlib.sha256).hexdigest()[:20]


def sealed_at(sealed: str) -> datetime:
    """When a value was sealed, to the second. Fernet writes it in clear; the first 12 characters are enough.

    Raises VaultError when the text is not sealed.
    """
    try:
        header = base64.b64decode(sealed[:12], altchars=b"-_", validate=True)
        # Fernet's layout: one byte of version, eight of seconds since 1970.
        if len(header) != 9 or header[0] != 0x80:
            raise ValueError
        return datetime.fromtimestamp(int.from_bytes(header[1:9]), UTC)
    except (ValueError, OverflowError, OSError):
        raise VaultError("this is no sealed value") from None


def _bytes(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        # Without the exception: it holds the whole text, which is a secret.
        raise VaultError("the value is not valid Unicode text; store binary values as base64") from None


def add_key(path: Path) -> Keyring:
    """Puts a new key before those in the key file: it seals from now on. Raises VaultError.

    The earlier ones stay: what a region sealed with them opens for as long as it is there.
    """
    Keyring.load(path)
    fresh = _beside(path)
    try:
        _write_key(fresh, base64.urlsafe_b64encode(os.urandom(32)) + b"\n" + path.read_bytes())
        fresh.replace(path)
        _sync_folder(path.parent)
    except OSError as problem:
        raise VaultError(f"the key file {path} cannot be written: {problem.strerror}") from None
    finally:
        fresh.unlink(missing_ok=True)
    return Keyring.load(path)


def _create(path: Path) -> None:
    """Makes the key file durable before anything is sealed with it: a lost key loses every secret."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = _beside(path)
    try:
        _write_key(fresh, base64.urlsafe_b64encode(os.urandom(32)) + b"\n")
        # Link, not rename: the first writer wins, and a loser reads the winner's key.
        os.link(fresh, path)
    except FileExistsError:
        pass
    finally:
        fresh.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _beside(path: Path) -> Path:
    # Threads too: regions and add-ons of one apply ask for the key at the same moment.
    return path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")


def _write_key(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
