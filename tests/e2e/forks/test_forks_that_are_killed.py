"""A fork that is killed anywhere goes on with the next apply: verified, its source untouched, nothing left over."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator

import pytest
from fork_project import CONFIRMED, FORK, ForkProject, kill

ROWS = 20_000
DATABASE = f"data_copy.{FORK}/DATABASE"


@pytest.fixture(scope="module")
def shop() -> Iterator[ForkProject]:
    found = ForkProject()
    try:
        found.start(ROWS)
        yield found
    finally:
        found.close()


@pytest.fixture
def fork(shop: ForkProject) -> Iterator[ForkProject]:
    """The fork is declared; afterwards it is undone, and the source is what it was."""
    before = shop.checksum("echo")
    shop.declare_fork(
        region="eu", data={"DATABASE": "copy", "REDIS": "copy"}, domains={"echo.example.com": "echo.example.eu"}
    )
    yield shop
    assert shop.checksum("echo") == before
    shop.dpaas("fork", "undo", FORK, "--auto-approve", *CONFIRMED)
    assert {name.partition(".")[2].partition("/")[0] for name in shop.recorded()} == {"echo"}


def goes_on(shop: ForkProject) -> None:
    """The next apply makes it good."""
    shop.apply()
    assert shop.checksum(FORK) == shop.checksum("echo")
    assert shop.sql(FORK, "SELECT count(*) FROM pg_namespace WHERE nspname = 'dpaas_copy'") == "0"
    assert [copy["alias"] for copy in shop.copies()] == ["DATABASE", "REDIS"]
    assert shop.get(FORK)[0] == 200
    assert "No changes" in shop.dpaas("plan", "--detailed-exitcode").stdout
    # Nothing is left of databases that were begun: one for the app, beside the administrator's.
    query = "SELECT count(*) FROM pg_database WHERE datname NOT IN ('postgres', 'template0', 'template1')"
    assert shop.sql(FORK, query) == "1"


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "marker",
    [
        f"addon.{FORK}/DATABASE: creating",
        f"{DATABASE}: copied",
        f"{DATABASE}: copy: verification",
        f"formation.{FORK}: creating",
    ],
)
def test_a_killed_command_is_made_good_by_the_next(fork: ForkProject, marker: str) -> None:
    code, _ = fork.interrupted_at(marker, lambda process: process.send_signal(signal.SIGKILL))
    assert code == -signal.SIGKILL
    goes_on(fork)


def _source(shop: ForkProject) -> None:
    kill(shop.postgres("us"))


def _target(shop: ForkProject) -> None:
    kill(shop.postgres("eu"))


def _supervisord(shop: ForkProject) -> None:
    kill(shop.supervisord("eu"))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("strike", [_source, _target, _supervisord])
def test_a_server_that_dies_during_the_copy_costs_at_most_a_second_apply(
    fork: ForkProject, strike: Callable[[ForkProject], None]
) -> None:
    code, told = fork.interrupted_at(f"{DATABASE}: copy: schema", lambda process: strike(fork))
    assert code in (0, 1), told
    if code == 1:
        # What failed keeps all that stands on it from being made.
        assert f"release.{FORK}" not in fork.recorded()
    goes_on(fork)


@pytest.mark.timeout(300)
def test_an_interrupted_fork_can_be_undone_or_gone_on_with(fork: ForkProject) -> None:
    def interrupt(process: subprocess.Popen[str]) -> None:
        process.send_signal(signal.SIGINT)

    code, _ = fork.interrupted_at(f"addon.{FORK}/DATABASE: creating", interrupt)
    assert code == 130
    assert f"release.{FORK}" not in fork.recorded()
    fork.dpaas("fork", "undo", FORK, "--auto-approve", *CONFIRMED)
    assert {name.partition(".")[2].partition("/")[0] for name in fork.recorded()} == {"echo"}
    assert "No changes" in fork.dpaas("plan", "--detailed-exitcode").stdout
    fork.declare_fork(
        region="eu", data={"DATABASE": "copy", "REDIS": "copy"}, domains={"echo.example.com": "echo.example.eu"}
    )
    code, _ = fork.interrupted_at(f"{DATABASE}: creating", interrupt)
    assert code == 130
    goes_on(fork)
