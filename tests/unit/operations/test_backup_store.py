"""Backups in their directory: named, described, private, and never taken for whole when they are not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import pytest

from declarative_paas.core.address import Scope
from declarative_paas.core.diagnostic import Diagnostic
from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.operations.backups import Backup, BackupStore, missing_consent, parse_database

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SCOPE = Scope("acme")


class Databases:
    """Databases that are texts, dumped as they are; `broken` dumps are cut short."""

    def __init__(self, **held: bytes) -> None:
        self.held = held
        self.broken = False

    def dump(self, app: str, alias: str, into: BinaryIO) -> None:
        into.write(b"DUMP" if not self.broken else b"DU")
        into.write(self.held[app])

    def dump_contents(self, app: str, alias: str, file: BinaryIO) -> Sequence[str]:
        content = file.read()
        if not content.startswith(b"DUMP"):
            raise ProviderError(ErrorKind.FAILED, "not a dump")
        return [chr(byte) for byte in content[4:]]

    def tables(self, app: str, alias: str) -> int:
        return len(self.held[app])

    def restore(self, app: str, alias: str, file: BinaryIO) -> None:
        self.held[app] = file.read()[4:]


@pytest.fixture
def store(tmp_path: Path) -> BackupStore:
    return BackupStore(tmp_path / "backups")


def test_a_backup_restores_what_was_there_into_any_database(store: BackupStore) -> None:
    databases = Databases(shop=b"abc", copy=b"")
    made = store.make(databases, SCOPE, "shop", "DATABASE", NOW)  # type: ignore[arg-type]
    assert made == Backup(
        name="shop-DATABASE-20260301T120000Z",
        platform="acme",
        environment="default",
        app="shop",
        alias="DATABASE",
        created_at="2026-03-01T12:00:00+00:00",
        size_bytes=7,
        sha256=made.sha256,
        entries=3,
    )
    assert store.find(made.name) == made and store.all() == [made]
    store.restore(made, databases, "copy", "DATABASE")  # type: ignore[arg-type]
    assert databases.held["copy"] == b"abc"


def test_only_the_owner_can_read_backups(store: BackupStore) -> None:
    store.make(Databases(shop=b"abc"), SCOPE, "shop", "DATABASE", NOW)  # type: ignore[arg-type]
    modes = {path.suffix: path.stat().st_mode & 0o777 for path in store.directory.iterdir()}
    assert modes == {".dump": 0o600, ".json": 0o600} and store.directory.stat().st_mode & 0o777 == 0o700


def test_a_dump_that_cannot_be_read_back_is_no_backup(store: BackupStore) -> None:
    databases = Databases(shop=b"abc")
    databases.broken = True
    with pytest.raises(ProviderError, match="not a dump"):
        store.make(databases, SCOPE, "shop", "DATABASE", NOW)  # type: ignore[arg-type]
    assert list(store.directory.iterdir()) == [] and store.all() == []


def test_a_changed_dump_is_refused_before_anything_is_touched(store: BackupStore) -> None:
    databases = Databases(shop=b"abc", copy=b"old")
    made = store.make(databases, SCOPE, "shop", "DATABASE", NOW)  # type: ignore[arg-type]
    store.dump(made.name).write_bytes(b"DUMPabd")
    with pytest.raises(ProviderError, match="damaged"):
        store.restore(made, databases, "copy", "DATABASE")  # type: ignore[arg-type]
    store.dump(made.name).unlink()
    with pytest.raises(ProviderError, match="cannot read"):
        store.restore(made, databases, "copy", "DATABASE")  # type: ignore[arg-type]
    assert databases.held["copy"] == b"old"


def test_a_second_backup_of_the_same_second_does_not_replace_the_first(store: BackupStore) -> None:
    databases = Databases(shop=b"abc")
    made = store.make(databases, SCOPE, "shop", "DATABASE", NOW)  # type: ignore[arg-type]
    databases.held["shop"] = b"other"
    with pytest.raises(ProviderError, match="cannot write"):
        store.make(databases, SCOPE, "shop", "DATABASE", NOW)  # type: ignore[arg-type]
    assert store.all() == [made] and store.dump(made.name).read_bytes() == b"DUMPabc"


def test_the_newest_comes_first_and_what_is_no_backup_is_passed_over(store: BackupStore) -> None:
    databases = Databases(shop=b"abc", blog=b"")
    for hour, app in ((1, "blog"), (3, "shop"), (2, "blog")):
        store.make(databases, SCOPE, app, "DATABASE", NOW.replace(hour=hour))  # type: ignore[arg-type]
    (store.directory / "notes.json").write_text("[]")
    (store.directory / "newer.json").write_text(json.dumps({"format": 99}))
    assert [(item.app, item.created_at[11:13]) for item in store.all()] == [
        ("shop", "03"),
        ("blog", "02"),
        ("blog", "01"),
    ]


def test_an_unknown_backup_is_told_with_the_nearest(store: BackupStore) -> None:
    store.make(Databases(shop=b""), SCOPE, "shop", "DATABASE", NOW)  # type: ignore[arg-type]
    found = store.find("shop-DATABASE-20260301T120001Z")
    assert isinstance(found, Diagnostic) and found.suggestion == "shop-DATABASE-20260301T120000Z"
    assert isinstance(BackupStore(store.directory / "none").find("x"), Diagnostic)


def test_restoring_over_tables_needs_consent_that_names_the_database() -> None:
    databases = Databases(shop=b"abc", empty=b"")
    refused = missing_consent(databases, "shop", "DATABASE", ["addon.shop/REDIS"])  # type: ignore[arg-type]
    assert refused is not None and refused.expected == "--confirm addon.shop/DATABASE"
    assert "holds 3 tables" in refused.summary
    assert missing_consent(databases, "shop", "DATABASE", ["addon.shop/DATABASE"]) is None  # type: ignore[arg-type]
    assert missing_consent(databases, "empty", "DATABASE", []) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("shop", ("shop", "DATABASE")),
        ("shop/REPORTS", ("shop", "REPORTS")),
        ("shop/", None),
        ("/A", None),
        ("a/b/c", None),
    ],
)
def test_databases_are_named_by_app_and_alias(text: str, meant: tuple[str, str] | None) -> None:
    parsed = parse_database(text)
    assert isinstance(parsed, Diagnostic) if meant is None else parsed == meant
