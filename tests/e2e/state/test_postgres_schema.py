"""The schema in the database: made late and once, upgraded whole or not at all, told when it is not ours."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator

import pytest
from postgres_stage import PASSWORD, ROLE, Opener, Stage, administrator
from psycopg import sql
from store_case import SCOPE, at, put

from declarative_paas.core.state import BegunText, StateError
from declarative_paas.core.values import SecretRef
from declarative_paas.state.postgres_schema import FORMAT, TABLES, UPGRADES, PostgresFormats

Objects = list[tuple[object, ...]]
FIRST_ENTRY = (
    '{"id": "20260101T000000-4", "started_at": "2026-01-01T00:00:00+00:00", "finished_at": null, "actor": "ann",'
    ' "command": "apply", "outcome": "running", "plan_digest": "abc", "summary": {"create": 2},'
    ' "failures": ["app.shop: refused"]}'
)
"""As format 1 wrote it."""


def objects(database: str) -> Objects:
    """All schemas and relations that are not PostgreSQL's own."""
    with administrator(database) as connection:
        return connection.execute(
            "SELECT nspname, relname FROM pg_namespace LEFT JOIN pg_class ON relnamespace = pg_namespace.oid"
            " WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' ORDER BY 1, 2"
        ).fetchall()


def test_reading_and_being_refused_leave_an_empty_database_as_it_was(
    database: str, location: str, opened: Opener
) -> None:
    before = objects(database)
    store = opened(location)
    assert store.snapshot(SCOPE).lineage == ""
    assert not store.history(SCOPE)
    assert not store.holds(SCOPE)
    assert not store.names()
    assert not store.remove("shop/key")
    with pytest.raises(StateError, match="is not stored"):
        store.get(SecretRef("shop/key", 1))
    assert objects(database) == before
    store.acquire(SCOPE, "ann", 60)
    made = objects(database)
    assert len(
        [name for schema, name in made if schema == "dpaas" and not str(name).endswith(("_pkey", "_seq"))]
    ) == len(TABLES)
    assert [item for item in made if item[0] != "dpaas"] == before


def test_states_in_two_schemas_of_one_database_do_not_meet(location: str, opened: Opener) -> None:
    blue, green = (opened(f"{location}?schema={name}&application_name=x") for name in ("blue", "green"))
    blue.commit(blue.acquire(SCOPE, "ann", 60), results=[put("app.shop")])
    assert not green.snapshot(SCOPE).resources
    green.acquire(SCOPE, "bob", 60)
    assert blue.snapshot(SCOPE).lineage != green.snapshot(SCOPE).lineage


def test_tables_of_another_program_are_not_touched(database: str, location: str, opened: Opener) -> None:
    with administrator(database) as connection:
        connection.execute("CREATE SCHEMA dpaas CREATE TABLE resources (id integer)")
    before = objects(database)
    with pytest.raises(StateError, match=r"another program.*\?schema=NAME"):
        opened(location).acquire(SCOPE, "ann", 60)
    assert objects(database) == before
    with administrator(database) as connection:
        connection.execute("CREATE TABLE dpaas.meta (name text, value text)")
    for use in (lambda: opened(location).snapshot(SCOPE), lambda: opened(location).acquire(SCOPE, "ann", 60)):
        with pytest.raises(StateError, match="does not tell its format"):
            use()


def test_a_state_that_is_dropped_while_it_is_used_is_told(database: str, location: str, opened: Opener) -> None:
    store = opened(location)
    lease = store.acquire(SCOPE, "ann", 60)
    with administrator(database) as connection:
        connection.execute("DROP SCHEMA dpaas CASCADE")
    with pytest.raises(StateError, match="has lost tables"):
        store.commit(lease, results=[put("app.shop")])
    with pytest.raises(StateError, match="has lost tables"):
        store.snapshot(SCOPE)


# Rights


@pytest.fixture
def guest(server: Stage, database: str) -> Iterator[str]:
    """A role that may connect to the database and nothing more, with the team's password."""
    name = f"guest_{secrets.token_hex(4)}"
    with server.server.connect() as connection:
        connection.execute(
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(name), sql.Literal(PASSWORD))
        )
    yield name
    with server.server.connect(database) as connection:
        connection.execute(sql.SQL("DROP OWNED BY {} CASCADE").format(sql.Identifier(name)))
        connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def test_a_role_that_may_make_no_schema_is_told_so(location: str, guest: str, opened: Opener) -> None:
    store = opened(location.replace(f"{ROLE}@", f"{guest}@"))
    assert store.snapshot(SCOPE).lineage == ""
    with pytest.raises(StateError, match=r"may not be used by this role; it needs .*CREATE on the database"):
        store.acquire(SCOPE, "ann", 60)


def test_a_schema_that_an_administrator_made_for_the_role_is_enough(
    server: Stage, database: str, location: str, guest: str, opened: Opener
) -> None:
    with server.server.connect(database) as connection:
        connection.execute(sql.SQL("CREATE SCHEMA dpaas AUTHORIZATION {}").format(sql.Identifier(guest)))
    store = opened(location.replace(f"{ROLE}@", f"{guest}@"))
    assert store.commit(store.acquire(SCOPE, "ann", 60), results=[put("app.shop")]) == 1


