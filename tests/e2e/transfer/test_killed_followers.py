"""A step on a follower whose process is killed, or one of whose servers is: the next try goes on, nothing is left."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from following_world import World, eventually, left_at
from two_servers import PASSWORD, Database, Region

from declarative_paas.core.follow import FollowState
from declarative_paas.core.plan import Operation
from declarative_paas.core.provider import ProviderError

QUESTION = "SELECT count(*), sum(hashtext(filler)), max(id) FROM big"


@pytest.fixture
def world(us: Region, eu: Region) -> Iterator[World]:
    source = us.database()
    source.ask(
        "CREATE TABLE big (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, filler text)",
        "INSERT INTO big (filler) SELECT repeat(md5(n::text), 8) FROM generate_series(1, 20000) n",
        "CREATE INDEX ON big (filler)",
    )
    yield World(source=source, target=eu.database())


def told(database: Database) -> dict[str, object]:
    server = database.running.server
    return {
        "bin_dir": str(server.binaries.bin_dir),
        "name": database.name,
        "key": database.spec.key,
        "password": PASSWORD,
        "administrator": server.password.reveal(),
        "host": str(server.socket_directory),
        "port": server.port,
    }


def killed(world: World, directory: Path, operation: Operation, point: str) -> None:
    """Takes the step in a process of its own, which is killed where it gets to `point`."""
    arguments = directory / "arguments.json"
    arguments.write_text(json.dumps({"source": told(world.source), "target": told(world.target)}))
    command = [sys.executable, str(Path(__file__).with_name("killed_follower.py")), str(arguments), operation.name]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin
        assert child.stdout
        for line in child.stdout:
            if line.startswith(point):
                child.kill()
                return
            child.stdin.write("\n")
            child.stdin.flush()
        pytest.fail(f"it never got to {point!r}")


@pytest.mark.parametrize(
    "point", ["copy: schema", "copied ", "copy: verification", "copy: done", "copied; it begins", "following", "done"]
)
def test_a_follower_that_was_killed_while_it_was_made_is_made_by_the_next_try(world: World, tmp_path: Path, point: str):
    killed(world, tmp_path, Operation.CREATE, point)
    if point.startswith("copy:") or point == "copied ":
        # The slot went with the process: whoever never tries again leaves nothing that keeps the source's log.
        eventually(lambda: not [found for found in left_at(world.source) if found.startswith("slot")])
    world.source.ask("INSERT INTO big (filler) VALUES ('meanwhile')", "DELETE FROM big WHERE id = 7")
    world.step(Operation.CREATE)
    world.wait_until_there()
    assert world.target.ask(QUESTION) == world.source.ask(QUESTION)
    assert [found.split()[0] for found in left_at(world.source)] == ["publication", "role", "role", "slot"]
    assert world.problems() == ()
    assert world.target.port.mark() is None
    world.step(Operation.DELETE)
    assert left_at(world.source) == left_at(world.target) == []


@pytest.mark.parametrize("point", ["copy: schema", "copied; it begins"])
def test_a_follower_that_was_killed_while_it_was_made_and_is_not_wanted_leaves_nothing(
    world: World, tmp_path: Path, point: str
):
    killed(world, tmp_path, Operation.CREATE, point)
    world.step(Operation.DELETE)
    assert left_at(world.source) == left_at(world.target) == []


@pytest.mark.parametrize("point", ["in the promotion", "unpublishing", "done"])
def test_a_promotion_that_was_killed_is_whole_after_the_next_try(world: World, tmp_path: Path, point: str):
    world.step(Operation.CREATE)
    world.source.ask("INSERT INTO big (filler) SELECT md5(n::text) FROM generate_series(1, 1000) n")
    killed(world, tmp_path, Operation.PROMOTE, point)
    world.step(Operation.PROMOTE)
    assert world.target.ask(QUESTION) == world.source.ask(QUESTION)
    assert world.target.ask("INSERT INTO big (filler) VALUES ('own') RETURNING id") == [(21001,)]
    assert left_at(world.source) == left_at(world.target) == []


def test_a_follower_that_was_killed_while_it_was_made_anew_is_never_taken_for_whole(world: World, tmp_path: Path):
    world.step(Operation.CREATE)
    world.source.ask("ALTER TABLE big ADD more int")
    killed(world, tmp_path, Operation.UPDATE, "its copy is made anew")
    assert world.wait_for(FollowState.BROKEN).problem
    world.target.port.cut(world.identity, anew=True)
    mark = world.target.port.mark()
    assert mark is not None
    assert mark.result is None
    world.step(Operation.UPDATE)
    world.source.ask("UPDATE big SET more = id")
    world.wait_until_there()
    assert world.target.ask("SELECT sum(more) FROM big") == world.source.ask("SELECT sum(more) FROM big")


@pytest.mark.parametrize("side", ["source", "target"])
def test_a_follower_outlives_either_server_s_death(world: World, side: str):
    world.step(Operation.CREATE)
    victim = (world.source if side == "source" else world.target).running
    try:
        world.source.ask("INSERT INTO big (filler) SELECT md5(n::text) FROM generate_series(1, 1000) n")
        victim.stop(signal.SIGKILL)
    finally:
        victim.start()
    world.source.ask("INSERT INTO big (filler) VALUES ('after')")
    world.wait_until_there()
    assert world.target.ask(QUESTION) == world.source.ask(QUESTION)
    world.wait_for(FollowState.STREAMING)


@pytest.mark.parametrize("side", ["source", "target"])
def test_a_server_that_dies_during_the_first_copy_fails_it_and_the_next_one_is_whole(world: World, side: str):
    victim = (world.source if side == "source" else world.target).running
    left = ["copied "]

    def die(line: str) -> None:
        if left and line.startswith(left[0]):
            left.pop()
            victim.stop(signal.SIGKILL)

    world.on_report = die
    try:
        with pytest.raises(ProviderError):
            world.step(Operation.CREATE)
    finally:
        victim.start()
    world.step(Operation.CREATE)
    assert world.target.ask(QUESTION) == world.source.ask(QUESTION)
