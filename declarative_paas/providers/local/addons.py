"""The region's add-on servers, as processes of this machine."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from typing import BinaryIO

from declarative_paas.core.data import DataSide
from declarative_paas.providers.addons.driver import AddonInstance, Outputs, Progress, RegionAddons, Repaired
from declarative_paas.providers.addons.table import DRIVERS


class LocalAddons:
    """Each add-on by its service's driver; a server that serves nobody any more is stopped."""

    def __init__(self, servers: RegionAddons) -> None:
        self._servers = servers

    def provision(self, instance: AddonInstance, on_progress: Progress) -> Outputs:
        return DRIVERS[instance.service].provision(self._servers, instance, on_progress)

    def update(self, instance: AddonInstance) -> Repaired:
        return DRIVERS[instance.service].update(self._servers, instance, instance.plan)

    def deprovision(self, instance: AddonInstance) -> None:
        driver = DRIVERS[instance.service]
        driver.deprovision(self._servers, instance)
        for server in driver.unused_servers(self._servers):
            self._servers.processes.stop(server)

    def psql(self, key: str, arguments: Sequence[str]) -> int:
        from declarative_paas.providers.addons.passfile import password_out_of
        from declarative_paas.providers.addons.postgres_driver import psql_command

        argv, environment = psql_command(self._servers, key)
        with password_out_of({**os.environ, **environment}) as (told, descriptors):
            return subprocess.call([*argv, *arguments], env=told, pass_fds=descriptors)

    def data_side(self, key: str) -> DataSide:
        from declarative_paas.providers.addons.data_sides import local_data_side

        return local_data_side(self._servers, key)

    def standing_side(self, key: str) -> DataSide | None:
        record = self._servers.records.read(key)
        if record is None or record.details.get("server") not in self._servers.processes.running():
            return None
        return self.data_side(key)

    def dump(self, key: str, into: BinaryIO) -> None:
        from declarative_paas.providers.addons import postgres_backup

        postgres_backup.dump(self._servers, key, into)

    def dump_contents(self, key: str, file: BinaryIO) -> Sequence[str]:
        from declarative_paas.providers.addons import postgres_backup

        return postgres_backup.contents(self._servers, key, file)

    def tables(self, key: str) -> int:
        from declarative_paas.providers.addons import postgres_backup

        return postgres_backup.tables(self._servers, key)

    def restore(self, key: str, file: BinaryIO) -> None:
        from declarative_paas.providers.addons import postgres_backup

        postgres_backup.restore(self._servers, key, file)
