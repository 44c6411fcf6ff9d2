"""What breaks in the middle of a copy: the process, either server, the target's disk. The next try is whole."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from two_servers import PASSWORD, Database, Place, Region, at, copy

from declarative_paas.core.data import CopyRefused
from declarative_paas.core.provider import ErrorKind, ProviderError

ROWS = 20_000


@pytest.fixture
def source(us: Region) -> Database:
    found = us.database()
    found.ask(
        "CREATE TABLE big (id int PRIMARY KEY, filler text)",
        f"INSERT INTO big SELECT n, repeat(md5(n::text), 8) FROM generate_series(1, {ROWS}) n",
        "CREATE INDEX ON big (filler)",
    )
    return found


@pytest.fixture
def target(eu: Region) -> Database:
    return eu.database()


def is_whole(source: Database, target: Database) -> bool:
    question = "SELECT count(*), sum(hashtext(filler)) FROM big"
    return copy(source, target).verification.ok and target.ask(question) == source.ask(question)


def told(database: Database) -> dict[str, object]:
    server = database.running.server
    return {
        "bin_dir": str(server.binaries.bin_dir),
        "name": database.name,
        "key": database.spec.key,
        "password": PASSWORD,
        "host": str(server.socket_directory),
        "port": server.port,
    }


@pytest.mark.parametrize("phase", ["schema", "data", "indexes", "verification"])
def test_a_copy_whose_process_is_killed_is_begun_anew(
    place: Place, tmp_path: Path, source: Database, target: Database, phase: str
):
    before = source.ask("SELECT count(*), max(xmin::text::bigint) FROM big")
    arguments = tmp_path / "arguments.json"
    arguments.write_text(json.dumps({"source": told(source), "target": told(target)}))
    command = [sys.executable, str(Path(__file__).with_name("killed_copy.py")), str(arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout
        for line in child.stdout:
            if line.strip() == phase:
                child.kill()
                break
        else:
            pytest.fail("the copy ended before it could be killed")
    mark = target.port.mark()
    assert mark is not None
    assert mark.result is None
    assert is_whole(source, target)
    assert source.ask("SELECT count(*), max(xmin::text::bigint) FROM big") == before


@pytest.mark.parametrize("phase", ["data", "indexes", "verification"])
@pytest.mark.parametrize("side", ["source", "target"])
def test_a_server_that_is_killed_fails_the_copy_and_the_next_one_is_whole(
    source: Database, target: Database, side: str, phase: str
):
    victim = (source if side == "source" else target).running
    try:
        with pytest.raises(ProviderError) as caught:
            copy(source, target, at(phase, lambda: victim.stop(signal.SIGKILL)))
    finally:
        victim.start()
    assert caught.value.kind is ErrorKind.UNAVAILABLE
    assert is_whole(source, target)


@pytest.fixture
def small_disk(place: Place) -> Iterator[Path]:
    directory = place.base / "small"
    directory.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=170m,mode=755", "tmpfs", str(directory)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("only root can mount a small file system here")
    try:
        yield directory
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)


def test_a_full_disk_of_the_target_is_told_as_that(place: Place, source: Database, small_disk: Path):
    source.ask("CREATE UNLOGGED TABLE bulk AS SELECT repeat(md5(n::text), 8) AS t FROM generate_series(1, 500000) n")
    region = place.region("full", place.binaries(), directory=small_disk)
    try:
        with pytest.raises(ProviderError) as caught:
            copy(source, region.database())
    finally:
        region.running.stop(signal.SIGKILL)
    assert caught.value.code in ("disk-full", "server-stopped", "connection-lost")
    assert source.ask("SELECT count(*) FROM bulk") == [(500_000,)]


@pytest.fixture(scope="module")
def older(place: Place) -> Region:
    try:
        return place.region("older", place.binaries(15))
    except ProviderError as problem:
        pytest.skip(f"no PostgreSQL 15 on this machine: {problem}")


def test_a_newer_major_version_is_refused_before_anything_is_touched(older: Region, source: Database):
    target = older.database()
    with pytest.raises(CopyRefused) as caught:
        copy(source, target)
    assert caught.value.code == "older-major"
    assert target.port.mark() is None


def test_an_older_major_version_is_copied_into_a_newer_one(older: Region, target: Database):
    source = older.database()
    source.ask(
        "CREATE TABLE big (id int PRIMARY KEY, filler text)",
        "INSERT INTO big SELECT n, md5(n::text) FROM generate_series(1, 1000) n",
        # Of each type whose value is hashed, not its text: a hash is the same in every version.
        "CREATE TABLE hashed AS SELECT n::int2 AS small, n::int8 AS large, n::oid AS id, n % 2 = 0 AS even,"
        " '2026-01-01'::date + n AS day, '12:00'::time + n * interval '1 s' AS hour, now() AS at,"
        " now()::timestamp AS plain, md5(n::text)::uuid AS key, decode(md5(n::text), 'hex') AS bytes,"
        " n::varchar(9) AS code, n::char(9) AS fixed FROM generate_series(-500, 500) n WHERE n > 0",
        "INSERT INTO hashed DEFAULT VALUES",
        "CREATE SEQUENCE counter START 5",
        "SELECT lo_from_bytea(0, 'x')",
    )
    assert is_whole(source, target)


def test_an_extension_that_the_target_s_server_lacks_is_named(older: Region, target: Database, us: Region):
    source = older.database()
    source.ask("CREATE EXTENSION pgcrypto")
    with pytest.raises(CopyRefused, match="pgcrypto"):
        copy(source, target)
