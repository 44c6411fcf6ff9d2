"""A region's records as files in a volume of its engine, so that everyone who uses the engine sees the same region."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from typing import Any, Protocol

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.provider import ErrorKind, InstanceKey, ProviderError
from declarative_paas.providers.addons.records import InstanceRecord
from declarative_paas.providers.hosting.records import Record, ReleaseRecord

FORMAT = 1
"""Of every file; one of a later format is refused, not misread."""

RECORD, RELEASE, PORT, ADDON = "record.", "release.", "port.", "addon."
"""What a file holds, by the beginning of its name."""


class Files(Protocol):
    """Durable small files, by name. Raises ProviderError."""

    def read(self, prefix: str = "") -> Mapping[str, str]: ...

    def put(self, files: Mapping[str, str]) -> None: ...

    def claim(self, name: str, text: str) -> bool: ...

    def remove(self, names: Sequence[str]) -> None: ...

    def locked(self, name: str) -> AbstractContextManager[None]: ...


class VolumeRecords:
    """`hosting.Records`, one file a record. Holds nothing back: every question is asked."""

    def __init__(self, files: Files, *, erase: Callable[[], None] | None = None) -> None:
        self._files = files
        self._erase = erase

    def put(self, scope: str, key: InstanceKey, record: Record) -> None:
        content = {
            "scope": scope,
            "address": str(key[0]),
            "instance": key[1],
            # What tells the newest instance at an address; one second of two clocks apart does not matter:
            # two instances of an address are made by plans of one scope, one after the other.
            "written": time.time_ns(),
            "record": asdict(record),
        }
        self._files.put({_record_name(scope, key): _text(content)})

    def get(self, scope: str, key: InstanceKey) -> Record | None:
        name = _record_name(scope, key)
        found = self._files.read(name).get(name)
        return None if found is None else Record(**_content(name, found)["record"])

    def current(self, scope: str, address: ResourceAddress) -> Record | None:
        here = [item for item in self._all(RECORD) if (item["scope"], item["address"]) == (scope, str(address))]
        return Record(**max(here, key=lambda item: int(item["written"]))["record"]) if here else None

    def remove(self, scope: str, key: InstanceKey) -> None:
        self._files.remove([_record_name(scope, key)])

    def all(self, scope: str | None = None) -> dict[tuple[str, ResourceAddress, str], Record]:
        return {
            (item["scope"], ResourceAddress.parse(item["address"]), item["instance"]): Record(**item["record"])
            for item in sorted(self._all(RECORD), key=lambda item: int(item["written"]))
            if scope is None or item["scope"] == scope
        }

    def put_release(self, release: ReleaseRecord) -> None:
        self._files.put({_release_name(release.app, release.version): _text({"release": asdict(release)})})

    def releases(self, app: str) -> list[ReleaseRecord]:
        return self._releases(f"{RELEASE}{app}.")

    def all_releases(self) -> list[ReleaseRecord]:
        return self._releases(RELEASE)

    def remove_releases(self, app: str) -> None:
        self._files.remove(sorted(self._files.read(f"{RELEASE}{app}.")))

    def erase(self) -> None:
        assert self._erase is not None, "a snapshot is only read"
        self._erase()

    def claim_app_port(self, app: str, first: int, last: int) -> int | None:
        owners = {int(item["port"]): item["app"] for item in self._all(PORT)}
        mine = next((port for port, owner in owners.items() if owner == app), None)
        if mine is not None:
            return mine
        for port in range(first, last + 1):
            # A claim that is lost was won by an app that is made at the same time, here or elsewhere.
            if port not in owners and self._files.claim(_port_name(port), _text({"port": port, "app": app})):
                return port
        return None

    def release_app_port(self, app: str) -> None:
        self._files.remove([_port_name(int(item["port"])) for item in self._all(PORT) if item["app"] == app])

    def _releases(self, prefix: str) -> list[ReleaseRecord]:
        found = [ReleaseRecord(**item["release"]) for item in self._all(prefix)]
        return sorted(found, key=lambda release: (release.app, release.version))

    def _all(self, prefix: str) -> list[Mapping[str, Any]]:
        return [_content(name, text) for name, text in self._files.read(prefix).items()]


class VolumeAddonRecords:
    """The add-on drivers' `AddonRecords`, beside the region's own. Passwords in them are sealed."""

    def __init__(self, files: Files) -> None:
        self._files = files

    @contextmanager
    def lock(self, key: str) -> Generator[None]:
        """Serialises the operations on one instance, over processes and machines."""
        with self._files.locked(_addon_name(key)):
            yield

    def read(self, key: str) -> InstanceRecord | None:
        name = _addon_name(key)
        found = self._files.read(name).get(name)
        return None if found is None else _addon(name, found)

    def all(self, service: str) -> Mapping[str, InstanceRecord]:
        records = [_addon(name, text) for name, text in self._files.read(ADDON).items()]
        return {record.key: record for record in records if record.service == service}

    def known(self) -> list[str]:
        """The keys of all, whatever their service."""
        return [_addon(name, text).key for name, text in self._files.read(ADDON).items()]

    def write(self, record: InstanceRecord) -> None:
        self._files.put({_addon_name(record.key): _text({"addon": record.to_json()})})

    def remove(self, key: str) -> None:
        self._files.remove([_addon_name(key)])


def _text(content: Mapping[str, Any]) -> str:
    return json.dumps({"format": FORMAT, **content}, sort_keys=True)


def _content(name: str, text: str) -> Mapping[str, Any]:
    try:
        found: Mapping[str, Any] = json.loads(text)
        if found["format"] == FORMAT:
            return found
    except (ValueError, KeyError, TypeError):
        raise ProviderError(ErrorKind.FAILED, f"the record {name} on the engine is damaged") from None
    raise ProviderError(ErrorKind.FAILED, f"the record {name} on the engine is of a newer version of dpaas")


def _addon(name: str, text: str) -> InstanceRecord:
    return InstanceRecord.from_json(_content(name, text)["addon"], f"the record {name} on the engine")


def _record_name(scope: str, key: InstanceKey) -> str:
    # A digest: names of apps, aliases and environments together may be longer than a file's name.
    return RECORD + hashlib.sha256(f"{scope}\0{key[0]}\0{key[1]}".encode()).hexdigest()[:40]


def _release_name(app: str, version: int) -> str:
    return f"{RELEASE}{app}.{version}"


def _port_name(port: int) -> str:
    return f"{PORT}{port}"


def _addon_name(key: str) -> str:
    return ADDON + hashlib.sha256(key.encode()).hexdigest()[:40]
