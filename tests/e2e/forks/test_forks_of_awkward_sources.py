"""Forks of sources that do not fit their target, or change while they are copied, on real processes."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator

import pytest
from fork_project import CONFIRMED, FORK, ForkProject
from local_audit import postgres_server

DATABASE = f"data_copy.{FORK}/DATABASE"


@pytest.fixture(scope="module")
def shop() -> Iterator[ForkProject]:
    found = ForkProject()
    try:
        found.start(20_000)
        yield found
    finally:
        found.close()


@pytest.fixture
def fork(shop: ForkProject) -> Iterator[ForkProject]:
    shop.declare_fork(region="eu", data={"DATABASE": "copy", "REDIS": "empty"}, domains=["echo.example.eu"])
    yield shop
    shop.dpaas("fork", "undo", FORK, "--auto-approve", *CONFIRMED)


@pytest.mark.timeout(300)
def test_an_extension_that_the_target_lacks_is_named_and_nothing_of_the_fork_is_released(fork: ForkProject) -> None:
    fork.sql("echo", "CREATE EXTENSION hstore")
    (control,) = (fork.directory / ".dpaas" / "engines").rglob("hstore.control")
    hidden = control.rename(control.with_name("hidden"))
    try:
        told = fork.apply(expect=1)
        assert "the target's server has no extension hstore" in told.stdout
        assert f"release.{FORK}" not in fork.recorded()
    finally:
        hidden.rename(control)
    fork.apply()
    assert fork.sql(FORK, "SELECT extname FROM pg_extension WHERE extname = 'hstore'") == "hstore"
    fork.sql("echo", "DROP EXTENSION hstore")


@pytest.mark.timeout(300)
def test_a_migration_of_the_source_during_the_copy_is_let_by_and_copied(fork: ForkProject) -> None:
    """By the same apply: the copy gives way, and is begun anew."""
    migrated: list[str] = []

    def migrate() -> None:
        server = postgres_server(fork, "us")
        assert server is not None
        (database,) = fork.sql("echo", "SELECT current_database()").splitlines()
        with server.session(database) as session:
            session.run(["ALTER TABLE public.orders ADD COLUMN colour text DEFAULT 'red'"])
        migrated.append(database)

    thread = threading.Thread(target=migrate)

    def begin(process: subprocess.Popen[str]) -> None:
        thread.start()

    code, told = fork.interrupted_at(f"{DATABASE}: copy: schema", begin)
    thread.join(60)
    assert code == 0, told
    assert len(migrated) == 1
    assert fork.checksum("echo").startswith("20000|")
    if fork.checksum(FORK) != fork.checksum("echo"):
        # The copy was through before the migration began: then it is of the instant before.
        assert "gives way" not in told
        assert fork.sql(FORK, "SELECT count(*) FROM orders") == "20000"
