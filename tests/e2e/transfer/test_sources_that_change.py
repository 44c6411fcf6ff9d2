"""A source that changes, shrinks or is full while it is copied: the copy is of one instant, or told why it is not."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psycopg
import pytest
from two_servers import PASSWORD, Database, Region, at, copy, without_administrator

from declarative_paas.core.provider import ErrorKind, ProviderError

ROWS = 20_000


@pytest.fixture
def source(us: Region) -> Database:
    found = us.database(limit=3)
    found.ask(
        "CREATE TABLE orders (id int PRIMARY KEY, who text)",
        f"INSERT INTO orders SELECT n, md5(n::text) FROM generate_series(1, {ROWS}) n",
    )
    return found


@pytest.fixture
def target(eu: Region) -> Database:
    return eu.database()


@pytest.mark.parametrize("phase", ["schema", "data", "verification"])
def test_a_copy_gives_way_to_a_change_of_its_tables_and_the_next_try_has_it(
    source: Database, target: Database, phase: str
) -> None:
    """Each new reader would wait behind the change, which waits for the copy: the app's, too."""
    changing = threading.Thread(target=source.ask, args=("ALTER TABLE orders ADD COLUMN late int DEFAULT 7",))

    def change() -> None:
        changing.start()
        while not source.ask("SELECT count(*) FROM pg_locks WHERE NOT granted", role="dpaas_admin")[0][0]:
            time.sleep(0.01)

    with pytest.raises(ProviderError, match="changing a table") as caught:
        copy(source, target, at(phase, change))
    assert (caught.value.code, caught.value.kind) == ("lock-timeout", ErrorKind.TRANSIENT)
    changing.join(30)
    assert not changing.is_alive()
    assert copy(source, target).verification.ok
    assert target.ask("SELECT count(*), sum(late) FROM orders") == [(ROWS, 7 * ROWS)]


def test_a_change_that_itself_waits_only_briefly_fails_and_the_copy_goes_on(source: Database, target: Database) -> None:
    told: list[str] = []

    def change() -> None:
        with pytest.raises(psycopg.errors.LockNotAvailable) as caught:
            source.ask("SET lock_timeout = '300ms'", "TRUNCATE orders")
        told.append(str(caught.value))

    assert copy(source, target, at("data", change)).verification.ok
    assert told
    assert target.ask("SELECT count(*) FROM orders") == [(ROWS,)]


@pytest.mark.parametrize("phase", ["schema", "data", "indexes"])
def test_a_source_that_shrinks_is_copied_as_it_was(source: Database, target: Database, phase: str) -> None:
    def shrink() -> None:
        source.ask("DELETE FROM orders WHERE id > 10", "VACUUM orders", "VACUUM (TRUNCATE) orders")

    result = copy(source, target, at(phase, shrink))
    assert result.verification.ok
    assert target.ask("SELECT count(*) FROM orders") == [(ROWS,)]
    assert source.ask("SELECT count(*) FROM orders") == [(10,)]


def test_what_is_made_during_the_copy_is_not_in_it(source: Database, target: Database) -> None:
    def make() -> None:
        source.ask("CREATE TABLE late (a int)", "CREATE SEQUENCE later", "CREATE FUNCTION two() RETURNS int RETURN 2")

    assert copy(source, target, at("schema", make)).verification.ok
    assert target.ask("SELECT count(*) FROM pg_class WHERE relname LIKE 'late%'") == [(0,)]


@contextmanager
def every_connection_of(database: Database) -> Iterator[None]:
    """All that the app's plan allows, held by the app."""
    server = database.running.server
    with ExitStack() as stack:
        for _ in range(database.spec.connection_limit):
            stack.enter_context(
                psycopg.connect(
                    host=str(server.socket_directory),
                    port=server.port,
                    user=database.name,
                    password=PASSWORD,
                    dbname=database.name,
                )
            )
        yield


def test_a_source_whose_app_holds_every_connection_is_copied_by_the_administrator(
    source: Database, target: Database
) -> None:
    with every_connection_of(source):
        assert copy(source, target).verification.ok


def test_where_there_is_no_administrator_it_is_told_as_that_and_nothing_is_begun(
    source: Database, target: Database
) -> None:
    with every_connection_of(source), pytest.raises(ProviderError) as caught:
        copy(source, target, source_port=without_administrator(source.port))
    assert caught.value.code == "too-many-connections"
    assert target.port.mark() is None
    assert copy(source, target).verification.ok
