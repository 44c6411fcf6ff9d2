"""Data copied between databases in containers, by programs that run beside their servers."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from services_region import AddonRegion

from declarative_paas.core.copy_result import CopyIdentity, CopyResult
from declarative_paas.core.provider import ProviderError
from declarative_paas.providers.addons.driver import AddonInstance
from declarative_paas.providers.docker.engine import execute
from declarative_paas.providers.docker.services.exec_runner import ExecRunner
from declarative_paas.transfer.copy import CopyRequest, copy_data

CONTENT = """
CREATE TABLE orders (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, note text);
INSERT INTO orders (note) SELECT md5(n::text) FROM generate_series(1, 50000) n;
CREATE INDEX ON orders (note);
"""
FINGERPRINT = "SELECT count(*), md5(string_agg(id || note, ',' ORDER BY id)) FROM orders"


class Clock:
    monotonic = staticmethod(time.monotonic)

    def now(self) -> Any:
        raise AssertionError("a copy needs no time of day")


def test_a_database_is_copied_and_verified(region: AddonRegion) -> None:
    source, target = region.instance("postgres"), region.instance("postgres")
    source_url, target_url = region.provision(source), region.provision(target)
    dyno = region.dyno(source.key, target.key)
    region.sql(dyno, source_url, CONTENT)
    result = copied(region, source, target)
    assert result.verification.ok
    assert region.sql(dyno, target_url, FINGERPRINT) == region.sql(dyno, source_url, FINGERPRINT)
    region.wait_healthy(target)
    assert region.reading(target).problems == ()


def test_keys_are_copied_and_verified(region: AddonRegion) -> None:
    source, target = region.instance("redis"), region.instance("redis")
    source_url, target_url = region.provision(source), region.provision(target)
    dyno = region.dyno(source.key, target.key)
    region.redis(dyno, source_url, *(("SET", f"key:{number}", "x" * 1000) for number in range(500)))
    region.redis(dyno, source_url, ("RPUSH", "queue", "a", "b"), ("EXPIRE", "queue", "5000"))
    assert copied(region, source, target).verification.ok
    assert region.redis(dyno, target_url, ("DBSIZE",), ("LRANGE", "queue", "0", "-1")) == [
        *(b":501", b"*2", b"$1", b"a", b"$1", b"b")
    ]


def test_a_server_that_is_gone_has_no_data_to_copy(region: AddonRegion) -> None:
    shop = region.instance("redis")
    region.provision(shop)
    side = region.addons.data_side(shop.key)
    region.addons.stop()
    with pytest.raises(ProviderError, match="not running"):
        side.port.facts()
    with pytest.raises(ProviderError, match="holds no data"):
        region.addons.data_side("nobody-redis-1")


def copied(region: AddonRegion, source: AddonInstance, target: AddonInstance) -> CopyResult:
    there = region.addons.data_side(target.key)
    identity = CopyIdentity(source_instance=source.key, target_instance=target.key)
    result = copy_data(
        CopyRequest(
            identity=identity,
            source=region.addons.data_side(source.key).port,
            target=there.port,
            fresh=there.fresh,
            parallelism=2,
            clock=Clock(),
            report=lambda progress: None,
        )
    )
    there.port.settle(identity)
    return result


@pytest.fixture
def runner(region: AddonRegion) -> ExecRunner:
    shop = region.instance("redis")
    region.provision(shop)
    return ExecRunner(region.engine, region.server(shop))


def test_what_goes_in_comes_out_whole_while_both_sides_are_slow(runner: ExecRunner) -> None:
    process = runner.open(["/anywhere/cat"], environment={}, secrets={})
    piece = bytes(range(256)) * 2048
    sent = 24

    def send() -> None:
        for _ in range(sent):
            process.write(piece)
        process.close_input()

    sender = threading.Thread(target=send)
    sender.start()
    received = bytearray()
    while data := process.read(100_000):
        received += data
    sender.join()
    assert process.wait() == 0 and bytes(received) == piece * sent


def test_the_status_and_the_complaint_of_a_program_are_told(runner: ExecRunner) -> None:
    process = runner.open(["sh", "-c", 'echo "$WORD" >&2; exit 3'], environment={"WORD": "no"}, secrets={})
    assert process.wait() == 3 and process.errors() == "no\n"
    process.kill()


def test_a_killed_program_is_gone_and_readers_and_writers_return(runner: ExecRunner, region: AddonRegion) -> None:
    process = runner.open(["sh", "-c", "echo here; exec sleep 12345"], environment={}, secrets={})
    assert process.read(100) == b"here\n"
    reader = threading.Thread(target=process.read, args=(1,))
    reader.start()
    process.kill()
    reader.join(20)
    assert not reader.is_alive() and process.wait() != 0
    with pytest.raises(BrokenPipeError):
        process.write(b"anybody there?")
    (key,) = region.records.all("redis")
    count = ["sh", "-c", "grep -al 1234[5] /proc/[0-9]*/cmdline | wc -l"]
    assert execute.run(region.engine, region.addons.place.server(key), count).stdout.strip() == b"0"
