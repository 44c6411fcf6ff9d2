"""A PostgreSQL database that follows another one: fed by it alone, read-only, promoted with all that was written."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from following_world import ADDRESS, SCOPE, World, eventually, left_at
from two_servers import PASSWORD, Database, Place, Region

from declarative_paas.core.copy_result import CopyResult, Verdict
from declarative_paas.core.data import CopyRefused
from declarative_paas.core.follow import FollowState
from declarative_paas.core.plan import Operation
from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.addons import postgres_follow_source
from declarative_paas.providers.addons.backups import contents, dump
from declarative_paas.providers.addons.postgres_follow_remains import refuse_dump
from declarative_paas.providers.addons.refill import refill

SHOP = (
    "CREATE TABLE orders (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, who text NOT NULL, paid bool)",
    "INSERT INTO orders (who, paid) SELECT md5(n::text), n % 2 = 0 FROM generate_series(1, 5000) n",
    "CREATE TABLE kept (a int PRIMARY KEY, b int)",
    "INSERT INTO kept SELECT n, n FROM generate_series(1, 10) n",
    "CREATE TABLE full_rows (a int, b text)",
    "ALTER TABLE full_rows REPLICA IDENTITY FULL",
    "INSERT INTO full_rows VALUES (1, 'x'), (1, 'x')",
    "CREATE TABLE days (day date PRIMARY KEY, what text) PARTITION BY RANGE (day)",
    "CREATE TABLE days_1 PARTITION OF days FOR VALUES FROM ('2026-01-01') TO ('2026-02-01')",
    "CREATE TABLE days_2 PARTITION OF days FOR VALUES FROM ('2026-02-01') TO ('2026-03-01')",
    "INSERT INTO days VALUES ('2026-01-05', 'a')",
    "CREATE SEQUENCE loose",
    "CREATE VIEW paid AS SELECT * FROM orders WHERE paid",
    "CREATE FUNCTION put() RETURNS int LANGUAGE sql SECURITY DEFINER"
    " AS $$ INSERT INTO public.orders (who) VALUES ('by function') RETURNING id $$",
)


@pytest.fixture
def source(us: Region) -> Database:
    found = us.database()
    found.ask(*SHOP)
    return found


@pytest.fixture
def world(source: Database, eu: Region) -> Iterator[World]:
    found = World(source=source, target=eu.database())
    yield found
    found.gone.clear()
    assert left_at(found.source) == [] or found.step(Operation.DELETE)


def test_a_follower_is_told_of_every_kind_of_change(world: World, source: Database):
    done = world.step(Operation.CREATE)
    assert CopyResult.from_json(done.outputs["copy"]).verification.ok
    source.ask(
        "INSERT INTO orders (who) VALUES ('new')",
        "UPDATE orders SET who = 'changed' WHERE id = 1",
        "DELETE FROM orders WHERE id = 2",
        "TRUNCATE kept",
        "UPDATE full_rows SET b = 'y' WHERE ctid = '(0,1)'",
        "UPDATE days SET day = '2026-02-07'",
        "INSERT INTO days VALUES ('2026-01-09', 'b')",
    )
    world.wait_until_there()
    for table in ("orders", "kept", "full_rows", "days"):
        question = f"SELECT * FROM {table} ORDER BY 1, 2"
        assert world.target.ask(question) == source.ask(question), table
    status = world.wait_for(FollowState.STREAMING)
    assert (status.problem, world.problems()) == (None, ())


def test_what_is_written_while_it_is_copied_is_neither_lost_nor_doubled(world: World, source: Database):
    def write(line: str) -> None:
        source.ask("INSERT INTO orders (who) VALUES (md5(random()::text))", "UPDATE kept SET b = b + 1")

    world.on_report = write
    world.step(Operation.CREATE)
    world.wait_until_there()
    question = "SELECT count(*), sum(hashtext(who)), (SELECT sum(b) FROM kept) FROM orders"
    assert len(world.told) > 3
    assert world.target.ask(question) == source.ask(question)


WRITES = (
    "INSERT INTO orders (who) VALUES ('mine')",
    "UPDATE orders SET who = 'mine'",
    "DELETE FROM orders",
    "TRUNCATE orders",
    "INSERT INTO paid (who, paid) VALUES ('mine', true)",
    "SELECT put()",
    "SELECT nextval('loose')",
    "SELECT lo_create(0)",
    "SELECT lo_from_bytea(0, 'x')",
    "CREATE TABLE mine (a int)",
    "CREATE SCHEMA mine",
    "DROP TABLE orders",
    "DROP FUNCTION put()",
    "ALTER TABLE orders ADD mine int",
    "ALTER TABLE open_to_all DISABLE TRIGGER ALL",
    "INSERT INTO open_to_all VALUES (1)",
    "UPDATE column_open_to_all SET b = 1",
)


def test_the_app_cannot_write_to_its_follower_whatever_it_sets(world: World, source: Database):
    source.ask(
        "CREATE TABLE open_to_all (a int PRIMARY KEY)",
        "GRANT ALL ON open_to_all TO PUBLIC",
        "CREATE TABLE column_open_to_all (a int PRIMARY KEY, b int)",
        "GRANT UPDATE (b) ON column_open_to_all TO PUBLIC",
        "GRANT CREATE ON SCHEMA public TO PUBLIC",
        "GRANT USAGE ON SEQUENCE loose TO PUBLIC",
    )
    world.step(Operation.CREATE)
    server = world.target.running.server
    with psycopg.connect(
        host="127.0.0.1", port=server.port, user=world.target.name, password=PASSWORD, dbname=world.target.name,
        autocommit=True,
    ) as app:  # fmt: skip
        app.execute("SET default_transaction_read_only = off")
        for write in WRITES:
            with pytest.raises(psycopg.Error) as caught:
                app.execute(write.encode())
            assert caught.value.sqlstate == "42501", write
        assert app.execute("SELECT count(*) FROM orders").fetchone() == (5000,)
        assert app.execute("SELECT count(*) FROM paid").fetchone() == (2500,)


def test_row_security_hides_nothing_of_a_follower_that_its_source_shows(world: World, source: Database):
    source.ask("ALTER TABLE kept ENABLE ROW LEVEL SECURITY", "CREATE POLICY few ON kept USING (a < 3)")
    world.step(Operation.CREATE)
    assert world.target.ask("SELECT count(*) FROM kept") == source.ask("SELECT count(*) FROM kept") == [(10,)]
    source.ask("UPDATE kept SET b = 0")
    world.wait_until_there()
    assert world.target.ask("SELECT sum(b) FROM kept") == [(0,)]
    world.step(Operation.PROMOTE)
    assert world.target.ask("SELECT relrowsecurity FROM pg_class WHERE relname = 'kept'") == [(True,)]


def test_a_promoted_follower_has_every_row_and_number_and_is_its_app_s_own(world: World, source: Database):
    world.is_move = True
    world.step(Operation.CREATE)
    source.ask(
        "INSERT INTO orders (who) SELECT 'last' FROM generate_series(1, 3000)",
        "SELECT setval('loose', 77)",
    )
    copy = world.prior and world.prior.outputs["copy"]
    done = world.step(Operation.PROMOTE)
    assert done.outputs["copy"] == copy
    assert world.target.ask("SELECT count(*), max(id) FROM orders") == [(8000, 8000)]
    assert world.target.ask("INSERT INTO orders (who) VALUES ('own') RETURNING id") == [(8001,)]
    assert world.target.ask("SELECT nextval('loose'), put()") == [(78, 8002)]
    world.target.ask("CREATE TABLE mine (a int)", "SELECT lo_create(0)", "DROP FUNCTION put()")
    [(strangers,)] = world.target.ask(
        "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname !~ '^pg_'"
        " AND n.nspname <> 'information_schema' AND pg_get_userbyid(relowner) <> current_user"
    )
    assert strangers == 0
    # The app wrote meanwhile; what is compared is what was there at the promotion.
    verification = world.followers.compare(SCOPE, ADDRESS, world.context())
    assert verification is not None
    assert verification.ok, verification.wrong
    assert {row.kind for row in verification.rows} >= {"table", "sequence", "schema"}
    assert left_at(source) == left_at(world.target) == []
    assert world.links.parted == [world.identity]
    assert source.ask("SELECT count(*) FROM orders") == [(8000,)]


def test_a_migration_after_the_promotion_waits_for_no_comparison_and_shows_in_it(world: World, source: Database):
    world.is_move = True
    source.ask("CREATE TABLE going (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY)")
    world.step(Operation.CREATE)
    world.step(Operation.PROMOTE)
    world.target.ask(
        "SET lock_timeout = '5s'",
        "ALTER TABLE kept RENAME b TO c",
        "DROP TABLE going",
        "ALTER SEQUENCE loose INCREMENT 2",
        "ALTER TABLE orders ADD note text",
        "INSERT INTO orders (who) VALUES ('own')",
    )
    verification = world.followers.compare(SCOPE, ADDRESS, world.context())
    assert verification is not None
    assert {(row.name, row.verdict) for row in verification.wrong} == {
        ("public.kept", Verdict.MISSING),
        ("public.going", Verdict.MISSING),
    }


def test_the_comparison_of_a_move_finds_a_row_that_went_missing(world: World, source: Database):
    world.is_move = True
    world.step(Operation.CREATE)
    world.target.ask("DELETE FROM orders WHERE id = 9", role="dpaas_admin")
    world.step(Operation.PROMOTE)
    verification = world.followers.compare(SCOPE, ADDRESS, world.context())
    assert verification is not None
    assert [(row.name, row.verdict) for row in verification.wrong] == [("public.orders", Verdict.DIFFERENT)]
    assert world.followers.compare(SCOPE, ADDRESS, world.context()) is None


def test_every_step_may_be_taken_again(world: World):
    first = world.step(Operation.CREATE)
    assert world.step(Operation.CREATE).outputs == first.outputs
    assert world.step(Operation.UPDATE).outputs == first.outputs
    world.step(Operation.PROMOTE)
    for operation in (Operation.PROMOTE, Operation.UPDATE, Operation.CREATE):
        assert world.step(operation).outputs["copy"] == first.outputs["copy"]
    world.target.ask("INSERT INTO orders (who) VALUES ('own')")
    world.step(Operation.DELETE)
    world.step(Operation.DELETE)
    assert world.target.ask("SELECT count(*) FROM orders") == [(5001,)]


def test_a_follower_that_is_cut_keeps_its_data_and_leaves_nothing_at_its_source(world: World, source: Database):
    world.step(Operation.CREATE)
    assert [found.split()[0] for found in left_at(source)] == ["publication", "role", "role", "slot"]
    world.step(Operation.DELETE)
    world.step(Operation.DELETE)
    assert left_at(source) == left_at(world.target) == []
    world.target.ask("INSERT INTO orders (who) VALUES ('own')")
    source.ask("INSERT INTO orders (who) VALUES ('theirs')")
    assert world.target.ask("SELECT count(*) FROM orders WHERE who IN ('own', 'theirs')") == [(1,)]


def test_a_follower_s_role_reaches_its_source_s_database_alone_and_reads_no_table(
    world: World, source: Database, us: Region
):
    other = us.database()
    world.step(Operation.CREATE)
    access = source.port.resume(world.identity, CopyResult.from_json(world.prior.outputs["copy"]))  # type: ignore[union-attr]
    assert access is not None
    told = {"host": "127.0.0.1", "port": source.running.server.port, "user": access.role}
    for database in (other.name, "postgres", "template1"):
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(**told, dbname=database, password=access.password.reveal())
    with pytest.raises(psycopg.OperationalError, match="authentication failed"):
        psycopg.connect(**told, dbname=source.name, password="guessed")
    with (
        psycopg.connect(**told, dbname=source.name, password=access.password.reveal()) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("SELECT * FROM orders")
    assert access.password.reveal() not in repr(access)


def test_a_source_that_cannot_be_followed_is_refused_before_anything_is_made(world: World, source: Database):
    source.ask("CREATE TABLE no_key (a int)", "SELECT lo_create(0)", "CREATE UNLOGGED TABLE quick (a int)")
    codes = {objection.code: objection for objection in source.port.follow_objections()}
    assert {code for code, objection in codes.items() if objection.is_error} == {
        "follow-no-key",
        "follow-large-objects",
    }
    assert "public.no_key" in codes["follow-no-key"].summary
    assert "public.quick" in codes["follow-unlogged"].summary
    with pytest.raises(CopyRefused):
        world.step(Operation.CREATE)
    assert left_at(source) == left_at(world.target) == []
    source.ask("UPDATE no_key SET a = 1", "DROP TABLE no_key", "SELECT lo_unlink(oid) FROM pg_largeobject_metadata")
    world.step(Operation.CREATE)


def test_a_transaction_that_does_not_end_at_the_source_is_told_and_leaves_nothing(
    world: World, source: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(postgres_follow_source, "LOCK_TIMEOUT_MS", 1000)
    server = source.running.server
    with psycopg.connect(
        host="127.0.0.1", port=server.port, user=source.name, password=PASSWORD, dbname=source.name
    ) as writer:
        writer.execute("INSERT INTO orders (who) VALUES ('endless')")
        with pytest.raises(ProviderError) as caught:
            world.step(Operation.CREATE)
    assert (caught.value.code, caught.value.kind) == ("follow-waits", ErrorKind.TRANSIENT)
    assert left_at(source) == []
    world.step(Operation.CREATE)
    assert world.target.ask("SELECT count(*) FROM orders WHERE who = 'endless'") == [(1,)]


def test_tables_that_are_made_at_the_source_are_told_and_the_copy_is_made_anew(world: World, source: Database):
    world.step(Operation.CREATE)
    source.ask("CREATE TABLE later (a int)", "INSERT INTO later VALUES (1)", "UPDATE later SET a = 2")
    [problem] = world.problems()
    assert "public.later" in problem
    with pytest.raises(ProviderError) as caught:
        world.step(Operation.PROMOTE)
    assert caught.value.code == "promote-incomplete"
    source.ask("ALTER TABLE later ADD PRIMARY KEY (a)")
    world.step(Operation.UPDATE)
    assert world.problems() == ()
    assert world.target.ask("SELECT a FROM later") == [(2,)]


def test_a_column_that_is_added_at_the_source_is_told_and_the_copy_is_made_anew(world: World, source: Database):
    world.step(Operation.CREATE)
    source.ask("ALTER TABLE orders ADD note text", "UPDATE orders SET note = 'x' WHERE id = 1")
    [problem] = world.problems()
    assert "public.orders" in problem
    assert "note text" in problem
    assert world.wait_for(FollowState.BROKEN).problem == problem
    world.step(Operation.UPDATE)
    assert world.target.ask("SELECT note FROM orders WHERE id = 1") == [("x",)]
    assert world.problems() == ()


def test_a_follower_whose_way_is_cut_says_so_and_comes_back(world: World, source: Database):
    world.step(Operation.CREATE)
    source.ask(
        "SELECT format('ALTER ROLE %I NOLOGIN', rolname) FROM pg_roles WHERE rolname ~ '^dpaas_follower_'",
        "DO $$ DECLARE r text; BEGIN FOR r IN SELECT rolname FROM pg_roles WHERE rolname ~ '^dpaas_follower_'"
        " LOOP EXECUTE format('ALTER ROLE %I NOLOGIN', r); END LOOP; END $$",
        "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active_pid IS NOT NULL",
        role="dpaas_admin",
    )
    status = world.wait_for(FollowState.STOPPED)
    source.ask("INSERT INTO orders (who) VALUES ('meanwhile')")
    eventually(lambda: (world.status() or status).lag_bytes not in (None, 0))
    assert "receives nothing" in world.problems()[0]
    world.step(Operation.UPDATE)
    assert world.target.ask("SELECT count(*) FROM orders WHERE who = 'meanwhile'") == [(1,)]
    assert world.wait_for(FollowState.STREAMING).problem is None


def test_a_change_that_a_follower_cannot_take_over_is_told_in_its_server_s_words(world: World, source: Database):
    world.step(Operation.CREATE)
    world.target.ask("INSERT INTO kept VALUES (77, 77)", role="dpaas_admin")
    source.ask("INSERT INTO kept VALUES (77, 78)")
    problem = world.wait_for(FollowState.BROKEN).problem or ""
    assert 'on relation "public.kept"' in problem
    assert "77" not in problem
    world.step(Operation.UPDATE)
    assert world.target.ask("SELECT b FROM kept WHERE a = 77") == [(78,)]


def test_a_transaction_that_nobody_finished_at_a_frozen_source_is_in_neither_side(world: World, source: Database):
    world.is_move = True
    world.step(Operation.CREATE)
    server = source.running.server
    with psycopg.connect(
        host="127.0.0.1", port=server.port, user=source.name, password=PASSWORD, dbname=source.name
    ) as left_over:
        left_over.execute("INSERT INTO orders (who) VALUES ('left over')")
        world.step(Operation.PROMOTE)
        with pytest.raises(psycopg.OperationalError):
            left_over.execute("COMMIT")
    verification = world.followers.compare(SCOPE, ADDRESS, world.context())
    assert verification is not None
    assert verification.ok


def test_a_follower_that_fell_too_far_behind_never_fills_its_source_and_is_made_anew(world: World, source: Database):
    world.step(Operation.CREATE)
    world.target.ask(
        "DO $$ BEGIN EXECUTE format('ALTER SUBSCRIPTION %I DISABLE', (SELECT subname FROM pg_subscription)); END $$",
        role="dpaas_admin",
    )
    source.ask("ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'", "SELECT pg_reload_conf()", role="dpaas_admin")
    try:
        eventually(lambda: source.ask("SHOW max_slot_wal_keep_size") == [("1MB",)])
        for _ in range(4):
            source.ask("INSERT INTO orders (who) SELECT repeat('x', 1000) FROM generate_series(1, 2000)")
            source.ask("SELECT pg_switch_wal()", "CHECKPOINT", role="dpaas_admin")
        assert "fell behind" in (world.wait_for(FollowState.BROKEN).problem or "")
    finally:
        source.ask("ALTER SYSTEM RESET max_slot_wal_keep_size", "SELECT pg_reload_conf()", role="dpaas_admin")
    world.step(Operation.UPDATE)
    assert world.problems() == ()
    assert world.target.ask("SELECT count(*) FROM orders") == source.ask("SELECT count(*) FROM orders")


def test_a_follower_whose_source_is_gone_is_promoted_as_it_is_and_told_so(world: World):
    world.step(Operation.CREATE)
    world.gone["us"] = ErrorKind.UNAVAILABLE
    world.step(Operation.PROMOTE)
    assert any("may be missing" in line for line in world.told)
    assert any("sequences" in line for line in world.told)
    assert world.target.ask("INSERT INTO orders (who) VALUES ('own') RETURNING id") == [(5001,)]


def test_a_move_is_not_promoted_without_its_source(world: World):
    world.is_move = True
    world.step(Operation.CREATE)
    world.gone["us"] = ErrorKind.UNAVAILABLE
    with pytest.raises(ProviderError, match="not to be had"):
        world.step(Operation.PROMOTE)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        world.target.ask("INSERT INTO orders (who) VALUES ('own')")


def test_a_read_that_is_under_way_does_not_keep_a_follower_from_being_promoted(world: World):
    world.step(Operation.CREATE)
    server = world.target.running.server
    with psycopg.connect(
        host="127.0.0.1", port=server.port, user=world.target.name, password=PASSWORD, dbname=world.target.name
    ) as app:
        app.execute("SELECT * FROM orders")  # and its transaction stays open
        world.step(Operation.PROMOTE)
        assert any("were ended" in line for line in world.told)
        with pytest.raises(psycopg.OperationalError):
            app.execute("SELECT 1")


def test_a_follower_on_the_server_of_its_source_follows_as_well(source: Database, us: Region):
    world = World(source=source, target=us.database())
    world.step(Operation.CREATE)
    source.ask("INSERT INTO orders (who) VALUES ('new')")
    world.wait_until_there()
    assert world.target.ask("SELECT count(*) FROM orders WHERE who = 'new'") == [(1,)]
    world.step(Operation.PROMOTE)
    assert left_at(source) == []


def test_two_followers_of_one_source_do_not_meet(world: World, source: Database, eu: Region):
    other = World(source=source, target=eu.database())
    world.step(Operation.CREATE)
    other.step(Operation.CREATE)
    world.step(Operation.PROMOTE)
    source.ask("INSERT INTO orders (who) VALUES ('new')")
    other.wait_until_there()
    assert world.target.ask("SELECT count(*) FROM orders WHERE who = 'new'") == [(0,)]
    assert other.target.ask("SELECT count(*) FROM orders WHERE who = 'new'") == [(1,)]
    other.step(Operation.DELETE)


def test_followers_of_one_server_come_and_go_at_once(us: Region, eu: Region):
    worlds = [World(source=us.database(), target=eu.database()) for _ in range(4)]
    for world in worlds:
        world.source.ask("CREATE TABLE t (a int PRIMARY KEY)")
    with ThreadPoolExecutor(4) as pool:
        for operation in (Operation.CREATE, Operation.DELETE, Operation.DELETE):
            list(pool.map(lambda world, operation=operation: world.step(operation), worlds))
    assert left_at(worlds[0].source) == []


@pytest.mark.parametrize(("gone", "left"), [("us", "eu"), ("eu", "us")])
def test_a_follower_one_of_whose_sides_is_gone_is_cut_from_the_other(world: World, gone: str, left: str):
    world.step(Operation.CREATE)
    world.gone[gone] = ErrorKind.INVALID
    world.step(Operation.DELETE)
    remains = left_at({"us": world.source, "eu": world.target}[left])
    assert [found for found in remains if found.startswith("subscription" if left == "eu" else "slot")] == []
    world.gone.clear()
    world.step(Operation.DELETE)


def test_a_side_that_does_not_answer_is_no_reason_to_call_a_follower_broken(world: World):
    world.step(Operation.CREATE)
    world.gone["us"] = ErrorKind.UNAVAILABLE
    assert world.wait_for(FollowState.STREAMING).lag_bytes is None
    assert world.problems() == ()
    world.gone = {"eu": ErrorKind.UNAVAILABLE}
    assert world.wait_for(FollowState.STREAMING).lag_bytes is not None
    world.gone = dict.fromkeys(("us", "eu"), ErrorKind.UNAVAILABLE)
    assert world.status() is None
    assert world.problems() == ()
    with pytest.raises(ProviderError, match="not to be had"):
        world.step(Operation.DELETE)


def test_a_follower_s_dump_tells_no_password_and_is_refused_where_it_would_be_another(
    world: World, source: Database, eu: Region
):
    world.step(Operation.CREATE)
    server, name = world.target.running.server, world.target.name
    with pytest.raises(ProviderError, match="dump that one"):  # its function runs as another role meanwhile
        refuse_dump(server, name)
    source.ask("DROP FUNCTION put()")
    other = World(source=source, target=eu.database())
    other.step(Operation.CREATE)
    refuse_dump(server, other.target.name)
    with tempfile.TemporaryFile() as file:
        dump(server, other.target.name, file)
        file.seek(0)
        listed = contents(server, file)
    assert not [line for line in listed if "SUBSCRIPTION" in line or "PUBLICATION" in line]
    with pytest.raises(ProviderError, match="follows another"):
        refill(server, world.target.spec, lambda making: None)
    with pytest.raises(ProviderError, match="has followers"):
        refill(source.running.server, source.spec, lambda making: None)
    other.step(Operation.DELETE)


def test_databases_at_both_ends_can_be_dropped_while_one_follows(us: Region, eu: Region):
    for first in (0, 1):
        world = World(source=us.database(), target=eu.database())
        world.source.ask("CREATE TABLE t (a int PRIMARY KEY)")
        world.step(Operation.CREATE)
        pair = (world.source, world.target)
        pair[first].drop()
        pair[1 - first].drop()
        us.made.clear()
        eu.made.clear()
        probe = us.database()
        assert left_at(probe) == []


@pytest.fixture(scope="module")
def older(place: Place) -> Region:
    try:
        return place.region("older", place.binaries(15))
    except ProviderError as problem:
        pytest.skip(f"no PostgreSQL 15 on this machine: {problem}")


@pytest.mark.parametrize("newer", [False, True])
def test_an_older_major_version_is_followed_by_its_own_and_by_a_newer_one(older: Region, eu: Region, newer: bool):
    world = World(source=older.database(), target=(eu if newer else older).database())
    world.source.ask(*SHOP)
    world.step(Operation.CREATE)
    world.source.ask("UPDATE kept SET b = 0", "DELETE FROM full_rows", "TRUNCATE days")
    world.wait_until_there()
    assert world.target.ask("SELECT sum(b) FROM kept") == [(0,)]
    [(owner, is_superuser)] = world.target.ask(
        "SELECT rolname, rolsuper FROM pg_subscription JOIN pg_roles r ON r.oid = subowner", role="dpaas_admin"
    )
    assert (owner.startswith("dpaas_holder_"), is_superuser) == (True, False)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        world.target.ask("DELETE FROM kept")
    world.step(Operation.PROMOTE)
    world.target.ask("DELETE FROM kept")
    assert left_at(world.source) == []
