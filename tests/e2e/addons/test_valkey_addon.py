"""The redis service on real Valkey servers: limits, access rules, persistence, crashes, drift and its repair."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.core.values import Sensitive
from declarative_paas.providers.addons.driver import AddonInstance, AddonReading, Outputs, RegionAddons
from declarative_paas.providers.addons.table import DRIVERS
from declarative_paas.providers.addons.valkey import ValkeyServer
from declarative_paas.providers.addons.valkey_config import ValkeySettings, password_hash

REDIS = DRIVERS["redis"]
NO_RETRY = Retry(NoBackoff(), 0)
PREMIUM = {"memory_mb": 50, "persistent": True, "connection_limit": 40, "eviction": "noeviction"}


def instance(key: str, plan: Any = None) -> AddonInstance:
    return AddonInstance(app=key.partition("-")[0], alias="REDIS", key=key, service="redis", plan=plan or PREMIUM)


def made(region: RegionAddons, key: str, plan: Any = None) -> Outputs:
    return REDIS.provision(region, instance(key, plan), lambda line: None)


def url(outputs: Outputs) -> str:
    value = outputs["url"]
    assert isinstance(value, Sensitive)
    return value.reveal()


def password(outputs: Outputs) -> str:
    return url(outputs).split("@")[0].split(":")[2]


@contextmanager
def client(outputs: Outputs) -> Iterator[Any]:
    connection: Any = redis.Redis.from_url(url(outputs), decode_responses=True, socket_timeout=10, retry=NO_RETRY)
    with connection:
        yield connection


def server(region: RegionAddons, key: str) -> ValkeyServer:
    found = ValkeyServer.load(region.servers / f"redis-{key}", user=region.user, keyring=region.keyring)
    assert found
    return found


def reading(region: RegionAddons, key: str) -> AddonReading:
    return REDIS.read_all(region)[key]


def admin(region: RegionAddons, key: str, *words: str | int) -> object:
    with server(region, key).connect() as connection:
        return connection.command(*words)


def kill(region: RegionAddons, key: str) -> None:
    cast("Any", region.processes).kill(f"redis-{key}")


def test_a_server_works_and_reads_back_without_problems(region: RegionAddons) -> None:
    outputs = made(region, "shop-redis-1")
    with client(outputs) as cart:
        cart.set("cart", "ein Käse")
        assert cart.get("cart") == "ein Käse"
    found = reading(region, "shop-redis-1")
    assert (found.problems, found.plan, found.outputs) == ((), PREMIUM, outputs)


def test_the_memory_limit_holds_and_eviction_follows_the_plan(region: RegionAddons) -> None:
    full = made(region, "full-redis-1", {"memory_mb": 4})
    with client(full) as connection, pytest.raises(redis.exceptions.OutOfMemoryError):
        for number in range(64):
            connection.set(number, "x" * 131072)
    evicting = made(region, "evicting-redis-1", {"memory_mb": 4, "eviction": "allkeys-lru"})
    with client(evicting) as connection:
        for number in range(64):
            connection.set(number, "x" * 131072)
        assert 0 < connection.dbsize() < 64


def test_an_app_keeps_what_clients_need_and_nothing_that_reaches_beyond_its_data(region: RegionAddons) -> None:
    with client(made(region, "shop-redis-1")) as connection:
        for allowed in (
            "INFO", "CLIENT SETNAME web", "CLIENT LIST", "KEYS *", "FLUSHDB", "SLOWLOG GET", "ROLE", "ACL WHOAMI",
            "MEMORY USAGE x", "EVAL return(1) 0", "DBSIZE", "SCAN 0", "PUBLISH channel message",
        ):  # fmt: skip
            connection.execute_command(*allowed.split())
        for denied in (
            "CONFIG GET dir", "CONFIG SET dir /tmp", "CONFIG REWRITE", "SHUTDOWN NOSAVE", "DEBUG SLEEP 0", "SAVE",
            "MODULE LIST", "REPLICAOF 127.0.0.1 1", "MIGRATE 127.0.0.1 1 k 0 9", "ACL LIST", "MONITOR", "SYNC",
            "ACL SETUSER default allcommands", "BGREWRITEAOF", "FAILOVER",
        ):  # fmt: skip
            with pytest.raises(redis.exceptions.ResponseError, match=r"no permissions|not allowed"):
                connection.execute_command(*denied.split())


def test_nobody_enters_without_the_password(region: RegionAddons) -> None:
    outputs = made(region, "shop-redis-1")
    other = made(region, "other-redis-1")
    port = int(str(outputs["port"]))
    for wrong in (None, password(other)):
        stranger = redis.Redis(port=port, password=wrong, retry=NO_RETRY)
        with stranger, pytest.raises(redis.exceptions.AuthenticationError):
            stranger.ping()


def test_the_connection_limit_holds_and_a_full_server_can_still_be_read(region: RegionAddons) -> None:
    outputs = made(region, "crowded-redis-1", {"connection_limit": 2})
    clients = [redis.Redis.from_url(url(outputs), retry=NO_RETRY) for _ in range(2)]
    for one in clients:
        one.ping()
    assert reading(region, "crowded-redis-1").problems == ()
    assert reading(region, "crowded-redis-1").plan == {"connection_limit": 2}
    more = [redis.Redis.from_url(url(outputs), retry=NO_RETRY) for _ in range(5)]
    with pytest.raises(redis.exceptions.ConnectionError):
        for one in more:
            one.ping()
    for one in clients + more:
        one.close()


def test_provisioning_again_changes_nothing(region: RegionAddons) -> None:
    first = made(region, "again-redis-1")
    process = admin(region, "again-redis-1", "INFO", "server")
    said: list[str] = []
    assert REDIS.provision(region, instance("again-redis-1"), said.append) == first
    assert said == []
    run_id = [line for line in str(process).splitlines() if line.startswith("run_id")]
    assert run_id[0] in str(admin(region, "again-redis-1", "INFO", "server"))
    assert REDIS.repair(region, instance("again-redis-1")).done == ()


@pytest.mark.parametrize("persistent", [True, False])
def test_a_clean_stop_keeps_the_data_of_every_plan(region: RegionAddons, persistent: bool) -> None:
    key = f"stopped-redis-{persistent:d}"
    outputs = made(region, key, {"persistent": persistent})
    with client(outputs) as connection:
        connection.set("kept", "yes")
    region.processes.stop(f"redis-{key}")
    assert reading(region, key).problems == (f"server redis-{key} is not running",)
    repaired = REDIS.repair(region, instance(key))
    assert (repaired.outputs, repaired.done) == (outputs, (f"started server redis-{key}",))
    with client(outputs) as connection:
        assert connection.get("kept") == "yes"


def test_a_killed_persistent_server_comes_back_with_its_data(region: RegionAddons) -> None:
    outputs = made(region, "killed-redis-1")
    with client(outputs) as connection:
        connection.set("kept", "yes")
    kill(region, "killed-redis-1")
    REDIS.repair(region, instance("killed-redis-1"))
    with client(outputs) as connection:
        assert connection.get("kept") == "yes"


def test_a_plan_change_up_and_down_keeps_the_data_through_restarts(region: RegionAddons) -> None:
    """Turning persistence on by a restart would begin empty; turning it off must not read an old snapshot."""
    key = "growing-redis-1"
    outputs = made(region, key, {"memory_mb": 25})
    with client(outputs) as connection:
        connection.set("first", "1")
        upgraded = REDIS.update(region, instance(key), PREMIUM)
        assert "mended: persistence is off, should be on" in upgraded.done
        assert "mended: memory limit in MB is 25, should be 50" in upgraded.done
        connection.set("second", "2")
    kill(region, key)
    REDIS.repair(region, instance(key))
    with client(outputs) as connection:
        assert (connection.get("first"), connection.get("second")) == ("1", "2")
        connection.set("third", "3")
        REDIS.update(region, instance(key), {"memory_mb": 25, "persistent": False})
    kill(region, key)
    REDIS.repair(region, instance(key))
    with client(outputs) as connection:
        assert (connection.get("first"), connection.get("third")) == ("1", "3")
    assert reading(region, key).plan == {"memory_mb": 25, "persistent": False}


def test_a_plan_change_on_a_stopped_server_keeps_the_data(region: RegionAddons) -> None:
    key = "sleeping-redis-1"
    outputs = made(region, key, {"persistent": False})
    with client(outputs) as connection:
        connection.set("kept", "yes")
    region.processes.stop(f"redis-{key}")
    REDIS.update(region, instance(key), {"persistent": True})
    kill(region, key)
    REDIS.repair(region, instance(key))
    with client(outputs) as connection:
        assert connection.get("kept") == "yes"


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        ("CONFIG SET maxmemory 1048576", "memory limit in MB is 1, should be 50"),
        ("CONFIG SET maxmemory-policy allkeys-lru", "eviction policy is allkeys-lru, should be noeviction"),
        ("CONFIG SET maxclients 11", "connection limit is 7, should be 40"),
        ("CONFIG SET appendonly no", "persistence is off, should be on"),
        ("ACL SETUSER default resetpass >other", "the password was changed"),
    ],
)
def test_each_drift_is_named_and_repaired_without_a_restart(region: RegionAddons, damage: str, problem: str) -> None:
    outputs = made(region, "drift-redis-1")
    before = server(region, "drift-redis-1").inspect()
    admin(region, "drift-redis-1", *damage.split())
    assert reading(region, "drift-redis-1").problems == (problem,)
    assert REDIS.repair(region, instance("drift-redis-1")).done == (f"mended: {problem}",)
    assert reading(region, "drift-redis-1").problems == ()
    assert server(region, "drift-redis-1").inspect().run_id == before.run_id
    with client(outputs) as connection:
        assert connection.ping()


def test_lost_data_is_never_replaced_silently(region: RegionAddons) -> None:
    key, name = "lost-redis-1", "redis-lost-redis-1"
    outputs = made(region, key)
    region.processes.stop(name)
    shutil.rmtree(server(region, key).data)
    assert reading(region, key).problems == (f"the data of {name} is missing: it is lost",)
    with pytest.raises(ProviderError, match="it is lost"):
        made(region, key)
    repaired = REDIS.repair(region, instance(key))
    assert repaired.done == (
        f"the data of {name} was missing: it is lost, began anew and empty",
        f"started server {name}",
    )
    assert repaired.outputs == outputs


def test_a_lost_record_is_named_and_the_data_is_adopted_under_a_new_password(region: RegionAddons) -> None:
    outputs = made(region, "orphan-redis-1")
    with client(outputs) as connection:
        connection.set("kept", "yes")
    region.records.remove("orphan-redis-1")
    assert reading(region, "orphan-redis-1").problems == (
        "the record of redis-orphan-redis-1 is missing: its password is lost",
    )
    assert "redis-orphan-redis-1" in REDIS.unused_servers(region)
    repaired = REDIS.repair(region, instance("orphan-redis-1"))
    with client(repaired.outputs) as connection:
        assert connection.get("kept") == "yes"
    with client(outputs) as connection, pytest.raises(redis.exceptions.AuthenticationError):
        connection.ping()


def test_a_server_left_by_a_killed_supervisor_is_taken_over_with_its_data(region: RegionAddons) -> None:
    key = "stray-redis-1"
    outputs = made(region, key, {"persistent": False})
    with client(outputs) as connection:
        connection.set("kept", "yes")
    stray = cast("Any", region.processes).lose(f"redis-{key}")
    try:
        assert REDIS.repair(region, instance(key)).done == (f"started server redis-{key}",)
        assert stray.wait(30) == 0
    finally:
        stray.kill()
    with client(outputs) as connection:
        assert connection.get("kept") == "yes"


def test_removing_deletes_process_and_data_and_removing_again_is_a_no_op(region: RegionAddons) -> None:
    made(region, "leaving-redis-1")
    directory = server(region, "leaving-redis-1").directory
    REDIS.deprovision(region, instance("leaving-redis-1"))
    assert not directory.exists()
    assert "redis-leaving-redis-1" not in region.processes.running()
    assert "leaving-redis-1" not in REDIS.read_all(region)
    REDIS.deprovision(region, instance("leaving-redis-1"))
    REDIS.deprovision(region, instance("never-there-1"))


def test_no_password_is_on_disk_or_in_a_command_line(
    region: RegionAddons, files_holding: Callable[[Path, str], list[Path]]
) -> None:
    outputs = made(region, "secretive-redis-1")
    with client(outputs) as connection:
        connection.set("marker", "findable-" * 4)
    found = server(region, "secretive-redis-1")
    for secret in (password(outputs), found.password.reveal()):
        assert files_holding(region.directory.parent, secret) == []
        assert not any(secret in word for word in found.process().command)
    assert files_holding(region.directory.parent, "findable-" * 4)
    assert files_holding(region.directory.parent, password_hash(password(outputs)))


def test_a_name_beyond_a_file_names_length_works(region: RegionAddons) -> None:
    key = "an-app-" + "very-" * 60 + "long-redis-1"
    with client(made(region, key)) as connection:
        assert connection.ping()
    assert reading(region, key).problems == ()


def test_an_unknown_eviction_policy_is_refused_before_anything_is_made(region: RegionAddons) -> None:
    with pytest.raises(ProviderError, match="no eviction policy 'lru'") as refused:
        made(region, "wrong-redis-1", {"eviction": "lru"})
    assert refused.value.kind is ErrorKind.INVALID
    assert "wrong-redis-1" not in REDIS.read_all(region)


def test_settings_that_a_plan_leaves_open_are_not_drift(region: RegionAddons) -> None:
    made(region, "open-redis-1", {"memory_mb": 25})
    admin(region, "open-redis-1", "CONFIG", "SET", "maxclients", 500)
    assert reading(region, "open-redis-1").problems == ()
    assert ValkeySettings(maxmemory_mb=25).live().get("maxclients") is None


def test_a_port_that_another_program_took_is_a_conflict_that_names_it(region: RegionAddons) -> None:
    outputs = made(region, "clash-redis-1")
    region.processes.stop("redis-clash-redis-1")
    port = int(str(outputs["port"]))
    with socket.create_server(("127.0.0.1", port)):
        with pytest.raises(ProviderError, match=f"port {port} of redis-clash-redis-1 is taken") as clash:
            REDIS.repair(region, instance("clash-redis-1"))
        assert clash.value.kind is ErrorKind.CONFLICT
    assert REDIS.repair(region, instance("clash-redis-1")).outputs == outputs


def test_a_server_whose_data_folder_vanishes_under_it_is_told_and_begun_anew(region: RegionAddons) -> None:
    key, name = "vanishing-redis-1", "redis-vanishing-redis-1"
    outputs = made(region, key)
    shutil.rmtree(server(region, key).data)
    assert reading(region, key).problems == (f"the data of {name} is missing: it is lost",)
    repaired = REDIS.repair(region, instance(key))
    assert (repaired.outputs, repaired.done[-1]) == (outputs, f"started server {name}")
    assert reading(region, key).problems == ()


def test_more_connections_than_the_machine_has_files_are_no_drift(region: RegionAddons) -> None:
    """The largest plans allow more than a usual account may open; the next plan must still be empty."""
    code = (
        "import resource, sys; from pathlib import Path; from addons_region import region_at; "
        "from declarative_paas.providers.addons.driver import AddonInstance, read_region; "
        "from declarative_paas.providers.addons.table import DRIVERS; "
        "resource.setrlimit(resource.RLIMIT_NOFILE, (600, 600)); region = region_at(Path(sys.argv[1])); "
        "wide = AddonInstance(app='wide', alias='REDIS', key='wide-redis-1', service='redis', "
        "plan={'connection_limit': 65000}); "
        "DRIVERS['redis'].provision(region, wide, str); reading = read_region(region)['wide-redis-1']; "
        "print(reading.problems, dict(reading.plan), DRIVERS['redis'].repair(region, wide).done); "
        "DRIVERS['redis'].deprovision(region, wide)"
    )
    here = Path(__file__).parent
    path = os.pathsep.join([str(here), str(here.parents[2]), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, "-c", code, str(region.directory.parent)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "() {'connection_limit': 65000} ()", done.stderr


def test_a_version_that_is_not_installed_is_refused_and_another_major_is_no_update(region: RegionAddons) -> None:
    with pytest.raises(ProviderError, match="no server binaries of valkey 99"):
        made(region, "future-redis-1", {"version": "99"})
    assert "future-redis-1" not in REDIS.read_all(region)
    made(region, "shop-redis-1")
    with pytest.raises(ProviderError, match="another major version needs a copy"):
        REDIS.update(region, instance("shop-redis-1"), {**PREMIUM, "version": "99"})
    assert reading(region, "shop-redis-1").plan == PREMIUM
