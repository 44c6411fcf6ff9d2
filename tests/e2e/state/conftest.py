from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# The ways to say records are the contract suite's, the projects those of the command line's and the crash tests.
sys.path.extend(str(Path(__file__).parents[2] / folder) for folder in ("contract", "e2e/cli", "crash"))

import postgres_stage
from postgres_stage import Opener, Stage
from store_case import KEY

from declarative_paas.core.clock import Clock
from declarative_paas.state.postgres import PostgresStore
from declarative_paas.state.postgres_location import PostgresLocation
from declarative_paas.state.postgres_schema import PostgresFormats
from declarative_paas.vault.keyring import Keyring


@pytest.fixture
def server() -> Stage:
    return postgres_stage.stage()


@pytest.fixture
def database(server: Stage) -> str:
    """An empty database's name."""
    name = f"state_{secrets.token_hex(6)}"
    postgres_stage.make_database(name)
    return name


@pytest.fixture
def location(database: str) -> str:
    return postgres_stage.location_in(database)


@pytest.fixture
def opened() -> Iterator[Opener]:
    stores: list[PostgresStore] = []

    def open_one(location: str, *, clock: Clock | None = None, formats: PostgresFormats | None = None) -> PostgresStore:
        place = PostgresLocation.parse(location)
        stores.append(PostgresStore(place, keyring=lambda: Keyring(KEY), clock=clock, formats=formats))
        return stores[-1]

    yield open_one
    for store in stores:
        store.close()
