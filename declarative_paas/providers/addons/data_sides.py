"""An add-on of a region on this machine as data that can be copied: which port, by its service."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from declarative_paas.core.data import DataSide
from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.addons.driver import RegionAddons
from declarative_paas.providers.addons.records import InstanceRecord

_Maker: TypeAlias = Callable[[RegionAddons, InstanceRecord], DataSide]


def local_data_side(region: RegionAddons, key: str) -> DataSide:
    """The instance's data, its server running. ProviderError (INVALID) for one that is not here or holds none."""
    record = region.records.read(key)
    make = _MAKERS.get(record.service) if record is not None else None
    if record is None or make is None:
        raise ProviderError(ErrorKind.INVALID, f"{key} holds no data of this region that could be copied")
    return make(region, record)


def _postgres(region: RegionAddons, record: InstanceRecord) -> DataSide:
    from declarative_paas.providers.addons.database_record import database_spec
    from declarative_paas.providers.addons.postgres_driver import running_server
    from declarative_paas.providers.addons.postgres_port import fresh_database, local_postgres_port
    from declarative_paas.providers.addons.records import open_sealed

    server = running_server(region, record)
    password = open_sealed(region.keyring, record.sealed, record.key)
    port = local_postgres_port(
        server,
        str(record.details["database"]),
        password,
        log=lambda: region.processes.last_lines(server.name),
    )
    return DataSide(port=port, fresh=lambda: fresh_database(server, database_spec(record)))


def _redis(region: RegionAddons, record: InstanceRecord) -> DataSide:
    from declarative_paas.providers.addons.valkey_driver import running_server
    from declarative_paas.providers.addons.valkey_port import local_valkey_port

    port = local_valkey_port(running_server(region, record))
    return DataSide(port=port, fresh=port.empty)


_MAKERS: Final[Mapping[str, _Maker]] = {"postgres": _postgres, "redis": _redis}
