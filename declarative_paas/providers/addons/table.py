"""The add-on services there are, each with its driver."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from declarative_paas.providers.addons.driver import AddonDriver
from declarative_paas.providers.addons.external_driver import ExternalDriver
from declarative_paas.providers.addons.postgres_driver import PostgresDriver
from declarative_paas.providers.addons.valkey_driver import ValkeyDriver

DRIVERS: Final[Mapping[str, AddonDriver]] = {
    "postgres": PostgresDriver(),
    "redis": ValkeyDriver(),
    "external": ExternalDriver(),
}
