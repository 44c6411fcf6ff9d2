"""What `postgresql://…` in `spec.state` means, and what may not stand there."""

from __future__ import annotations

import pytest
from broken_case import KEY, StoppedClock

from declarative_paas.core.state import StateError
from declarative_paas.state.location import open_store
from declarative_paas.state.postgres import PostgresStore
from declarative_paas.state.postgres_location import PostgresLocation

UNDERSTOOD = {
    "postgresql://db/state": ("postgresql://db/state", "dpaas", "postgresql://db/state"),
    "postgres://ann@db:5433/state": ("postgres://ann@db:5433/state", "dpaas", "postgresql://db:5433/state"),
    "postgresql://[::1]:5432/state": ("postgresql://[::1]:5432/state", "dpaas", "postgresql://[::1]:5432/state"),
    "postgresql://a:1,b:2/state?target_session_attrs=primary": (
        "postgresql://a:1,b:2/state?target_session_attrs=primary",
        "dpaas",
        "postgresql://a:1,b:2/state",
    ),
    "postgresql://db/state?schema=blue": ("postgresql://db/state", "blue", "postgresql://db/state?schema=blue"),
    "postgresql://db/state?sslmode=verify-full&schema=b_2&sslrootcert=/a%20b+c.pem": (
        "postgresql://db/state?sslmode=verify-full&sslrootcert=/a%20b+c.pem",
        "b_2",
        "postgresql://db/state?schema=b_2",
    ),
    "postgresql://%2Frun%2Fpostgresql/state": (
        "postgresql://%2Frun%2Fpostgresql/state",
        "dpaas",
        "postgresql://%2Frun%2Fpostgresql/state",
    ),
}


@pytest.mark.parametrize("location", UNDERSTOOD)
def test_a_location_is_libpqs_without_our_own_option(location: str) -> None:
    found = PostgresLocation.parse(location)
    assert (found.uri, found.schema, found.shown) == UNDERSTOOD[location]


REFUSED = {
    "postgresql://ann:hunter2@db/state": "PGPASSWORD",
    "postgresql://ann:@db/state": "PGPASSWORD",
    "postgresql://ann:hun@ter2@db/state": "PGPASSWORD",
    "postgresql://db/state?password=hunter2": "holds a password; its password comes from PGPASSWORD",
    "postgresql://db/state?PassWord=hunter2": "holds a password",
    "postgresql://db/state?p%61ssword=hunter2": "holds a password",
    "postgresql://db/state?sslmode=require&sslpassword=hunter2": "holds a password",
    "postgresql://db": "is not of the form",
    "postgresql:///hunter2": "is not of the form",
    "postgresql:hunter2": "is not of the form",
    "postgresql://db/a b hunter2": "is not of the form",
    "postgresql://db/state?schema=": "lowercase letters",
    "postgresql://db/state?schema=Blue": "lowercase letters",
    'postgresql://db/state?schema=a";hunter2': "lowercase letters",
    "postgresql://db/state?schema=pg_catalog": "lowercase letters",
}


@pytest.mark.parametrize("location", REFUSED)
def test_a_location_that_is_refused_is_not_quoted(location: str) -> None:
    with pytest.raises(StateError, match=REFUSED[location]) as refusal:
        PostgresLocation.parse(location)
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_the_platforms_state_can_be_there_and_nothing_is_connected_yet(
    scheme: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = tmp_path_factory.mktemp("project")
    store = open_store(f"{scheme}://nowhere.invalid/state", base_dir=place, clock=StoppedClock(), keyring=lambda: KEY)
    assert isinstance(store, PostgresStore)
    store.close()
    assert not list(place.iterdir())
