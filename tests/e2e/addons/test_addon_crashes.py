"""kill -9 of a provisioning command: the next one converges, with the same password, and makes nothing twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import redis
from addons_region import servers_under

from declarative_paas.core.values import Sensitive
from declarative_paas.providers.addons.driver import AddonInstance, Outputs, RegionAddons
from declarative_paas.providers.addons.table import DRIVERS

HERE = Path(__file__).parent


def command(region: RegionAddons, service: str, key: str, point: str) -> list[str]:
    return [sys.executable, str(HERE / "crashing_command.py"), str(region.directory.parent), service, key, point]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in [str(HERE.parents[2]), *sys.path] if path)}


def provisioned(region: RegionAddons, service: str, key: str) -> Outputs:
    instance = AddonInstance(app="shop", alias="DATA", key=key, service=service)
    return DRIVERS[service].provision(region, instance, lambda line: None)


def works(outputs: Outputs) -> bool:
    url = outputs["url"]
    assert isinstance(url, Sensitive)
    if url.reveal().startswith("redis"):
        with redis.Redis.from_url(url.reveal()) as connection:
            return bool(connection.ping())
    with psycopg.connect(url.reveal()) as connection:
        return connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize("service", ["postgres", "redis"])
@pytest.mark.parametrize("point", ["port", "start", "progress"])
def test_a_killed_command_is_finished_by_the_next_one_with_the_same_password(
    new_region: Callable[[], RegionAddons], service: str, point: str
) -> None:
    region, key = new_region(), f"shop-{service}-1"
    dead = subprocess.run(command(region, service, key, point), env=environment(), capture_output=True, text=True)
    assert dead.returncode == -signal.SIGKILL, dead.stderr
    record = region.records.read(key)
    if point != "port":
        assert record
        assert not record.provisioned
        assert DRIVERS[service].read_all(region)[key].problems
    outputs = provisioned(region, service, key)
    assert works(outputs)
    if record:
        assert region.keyring.open(record.sealed) in str(outputs["url"].reveal())
    assert DRIVERS[service].read_all(region)[key].problems == ()
    assert len(servers_under(region.directory)) == 1
    assert len(region.processes.running()) == 1


def test_an_initdb_that_was_killed_halfway_is_made_anew(new_region: Callable[[], RegionAddons]) -> None:
    region, server = new_region(), "addons/servers/postgres-18"
    child = subprocess.Popen(command(region, "postgres", "shop-postgres-1", "never"), env=environment())
    try:
        directory, deadline = region.directory.parent / server, time.monotonic() + 30
        while not list(directory.glob("making-*/data/PG_VERSION")) and time.monotonic() < deadline:
            time.sleep(0.001)
    finally:
        child.kill()
        child.wait()
    assert list(directory.glob("making-*"))
    assert not (directory / "data").exists()
    # At once: the initdb of the killed command still runs, and must not meet the new one.
    outputs = provisioned(region, "postgres", "shop-postgres-1")
    assert works(outputs)
    assert DRIVERS["postgres"].read_all(region)["shop-postgres-1"].problems == ()
