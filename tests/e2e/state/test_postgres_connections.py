"""What networks, servers and settings do to a team's state, and what is told of it."""

from __future__ import annotations

import signal
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from postgres_stage import PASSWORD, ROLE, Opener, Stage, administrator, free_port
from store_case import SCOPE, at, intent, put
from wire import Wire

from declarative_paas.core.state import LeaseLost, StateError, StepResult
from declarative_paas.core.values import Sensitive

WRONG = "hunter2"


@pytest.fixture
def wire(server: Stage) -> Iterator[Wire]:
    made = Wire(server.port)
    yield made
    made.close()


@pytest.fixture
def by_wire(wire: Wire, database: str) -> str:
    return f"postgresql://{ROLE}@{wire.address}/{database}?sslmode=disable"


def turns_of(wire: Wire, action: Callable[[], object]) -> int:
    before = wire.turns
    action()
    return wire.turns - before


# Round trips


def test_a_commit_is_two_round_trips_and_a_snapshot_one_however_many_rows(
    wire: Wire, by_wire: str, opened: Opener
) -> None:
    store = opened(by_wire)
    lease = store.acquire(SCOPE, "ann", 60)
    for count in (1, 10, 500):
        results = [put(f"app.a{number}", text="x" * count) for number in range(count)]
        intents = [intent(f"app.b{number}") for number in range(count)]
        assert turns_of(wire, lambda r=results, i=intents: store.commit(lease, results=r, intents=i)) == 2
        assert turns_of(wire, lambda: store.snapshot(SCOPE)) == 1
    assert len(store.snapshot(SCOPE).resources) == 500
    assert len(store.snapshot(SCOPE).intents) == 500


# Cut off


def test_a_connection_that_was_cut_while_it_lay_idle_is_made_anew_unnoticed(
    wire: Wire, by_wire: str, opened: Opener
) -> None:
    store = opened(by_wire)
    assert store.snapshot(SCOPE).serial == 0
    wire.cut()
    lease = store.acquire(SCOPE, "ann", 60)
    wire.cut()
    assert store.commit(lease, results=[put("app.shop")]) == 1
    wire.cut()
    assert list(store.snapshot(SCOPE).resources) == [(at("app.shop"), "i1")]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["stopped", "crashed"])
def test_a_server_that_restarts_between_commits_loses_nothing(
    server: Stage, location: str, opened: Opener, how: signal.Signals
) -> None:
    store = opened(location)
    lease = store.acquire(SCOPE, "ann", 60)
    for number in range(4):
        assert store.commit(lease, results=[put(f"app.a{number}")], intents=[intent("app.next")]) == number + 1
        server.restart(how)
    found = store.snapshot(SCOPE)
    assert (found.serial, len(found.resources), list(found.intents)) == (4, 4, [intent("app.next")])


def test_a_commit_that_was_cut_before_it_arrived_is_told_and_wrote_nothing(
    wire: Wire, by_wire: str, opened: Opener
) -> None:
    store = opened(by_wire)
    lease = store.acquire(SCOPE, "ann", 60)
    store.commit(lease, intents=[intent("app.shop")])
    wire.cut_when, wire.passes = b"COMMIT\0", False
    with pytest.raises(StateError, match=r"127\.0\.0\.1.* was cut off.*run the command again"):
        store.commit(lease, results=[put("app.shop")])
    # The journal tells what was begun.
    assert list(store.snapshot(SCOPE).intents) == [intent("app.shop")]
    assert not store.snapshot(SCOPE).resources
    assert store.commit(lease, results=[put("app.shop")]) == 1


def test_a_commit_whose_answer_was_lost_can_be_made_again(wire: Wire, by_wire: str, opened: Opener) -> None:
    store = opened(by_wire)
    lease = store.acquire(SCOPE, "ann", 60)
    wire.cut_when, wire.passes = b"COMMIT\0", True
    with pytest.raises(StateError, match="was cut off"):
        store.commit(lease, results=[put("app.shop")], intents=[intent("app.blog")])
    # Waits for the server's own end of it: the lease's row is locked until then.
    assert store.commit(lease, results=[put("app.shop")], intents=[intent("app.blog")]) == 1
    assert store.snapshot(SCOPE).serial == 1


def test_a_holder_that_was_cut_off_and_replaced_writes_nothing_when_it_is_back(
    wire: Wire, by_wire: str, location: str, opened: Opener
) -> None:
    store, other = opened(by_wire), opened(location)
    lease = store.acquire(SCOPE, "ann", 0)
    wire.cut()
    other.acquire(SCOPE, "bob", 60)
    with pytest.raises(LeaseLost, match="bob"):
        store.commit(lease, results=[put("app.shop")])
    assert not other.snapshot(SCOPE).resources


# The lease's clock


def test_a_lease_goes_by_the_servers_clock(location: str, database: str, opened: Opener) -> None:
    def servers_time() -> datetime:
        with administrator(database) as connection:
            row = connection.execute("SELECT clock_timestamp()").fetchone()
        assert row is not None
        assert isinstance(row[0], datetime)
        return row[0]

    store = opened(location)
    before = servers_time()
    lease = store.acquire(SCOPE, "ann", 3600)
    assert before <= lease.acquired <= servers_time()
    assert lease.expires - lease.acquired == timedelta(hours=1)
    assert lease.acquired.tzinfo is UTC
    before = servers_time()
    renewed = store.renew(lease, 10)
    assert before <= renewed.expires - timedelta(seconds=10) <= servers_time()
    # Moved in the database, as if an hour had gone by there: this machine's clock has no say.
    with administrator(database) as connection:
        connection.execute("UPDATE dpaas.leases SET expires = now() - interval '1 second'")
    assert opened(location).acquire(SCOPE, "bob", 60).fence == lease.fence + 1