def test_who_may_not_read_a_state_is_refused_and_never_shown_an_empty_one(
    location: str, guest: str, opened: Opener
) -> None:
    opened(location).acquire(SCOPE, "ann", 60)
    with pytest.raises(StateError, match=r"may not be used by this role|has lost tables"):
        opened(location.replace(f"{ROLE}@", f"{guest}@")).snapshot(SCOPE)


# Formats


def newer(calls: list[int]) -> PostgresFormats:
    """A later version of this program, two formats ahead."""

    def to_next(connection: object) -> None:
        calls.append(1)
        connection.execute("ALTER TABLE holds ADD COLUMN note text")  # type: ignore[attr-defined]

    def to_last(connection: object) -> None:
        calls.append(2)
        connection.execute("UPDATE holds SET note = ''")  # type: ignore[attr-defined]

    return PostgresFormats(current=FORMAT + 2, upgrades={FORMAT: to_next, FORMAT + 1: to_last})


def test_every_format_has_a_way_to_the_newest() -> None:
    assert sorted(UPGRADES) == list(range(1, FORMAT))


def test_a_state_of_the_first_format_is_read_and_written_on(database: str, location: str, opened: Opener) -> None:
    first = opened(location)
    lease = first.acquire(SCOPE, "ann", 60)
    first.commit(lease, results=[put("app.shop")])
    with administrator(database) as connection:
        connection.execute("DROP TABLE dpaas.begun")
        connection.execute("UPDATE dpaas.meta SET value = '1' WHERE name = 'format'")
        connection.execute(
            "INSERT INTO dpaas.history (scope, id, body) VALUES (%s, %s, %s)",
            (str(SCOPE), "20260101T000000-4", FIRST_ENTRY),
        )
    later = opened(location)
    assert later.begun(SCOPE) is None
    (entry,) = later.history(SCOPE)
    assert (entry.failures, entry.under_way) == (("app.shop: refused",), ())
    later.begin(lease, entry, "the plan")
    assert later.begun(SCOPE) == BegunText(entry=entry.id, text="the plan")
    assert later.commit(lease, results=[put("app.blog")]) == 2


def test_an_older_state_is_upgraded_once_however_many_come_at_once(location: str, opened: Opener) -> None:
    old = opened(location)
    lease = old.acquire(SCOPE, "ann", 60)
    old.commit(lease, results=[put("app.shop")])
    calls: list[int] = []
    comers = [opened(location, formats=newer(calls)) for _ in range(4)]
    found: list[object] = []
    threads = [
        threading.Thread(target=lambda store=store: found.append(store.snapshot(SCOPE).serial)) for store in comers
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (found, calls) == ([1, 1, 1, 1], [1, 2])
    # The older program is in the middle of a long apply: it may write no more.
    with pytest.raises(StateError, match=f"has format {FORMAT + 2}, this version knows {FORMAT}: use the newer dpaas"):
        old.commit(lease, results=[put("app.blog")])
    with pytest.raises(StateError, match=f"has format {FORMAT + 2}"):
        opened(location).snapshot(SCOPE)
    assert list(comers[0].snapshot(SCOPE).resources) == [(at("app.shop"), "i1")]
    assert comers[0].commit(lease, results=[put("app.blog")]) == 2


def test_an_upgrade_that_fails_leaves_the_state_as_it_was(location: str, opened: Opener) -> None:
    opened(location).acquire(SCOPE, "ann", 60)
    calls: list[int] = []
    half = newer(calls)
    broken = PostgresFormats(current=FORMAT + 2, upgrades={FORMAT: half.upgrades[FORMAT]})
    with pytest.raises(StateError, match=f"could not be upgraded, and is as it was: format {FORMAT + 1} is too old"):
        opened(location, formats=broken).snapshot(SCOPE)

    def fails(connection: object) -> None:
        connection.execute("ALTER TABLE none ADD COLUMN note text")  # type: ignore[attr-defined]

    with pytest.raises(StateError, match=r"relation .none. does not exist"):
        opened(
            location,
            formats=PostgresFormats(current=FORMAT + 2, upgrades={FORMAT: half.upgrades[FORMAT], FORMAT + 1: fails}),
        ).scopes()
    assert opened(location).scopes() == [SCOPE]
    assert opened(location, formats=newer(calls)).scopes() == [SCOPE], "the column of the first step was not kept"


def test_a_row_of_the_state_that_makes_no_sense_is_told(location: str, database: str, opened: Opener) -> None:
    store = opened(location)
    store.commit(store.acquire(SCOPE, "ann", 60), results=[put("app.shop")])
    with administrator(database) as connection:
        connection.execute("UPDATE dpaas.resources SET body = '{'")
    with pytest.raises(StateError, match="damaged record"):
        store.snapshot(SCOPE)
