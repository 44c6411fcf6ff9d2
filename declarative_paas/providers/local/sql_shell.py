"""The SQL shell of an add-on: its server's own psql, as the add-on's own role."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.core.values import Sensitive
from declarative_paas.providers.addons.driver import RegionAddons
from declarative_paas.providers.addons.postgres import PostgresServer


def psql_command(region: RegionAddons, key: str) -> tuple[Sequence[str], Mapping[str, str]]:
    """(argv, environment to add); the password is only in the latter. Raises ProviderError."""
    record = region.records.read(key)
    if record is None or record.service != "postgres":
        raise ProviderError(ErrorKind.INVALID, "this add-on is no PostgreSQL database")
    server = PostgresServer.load(
        region.servers / record.details["server"],
        run_directory=region.run_directory,
        user=region.user,
        keyring=region.keyring,
    )
    if server is None:
        raise ProviderError(ErrorKind.FAILED, "the database's server is gone: `dpaas plan` tells more")
    return server.psql_command(record.details["database"], Sensitive(region.keyring.open(record.sealed)))
