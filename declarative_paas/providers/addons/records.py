"""One JSON file an add-on instance, written durably before anything is made: a crash never loses a password."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeAlias, cast

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.core.values import Sensitive
from declarative_paas.providers import filelock
from declarative_paas.providers.addons.account import open_directory
from declarative_paas.providers.addons.names import file_stem
from declarative_paas.providers.wholefile import sync_directory, write_whole
from declarative_paas.vault.keyring import Keyring, VaultError

FORMAT = 1

PlanFact: TypeAlias = str | int | bool | None


def write_durably(path: Path, text: str, *, mode: int = 0o600) -> None:
    """Replaces a file whole: after a crash it holds the old text or the new one, never half of it.

    Raises ProviderError (FAILED) when it cannot be written (a full disk).
    """
    try:
        write_whole(path, text, mode=mode, durable=True)
    except OSError as problem:
        raise ProviderError(ErrorKind.FAILED, f"cannot write {path}: {problem.strerror}") from problem


def read_json(path: Path) -> Mapping[str, Any] | None:
    """A JSON object, or None when there is no such file. Raises ProviderError for a damaged one."""
    try:
        found: Any = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError:
        raise ProviderError(ErrorKind.FAILED, f"the record {path} is damaged: it is not JSON") from None
    match found:
        case {"format": format_} if format_ == FORMAT:
            return cast("Mapping[str, Any]", found)
        case _:
            raise ProviderError(ErrorKind.FAILED, f"the record {path} is damaged or of a newer version")


def open_sealed(keyring: Keyring, sealed: str, owner: str) -> Sensitive:
    """A sealed password. Raises ProviderError (FAILED) when another key sealed it."""
    try:
        return Sensitive(keyring.open(sealed))
    except VaultError as problem:
        raise ProviderError(ErrorKind.FAILED, f"the password of {owner} cannot be read: {problem}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceRecord:
    """What we know of one instance: `sealed` is its password (or credential) under the platform's key.

    `details` are the driver's own (server, port, database, verifier). `provisioned` turns true when
    everything was made, so that a later absence is a loss and not an interrupted beginning.
    """

    key: str
    service: str
    app: str
    alias: str
    plan: Mapping[str, PlanFact]
    sealed: str = field(repr=False)
    details: Mapping[str, Any] = field(repr=False)
    provisioned: bool = False

    def to_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "key": self.key,
            "service": self.service,
            "app": self.app,
            "alias": self.alias,
            "plan": dict(self.plan),
            "sealed": self.sealed,
            "details": dict(self.details),
            "provisioned": self.provisioned,
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any], where: str) -> InstanceRecord:
        """Raises ProviderError (FAILED), naming `where`, when something is missing."""
        try:
            return cls(
                key=found["key"],
                service=found["service"],
                app=found["app"],
                alias=found["alias"],
                plan=found["plan"],
                sealed=found["sealed"],
                details=found["details"],
                provisioned=found["provisioned"],
            )
        except KeyError as missing:
            raise ProviderError(ErrorKind.FAILED, f"the record {where} is damaged: {missing} is missing") from None


class AddonRecords(Protocol):
    """Where a region keeps what it knows of its add-on instances. Raises ProviderError."""

    def lock(self, key: str) -> AbstractContextManager[None]:
        """Serialises the operations on one instance."""
        ...

    def read(self, key: str) -> InstanceRecord | None: ...

    def all(self, service: str) -> Mapping[str, InstanceRecord]:
        """Every record of a service by key. Raises ProviderError when one is damaged."""
        ...

    def write(self, record: InstanceRecord) -> None:
        """It is durable when this returns."""
        ...

    def remove(self, key: str) -> None:
        """A no-op when there is none."""
        ...


class InstanceRecords:
    """`AddonRecords` in files of one region: `instances/<key>.json`, mode 0600."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory / "instances"

    def _path(self, key: str) -> Path:
        return self._directory / f"{file_stem(key)}.json"

    def _make_directory(self) -> None:
        # The region's directory holds the servers' too: their account must be able to enter it.
        open_directory(self._directory.parent)
        self._directory.mkdir(mode=0o700, exist_ok=True)

    @contextmanager
    def lock(self, key: str) -> Generator[None]:
        """Serialises the operations on one instance."""
        self._make_directory()
        with filelock.held(self._directory / f".{file_stem(key)}.lock"):
            yield

    def read(self, key: str) -> InstanceRecord | None:
        found = read_json(self._path(key))
        return None if found is None else InstanceRecord.from_json(found, str(self._path(key)))

    def all(self, service: str) -> Mapping[str, InstanceRecord]:
        """Every record of a service by key. Raises ProviderError when one is damaged."""
        records: dict[str, InstanceRecord] = {}
        for path in sorted(self._directory.glob("[!.]*.json")):
            found = read_json(path)
            if found is not None and found.get("service") == service:
                record = InstanceRecord.from_json(found, str(path))
                records[record.key] = record
        return records

    def write(self, record: InstanceRecord) -> None:
        self._make_directory()
        write_durably(self._path(record.key), json.dumps(record.to_json(), indent=1, sort_keys=True) + "\n")

    def remove(self, key: str) -> None:
        try:
            self._path(key).unlink()
        except FileNotFoundError:
            return
        sync_directory(self._directory)
