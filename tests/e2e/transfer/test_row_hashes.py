"""What a table's checksum sees: each difference of a value, also one that its type takes for equal."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest
from two_servers import Database, Region

from declarative_paas.providers.addons.postgres_tables import TABLES, Table

TYPES = (
    "CREATE TYPE mood AS ENUM ('sad', 'glad')",
    "CREATE DOMAIN cents AS int",
    "CREATE TABLE kinds (id int, name text, code varchar(9), fixed char(9), loose bpchar,"
    " amount numeric, ratio float8, made timestamptz, day date, is_open bool, bytes bytea, feeling mood, price cents,"
    " tags text[], extra jsonb, span interval, address inet, key uuid)",
    "INSERT INTO kinds SELECT n, 'name', 'code', 'fixed', 'loose ', 1.0, 0.0, '2026-11-24 12:00+00', '1999-12-31',"
    """ true, '\\x00ff', 'sad', 5, '{a,b}', '{"a": 1.0}', '1 day', '10.0.0.1', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"""
    " FROM generate_series(1, 3) n",
    "INSERT INTO kinds (id) VALUES (4)",
)


@pytest.fixture
def kinds(us: Region) -> Iterator[psycopg.Connection[tuple[str, ...]]]:
    """A session in a transaction, with a row of every kind of type, and one of NULLs."""
    database = us.database()
    database.ask(*TYPES)
    with _connected(database) as connection:
        yield connection
        connection.rollback()


def _connected(database: Database) -> psycopg.Connection[tuple[str, ...]]:
    server = database.running.server
    return psycopg.connect(
        host=str(server.socket_directory),
        port=server.port,
        user="dpaas_admin",
        password=server.password.reveal(),
        dbname=database.name,
    )


def checksum(connection: psycopg.Connection[tuple[str, ...]]) -> Callable[[], object]:
    """Asks for it, again and again."""
    [(row,)] = connection.execute(f"SELECT to_jsonb(q) FROM ({TABLES}) q").fetchall()
    statement = Table.from_row(dict(row)).checksum()  # type: ignore[call-overload]
    return lambda: connection.execute(statement.encode()).fetchone()


@pytest.mark.parametrize(
    "damage",
    [
        "name = 'Name'",
        "name = NULL",
        "code = 'cod'",
        "fixed = 'fixe'",
        "loose = 'loose'",
        "amount = 1.00",
        "ratio = '-0.0'",
        "made = made + interval '1 microsecond'",
        "day = 'infinity'",
        "is_open = false",
        r"bytes = '\x00fe'",
        "feeling = 'glad'",
        "price = 6",
        "tags = '[0:1]={a,b}'",
        "extra = '{\"a\": 1.00}'",
        "span = '24 hours'",
        "address = '10.0.0.1/31'",
        "key = NULL",
        "name = code, code = name",
    ],
)
def test_a_difference_in_one_value_is_seen_whatever_its_type(
    kinds: psycopg.Connection[tuple[str, ...]], damage: str
) -> None:
    ask = checksum(kinds)
    before = ask()
    assert ask() == before
    kinds.execute(f"UPDATE kinds SET {damage} WHERE id = 2".encode())
    assert ask() != before


def test_values_that_change_places_between_rows_are_seen(kinds: psycopg.Connection[tuple[str, ...]]) -> None:
    kinds.execute("UPDATE kinds SET name = id::text, price = id")
    ask = checksum(kinds)
    before = ask()
    kinds.execute("UPDATE kinds SET price = 4 - id WHERE id IN (1, 3)")
    assert ask() != before


def test_the_order_of_rows_is_irrelevant(kinds: psycopg.Connection[tuple[str, ...]]) -> None:
    ask = checksum(kinds)
    before = ask()
    kinds.execute("CREATE TEMPORARY TABLE kept AS SELECT * FROM kinds")
    kinds.execute("DELETE FROM kinds")
    kinds.execute("INSERT INTO kinds SELECT * FROM kept ORDER BY id DESC")
    assert ask() == before
