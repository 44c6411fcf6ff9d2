"""Dumps of one PostgreSQL add-on of a local region, and its content replaced by a dump's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

from declarative_paas.providers.addons import backups
from declarative_paas.providers.addons.database_record import database_spec
from declarative_paas.providers.addons.driver import RegionAddons
from declarative_paas.providers.addons.postgres_driver import server_of
from declarative_paas.providers.addons.postgres_follow_remains import refuse_dump
from declarative_paas.providers.addons.refill import count_tables, refill


def dump(region: RegionAddons, key: str, into: BinaryIO) -> None:
    """Writes pg_dump's custom format. Raises ProviderError."""
    server, record = server_of(region, key)
    refuse_dump(server, record.details["database"])
    backups.dump(server, record.details["database"], into)


def contents(region: RegionAddons, key: str, file: BinaryIO) -> Sequence[str]:
    """The entries of a dump; raises ProviderError (FAILED) when it is damaged."""
    server, _ = server_of(region, key)
    return backups.contents(server, file)


def tables(region: RegionAddons, key: str) -> int:
    """How many tables the database has: 0 when nothing would be lost with it."""
    server, record = server_of(region, key)
    return count_tables(server, record.details["database"])


def restore(region: RegionAddons, key: str, file: BinaryIO) -> None:
    """Replaces all that is in the database, or leaves it as it is. Raises ProviderError."""
    server, record = server_of(region, key)
    name = record.details["database"]
    refill(server, database_spec(record), lambda making: backups.restore(server, making, name, file))
