"""Backups of databases in a Docker region: dumped, restored over data, compared, with no password on the way."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import pytest
from services_region import AddonRegion

from declarative_paas.core.address import Scope
from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.operations.backups import BackupStore
from declarative_paas.providers.docker.services.psql import PsqlServer

CONTENT = """
CREATE EXTENSION hstore;
CREATE TABLE orders (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, note text, tags hstore);
INSERT INTO orders (note, tags) SELECT md5(n::text), 'a=>1' FROM generate_series(1, 20000) n;
CREATE INDEX ON orders (note);
"""
FINGERPRINT = "SELECT count(*), md5(string_agg(id || note || (tags -> 'a'), ',' ORDER BY id)) FROM orders"


class ByKey:
    """The databases as a `Reach` has them, each app's name being its add-on's key."""

    def __init__(self, region: AddonRegion) -> None:
        self.addons = region.addons

    def dump(self, app: str, alias: str, into: BinaryIO) -> None:
        self.addons.dump(app, into)

    def dump_contents(self, app: str, alias: str, file: BinaryIO) -> Sequence[str]:
        return self.addons.dump_contents(app, file)

    def tables(self, app: str, alias: str) -> int:
        return self.addons.tables(app)

    def restore(self, app: str, alias: str, file: BinaryIO) -> None:
        self.addons.restore(app, file)


def test_a_backup_brings_a_database_back_with_its_content(region: AddonRegion) -> None:
    shop = region.instance("postgres")
    url = region.provision(shop)
    dyno = region.dyno(shop.key)
    region.sql(dyno, url, CONTENT)
    before = region.sql(dyno, url, FINGERPRINT)
    assert before.startswith("20000|")
    store, reach = BackupStore(region.home / "backups"), ByKey(region)
    now = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    made = store.make(reach, Scope("acme"), shop.key, "DATABASE", now)  # type: ignore[arg-type]
    assert made.entries > 0 and made.size_bytes > 100_000

    region.sql(dyno, url, "DROP TABLE orders; CREATE TABLE other AS SELECT 1")
    store.restore(made, reach, shop.key, "DATABASE")  # type: ignore[arg-type]
    assert region.sql(dyno, url, FINGERPRINT) == before
    assert region.sql(dyno, url, "SELECT to_regclass('other') IS NULL") == "t"
    assert region.sql(dyno, url, "SELECT tableowner = current_user FROM pg_tables WHERE tablename = 'orders'") == "t"
    region.wait_healthy(shop)
    assert region.reading(shop).problems == ()

    other = region.instance("postgres")
    other_url = region.provision(other)
    assert region.addons.tables(other.key) == 0
    store.restore(made, reach, other.key, "DATABASE")  # type: ignore[arg-type]
    assert region.sql(region.dyno(other.key), other_url, FINGERPRINT) == before


def test_a_restore_that_fails_leaves_the_database_as_it_was(region: AddonRegion) -> None:
    shop = region.instance("postgres")
    url = region.provision(shop)
    dyno = region.dyno(shop.key)
    region.sql(dyno, url, CONTENT)
    before = region.sql(dyno, url, FINGERPRINT)
    dump = io.BytesIO()
    region.addons.dump(shop.key, dump)
    cut = io.BytesIO(dump.getvalue()[:-1000])
    with pytest.raises(ProviderError, match="pg_restore failed"):
        region.addons.restore(shop.key, cut)
    assert region.sql(dyno, url, FINGERPRINT) == before
    with PsqlServer(region.engine, region.server(shop)).session() as session:
        assert session.rows("SELECT datname FROM pg_database WHERE datname LIKE 'dpaas%'") == []
    with pytest.raises(ProviderError, match="pg_restore"):
        region.addons.dump_contents(shop.key, io.BytesIO(b"PGDMP but no more"))


def test_no_command_of_a_backup_names_a_password(region: AddonRegion, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = region.instance("postgres")
    password = urlsplit(region.provision(shop)).password
    assert password is not None
    api: Any = region.engine.api
    told: list[str] = []
    create = api.exec_create
    monkeypatch.setattr(
        api, "exec_create", lambda *words, **named: told.append(json.dumps([words, named])) or create(*words, **named)
    )
    dump = io.BytesIO()
    region.addons.dump(shop.key, dump)
    dump.seek(0)
    region.addons.restore(shop.key, dump)
    assert any("pg_dump" in line for line in told) and any("pg_restore" in line for line in told)
    assert [line for line in told if password in line] == [] and password.encode() not in dump.getvalue()


def test_only_databases_can_be_dumped(region: AddonRegion) -> None:
    cache = region.instance("redis")
    region.provision(cache)
    for key in (cache.key, "nobody-database-1"):
        with pytest.raises(ProviderError, match=f"{key} is no PostgreSQL database") as told:
            region.addons.dump(key, io.BytesIO())
        assert told.value.kind is ErrorKind.INVALID
