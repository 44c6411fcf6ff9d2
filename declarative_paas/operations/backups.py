"""Backups of PostgreSQL add-ons: dumps in a directory of the project, each with a description, found by name.

A backup holds the database's content in clear, as the database does: the directory is its owner's alone.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.diagnostic import Diagnostic, error, nearest
from declarative_paas.core.provider import ErrorKind, ProviderError, Reach

FORMAT: Final = 1
DUMP: Final = ".dump"
DESCRIPTION: Final = ".json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A whole and verified dump. `created_at` is ISO 8601; `entries` are the dump's own, as pg_restore lists them."""

    name: str
    platform: str
    environment: str
    app: str
    alias: str
    created_at: str
    size_bytes: int
    sha256: str
    entries: int

    def to_json(self) -> dict[str, Any]:
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Backup:
        """Raises ValueError, KeyError or TypeError for what no `to_json` wrote."""
        told = dict(found)
        if told.pop("format") != FORMAT:
            raise ValueError("a backup of a newer version")
        return cls(**told)


class BackupStore:
    """The backups in one directory. A dump without a description was interrupted, and is no backup."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def all(self) -> list[Backup]:
        """The newest first. A description that cannot be read is passed over: its dump stays."""
        found: list[Backup] = []
        for path in self.directory.glob(f"*{DESCRIPTION}"):
            with suppress(OSError, ValueError, KeyError, TypeError):
                found.append(Backup.from_json(json.loads(path.read_text("utf-8"))))
        return sorted(found, key=lambda backup: (backup.created_at, backup.name), reverse=True)

    def find(self, name: str) -> Backup | Diagnostic:
        known = {backup.name: backup for backup in self.all()}
        if name in known:
            return known[name]
        return error(
            "unknown-backup",
            f"there is no backup {name!r} in {self.directory}",
            expected="one that `dpaas pg backups` lists",
            suggestion=nearest(name, known),
        )

    def dump(self, name: str) -> Path:
        return self.directory / f"{name}{DUMP}"

    def make(self, reach: Reach, scope: Scope, app: str, alias: str, now: datetime) -> Backup:
        """Dumps the database, reads the dump back, and only then gives it its name. Raises ProviderError."""
        name = f"{app}-{alias}-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
        self.directory.mkdir(parents=True, exist_ok=True)
        self.directory.chmod(0o700)
        making = self.directory / f".{name}.{os.getpid()}"
        try:
            with open(os.open(making, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "r+b") as file:  # noqa: PTH123
                reach.dump(app, alias, file)
                file.flush()
                os.fsync(file.fileno())
                file.seek(0)
                entries = reach.dump_contents(app, alias, file)
            backup = Backup(
                name=name,
                platform=scope.platform,
                environment=scope.environment,
                app=app,
                alias=alias,
                created_at=now.astimezone(UTC).isoformat(timespec="seconds"),
                size_bytes=making.stat().st_size,
                sha256=_digest(making),
                entries=len(entries),
            )
            self._keep(making, backup)
        except OSError as problem:
            raise ProviderError(
                ErrorKind.FAILED, f"cannot write a backup in {self.directory}: {problem.strerror}"
            ) from None
        finally:
            making.unlink(missing_ok=True)
        return backup

    def _keep(self, making: Path, backup: Backup) -> None:
        # A link, not a rename: it refuses a name that is taken, by a backup of the same second.
        os.link(making, self.dump(backup.name))
        fresh = self.directory / f".{backup.name}{DESCRIPTION}"
        fresh.write_text(json.dumps(backup.to_json(), indent=1) + "\n", "utf-8")
        fresh.chmod(0o600)
        fresh.rename(self.directory / f"{backup.name}{DESCRIPTION}")
        folder = os.open(self.directory, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def restore(self, backup: Backup, reach: Reach, app: str, alias: str) -> None:
        """Replaces all that the database holds by the backup's content, or leaves it as it is.

        Raises ProviderError, before anything is touched when the dump is not what was written.
        """
        path = self.dump(backup.name)
        try:
            if path.stat().st_size != backup.size_bytes or _digest(path) != backup.sha256:
                raise ProviderError(ErrorKind.FAILED, f"{path} is damaged: it is not what was backed up")
            with path.open("rb") as file:
                reach.dump_contents(app, alias, file)
                file.seek(0)
                reach.restore(app, alias, file)
        except OSError as problem:
            raise ProviderError(ErrorKind.FAILED, f"cannot read {path}: {problem.strerror}") from None


def parse_database(text: str, usual: str = "DATABASE") -> tuple[str, str] | Diagnostic:
    """`shop` or `shop/REPORTS` as (app, alias)."""
    app, slash, alias = text.partition("/")
    if not app or (slash and not alias) or "/" in alias:
        return error("malformed-database", f"{text!r} names no database", expected="APP or APP/ALIAS")
    return app, alias or usual


def missing_consent(reach: Reach, app: str, alias: str, confirmed: Sequence[str]) -> Diagnostic | None:
    """What restoring over a database that holds something needs; None when it is empty or has been agreed to."""
    address = str(ResourceAddress("addon", app, alias))
    if address in confirmed:
        return None
    tables = reach.tables(app, alias)
    if tables == 0:
        return None
    return error(
        "no-consent",
        f"{address} holds {tables} tables, and restoring replaces all of it",
        expected=f"--confirm {address}",
    )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