# Settings of others


def test_a_database_whose_commits_may_be_lost_still_keeps_ours(location: str, database: str, opened: Opener) -> None:
    with administrator(database) as connection:
        connection.execute(f"ALTER DATABASE {database} SET synchronous_commit = off")
        connection.execute(f"ALTER DATABASE {database} SET default_transaction_isolation = 'serializable'")
        connection.execute(f"ALTER DATABASE {database} SET default_transaction_read_only = on")
        connection.execute(f"ALTER DATABASE {database} SET datestyle = 'German'")
        connection.execute(f"ALTER DATABASE {database} SET timezone = 'Asia/Tokyo'")
    store = opened(location)
    store.acquire(SCOPE, "ann", 60)
    with store._database.writing() as (connection, _):
        assert connection.execute("SHOW synchronous_commit").fetchone() == ("on",)
        assert connection.execute("SHOW transaction_isolation").fetchone() == ("read committed",)
    with administrator(database) as connection:
        connection.execute("SET default_transaction_read_only = off")
        connection.execute(f"ALTER DATABASE {database} SET synchronous_commit = local")
    other = opened(location)
    with other._database.writing() as (ours, _):
        assert ours.execute("SHOW synchronous_commit").fetchone() == ("local",)


# Refusals, none of which tells a password


def refused(store_of: Callable[[], object], words: str) -> None:
    with pytest.raises(StateError, match=words) as refusal:
        store_of()
    told = [
        *traceback.format_exception(refusal.value, chain=True),
        repr(refusal.value),
        repr(refusal.value.__context__),
        str(refusal.value.__context__),
    ]
    assert not any(PASSWORD in text or WRONG in text for text in told)


def test_a_wrong_password_is_told_and_not_quoted(
    location: str, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", WRONG)
    refused(lambda: opened(location).snapshot(SCOPE), r"127\.0\.0\.1.*cannot be reached: see to PGPASSWORD.*failed")


def test_a_password_that_is_not_given_is_asked_for_by_its_variable(
    location: str, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PGPASSWORD")
    monkeypatch.setenv("PGPASSFILE", "/nowhere")
    refused(lambda: opened(location).snapshot(SCOPE), "set PGPASSWORD, or a password file")


def test_a_password_file_and_the_users_variable_do_as_well(
    location: str, opened: Opener, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    passwords = tmp_path_factory.mktemp("home") / "pgpass"
    passwords.write_text(f"*:*:*:{ROLE}:{PASSWORD}\n")
    passwords.chmod(0o600)
    monkeypatch.delenv("PGPASSWORD")
    monkeypatch.setenv("PGPASSFILE", str(passwords))
    monkeypatch.setenv("PGUSER", ROLE)
    opened(location.replace(f"{ROLE}@", "")).acquire(SCOPE, "ann", 60)
    assert opened(location).scopes() == [SCOPE]


def test_a_missing_database_is_told_with_how_to_make_it(server: Stage, opened: Opener) -> None:
    place = f"postgresql://{ROLE}@127.0.0.1:{server.port}/nowhere"
    refused(lambda: opened(place).snapshot(SCOPE), r"/nowhere cannot be reached: make the database \(createdb\)")


def test_a_server_that_does_not_answer_is_named(opened: Opener) -> None:
    port = free_port()
    place = f"postgresql://{ROLE}@127.0.0.1:{port}/state"
    refused(lambda: opened(place).acquire(SCOPE, "ann", 60), f"127.0.0.1:{port}/state cannot be reached.*refused")


def test_the_tls_options_reach_the_server(location: str, opened: Opener) -> None:
    # This server has no TLS: who asks for it is refused, and never served in plain.
    refused(lambda: opened(f"{location}?sslmode=require").snapshot(SCOPE), "`sslmode`.*SSL was required")
    refused(
        lambda: opened(f"{location}?sslmode=disable&sslrootcert=system").snapshot(SCOPE),
        "`sslrootcert`.*weak sslmode",
    )
    opened(f"{location}?sslmode=prefer").acquire(SCOPE, "ann", 60)


def test_an_option_that_libpq_does_not_know_is_told(location: str, opened: Opener) -> None:
    refused(lambda: opened(f"{location}?sslmod=require").snapshot(SCOPE), "sslmod")


def test_a_write_that_fails_tells_no_secret(location: str, database: str, opened: Opener) -> None:
    store = opened(location)
    lease = store.acquire(SCOPE, "ann", 60)
    with administrator(database) as connection:
        connection.execute("ALTER TABLE dpaas.secrets ADD CHECK (name <> 'shop/key')")
        connection.execute("ALTER TABLE dpaas.resources ADD CHECK (body NOT LIKE '%marked%')")
    value = Sensitive(WRONG)
    refused(lambda: store.put("shop/key", value), "the state postgresql://.*violates check constraint")
    with pytest.raises(StateError) as refusal:
        store.commit(lease, results=[put("app.ok"), put("app.shop", text="marked")])
    assert "marked" not in str(refusal.value)
    assert not store.snapshot(SCOPE).resources
    assert store.commit(lease, results=[StepResult(step_id="x", put=put("app.ok").put)]) == 1
