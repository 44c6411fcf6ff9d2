"""Redis add-ons of a Docker region: a Valkey server in a container for each, on a real engine."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from services_region import AddonRegion

from declarative_paas.core.provider import ProviderError
from declarative_paas.core.values import Sensitive
from declarative_paas.providers.addons.records import open_sealed
from declarative_paas.providers.docker.engine import containers, execute
from declarative_paas.providers.docker.services.resp_exec import ask

GET = ("GET", "cart")


def put(region: AddonRegion, dyno: str, url: str) -> None:
    assert region.redis(dyno, url, ("SET", "cart", "full")) == [b"+OK"]


def admin(region: AddonRegion, key: str, *commands: tuple[str, ...]) -> None:
    record = region.records.read(key)
    assert record is not None
    password = open_sealed(region.keyring, record.details["sealed_admin"], key)
    ask(region.engine, region.addons.place.server(key), password, commands)


def test_an_app_reaches_its_own_server_by_its_url(region: AddonRegion) -> None:
    shop = region.instance("redis")
    url = region.provision(shop)
    dyno = region.dyno(shop.key)
    put(region, dyno, url)
    assert region.redis(dyno, url, GET) == [b"$4", b"full"]
    assert region.redis(dyno, url, ("CONFIG", "SET", "maxmemory", "1gb"))[0].startswith(b"-NOPERM")
    region.wait_healthy(shop)
    assert region.reading(shop).problems == () and region.reading(shop).plan == shop.plan


def test_neither_password_is_anywhere_to_be_read(region: AddonRegion) -> None:
    shop = region.instance("redis")
    url = region.provision(shop)
    put(region, region.dyno(shop.key), url)
    record = region.records.read(shop.key)
    assert record is not None
    passwords = [region.keyring.open(record.sealed), region.keyring.open(record.details["sealed_admin"])]
    assert passwords[0] in url
    api: Any = region.engine.api
    name = region.server(shop)
    seen = [
        json.dumps(api.inspect_container(name)),
        json.dumps(api.top(name)),
        api.logs(name).decode(),
        "".join(chunk.decode("latin-1") for chunk in api.get_archive(name, "/dpaas")[0]),
        "".join(chunk.decode("latin-1") for chunk in api.get_archive(name, "/data")[0]),
        "".join(path.read_text() for path in (region.home / "instances").glob("*.json")),
    ]
    assert [text for text in seen for password in passwords if password in text] == []
    assert "users.acl" in seen[3] and "valkey" in seen[1]


def test_a_server_removed_by_hand_is_made_again_with_its_data(region: AddonRegion) -> None:
    shop = region.instance("redis", persistent=True)
    url = region.provision(shop)
    dyno = region.dyno(shop.key)
    put(region, dyno, url)
    containers.stop(region.engine, region.server(shop), 10)
    containers.remove(region.engine, region.server(shop), region.owner)
    assert "is missing: its container was removed" in region.reading(shop).problems[0]
    region.addons.repair(shop)
    assert region.redis(dyno, url, GET) == [b"$4", b"full"]


def test_a_persistent_one_keeps_its_data_over_a_kill(region: AddonRegion) -> None:
    shop = region.instance("redis", persistent=True)
    url = region.provision(shop)
    dyno = region.dyno(shop.key)
    put(region, dyno, url)
    admin(region, shop.key, ("WAITAOF", "1", "0", "5000"))
    api: Any = region.engine.api
    api.kill(region.server(shop))
    assert "is not running" in region.wait_problem(shop)[0]
    region.addons.repair(shop)
    assert region.redis(dyno, url, GET) == [b"$4", b"full"]


def test_a_plan_change_keeps_data_and_password_in_either_direction(region: AddonRegion) -> None:
    shop = region.instance("redis")
    url = region.provision(shop)
    dyno = region.dyno(shop.key)
    put(region, dyno, url)
    api: Any = region.engine.api
    started = api.inspect_container(region.server(shop))["State"]["StartedAt"]
    larger = replace(shop, plan={**shop.plan, "memory_mb": 50, "connection_limit": 40, "persistent": True})
    for plan in (larger, shop):
        outputs = region.addons.update(plan).outputs
        assert isinstance(outputs["url"], Sensitive) and outputs["url"].reveal() == url
        assert api.inspect_container(region.server(shop))["State"]["StartedAt"] == started
        assert region.redis(dyno, url, GET) == [b"$4", b"full"]
        assert region.reading(plan).plan == plan.plan
    # The next start reads what the last change wrote.
    containers.stop(region.engine, region.server(shop), 10)
    region.addons.start()
    region.wait_healthy(shop)
    assert region.redis(dyno, url, GET) == [b"$4", b"full"]


def test_a_changed_password_and_setting_are_mended(region: AddonRegion) -> None:
    shop = region.instance("redis")
    url = region.provision(shop)
    dyno = region.dyno(shop.key)
    admin(
        region,
        shop.key,
        ("ACL", "SETUSER", "default", "resetpass", ">another"),
        ("CONFIG", "SET", "maxmemory-policy", "allkeys-lru"),
    )
    assert region.redis(dyno, url, GET)[0].startswith(b"-NOAUTH")
    done = region.addons.repair(shop).done
    assert set(done) == {
        "mended: eviction policy is allkeys-lru, should be noeviction",
        "mended: the password was changed",
    }
    put(region, dyno, url)


def test_a_lost_volume_is_refused_by_provision_and_begun_anew_by_repair(region: AddonRegion) -> None:
    shop = region.instance("redis")
    url = region.provision(shop)
    dyno, name = region.dyno(shop.key), region.server(shop)
    put(region, dyno, url)
    containers.remove(region.engine, name, region.owner)
    containers.remove_volume(region.engine, name, region.owner)
    assert region.reading(shop).problems == (f"the volume of {name} is missing: its data is lost",)
    with pytest.raises(ProviderError, match="it is lost"):
        region.provision(shop)
    assert "it is lost, began anew and empty" in region.addons.repair(shop).done[0]
    assert region.redis(dyno, url, GET) == [b"$-1"]


def test_it_runs_unprivileged_within_its_memory(region: AddonRegion) -> None:
    shop = region.instance("redis")
    region.provision(shop)
    done = execute.run(region.engine, region.server(shop), ["grep", "-E", "Uid|CapEff", "/proc/1/status"])
    assert done.stdout.decode().split() == ["Uid:", *["65534"] * 4, "CapEff:", "0" * 16]
    api: Any = region.engine.api
    assert api.inspect_container(region.server(shop))["HostConfig"]["Memory"] == (25 + 96) * 2**20


def test_an_unknown_eviction_policy_is_refused_before_anything_is_made(region: AddonRegion) -> None:
    with pytest.raises(ProviderError, match="no eviction policy 'random'"):
        region.provision(region.instance("redis", eviction="random"))
    assert region.addons.read_all() == {}


def test_deprovisioning_leaves_nothing(region: AddonRegion) -> None:
    shop = region.instance("redis")
    region.provision(shop)
    region.addons.deprovision(shop)
    api: Any = region.engine.api
    mine = {"label": [f"dpaas.platform={region.owner.platform}", "dpaas.role=addon"]}
    assert api.containers(all=True, filters=mine) == [] and not api.volumes(filters=mine)["Volumes"]


def test_an_external_service_is_its_credential(region: AddonRegion) -> None:
    mail = replace(region.instance("external"), credential=Sensitive("https://key@mail.example.com"))
    assert region.provision(mail) == "https://key@mail.example.com"
    assert region.reading(mail).problems == ()
    region.addons.connect(mail.key, "no-network-needed")
    region.addons.deprovision(mail)
    assert region.addons.read_all() == {}
