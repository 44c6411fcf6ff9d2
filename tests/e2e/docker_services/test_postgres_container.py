"""PostgreSQL add-ons of a Docker region: a server in a container for each, on a real engine."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from services_region import AddonRegion

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.core.values import Sensitive
from declarative_paas.providers.docker.engine import containers, execute
from declarative_paas.providers.docker.engine.stack import find_stack
from declarative_paas.providers.docker.services.images import ServiceImages
from declarative_paas.providers.docker.services.psql import PsqlServer


def fill(region: AddonRegion, dyno: str, url: str) -> None:
    region.sql(dyno, url, "CREATE TABLE orders AS SELECT generate_series(1, 100) AS n")


def total(region: AddonRegion, dyno: str, url: str) -> str:
    return region.sql(dyno, url, "SELECT sum(n) FROM orders")


def test_an_app_reaches_its_own_database_by_its_url_and_healthy_servers_are_not_asked(region: AddonRegion) -> None:
    shop = region.instance("postgres")
    url = region.provision(shop)
    dyno = region.dyno(shop.key)
    fill(region, dyno, url)
    assert total(region, dyno, url) == "5050"
    region.wait_healthy(shop)
    reading = region.reading(shop)
    assert reading.problems == () and reading.plan == shop.plan
    assert reading.outputs["host"] == urlsplit(url).hostname


def test_a_shell_on_it_is_the_apps_own_role_and_ends_with_its_status(
    region: AddonRegion, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = region.instance("postgres")
    url = region.provision(shop)
    with open(os.devnull) as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        assert region.addons.psql(shop.key, ["-Atc", "SELECT current_user"]) == 0
        assert region.addons.psql(shop.key, ["-c", "SELECT nonsense"]) == 1
    told = capfd.readouterr()
    assert told.out.strip() == urlsplit(url).username and 'column "nonsense" does not exist' in told.err


def test_other_dynos_and_other_databases_do_not_reach_it(region: AddonRegion) -> None:
    shop, blog = region.instance("postgres"), region.instance("postgres")
    shop_url, blog_url = region.provision(shop), region.provision(blog)
    blog_dyno = region.dyno(blog.key)
    assert region.sql(blog_dyno, blog_url, "SELECT 1") == "1"
    assert "could not translate host name" in region.sql(blog_dyno, shop_url, "SELECT 1")
    # By its addresses on the servers' own network too, from the other server as from the other dyno.
    api: Any = region.engine.api
    attached = api.inspect_container(region.server(shop))["NetworkSettings"]["Networks"]
    address = attached[region.addons.place.network]["IPAddress"]
    probe = f"import socket;s=socket.socket();s.settimeout(2);print(s.connect_ex(('{address}',5432)))"
    for name in (blog_dyno, region.server(blog)):
        done = execute.run(region.engine, name, ["python3", "-c", probe], timeout_s=20)
        assert done.stdout.strip() not in (b"0", b"")
    own = execute.run(region.engine, region.server(shop), ["python3", "-c", probe], timeout_s=20)
    assert own.stdout.strip() == b"0"


def test_the_password_is_nowhere_to_be_read(region: AddonRegion) -> None:
    shop = region.instance("postgres")
    url = region.provision(shop)
    fill(region, region.dyno(shop.key), url)
    password = urlsplit(url).password
    assert password is not None
    api: Any = region.engine.api
    name = region.server(shop)
    seen = [
        json.dumps(api.inspect_container(name)),
        json.dumps(api.inspect_image(region.images.postgres.id)),
        json.dumps(api.volumes()),
        json.dumps(api.top(name)),
        api.logs(name).decode(),
        "".join(chunk.decode("latin-1") for chunk in api.get_archive(name, "/dpaas")[0]),
        "".join(path.read_text() for path in (region.home / "instances").glob("*.json")),
        "\n".join(region.told),
    ]
    assert [text for text in seen if password in text] == []
    assert name in seen[0] and "postgres" in seen[3] and "CREATE ROLE" not in seen[4]


def test_it_runs_unprivileged_without_a_way_between_networks(region: AddonRegion) -> None:
    shop = region.instance("postgres")
    region.provision(shop)
    read = "grep -E 'Uid|CapEff|NoNewPrivs' /proc/1/status; cat /proc/sys/net/ipv4/ip_forward"
    done = execute.run(region.engine, region.server(shop), ["sh", "-c", read])
    words = done.stdout.decode().split()
    assert words == ["Uid:", *["65534"] * 4, "CapEff:", "0" * 16, "NoNewPrivs:", "1", "0"]
    api: Any = region.engine.api
    assert not api.inspect_container(region.server(shop))["HostConfig"]["PortBindings"]


def test_an_interrupted_provision_is_adopted_with_the_same_password(region: AddonRegion) -> None:
    shop = region.instance("postgres")
    region.addons.place.ensure_network()
    record = region.addons._servers["postgres"]._new_record(shop)
    service = region.addons._servers["postgres"]._service
    # Killed between making the container and giving it its files.
    from declarative_paas.providers.docker.services import server_container

    server_container.create(region.engine, service.container(region.addons.place, record))
    (problem,) = region.reading(shop).problems
    assert "is not running" in problem
    url = region.provision(shop)
    assert region.keyring.open(record.sealed) == urlsplit(url).password
    assert region.provision(shop) == url
    assert region.sql(region.dyno(shop.key), url, "SELECT current_user") == record.details["database"]


def test_a_server_removed_by_hand_is_told_and_made_again_with_its_data_and_networks(region: AddonRegion) -> None:
    shop = region.instance("postgres")
    url = region.provision(shop)
    dyno = region.dyno(shop.key)
    fill(region, dyno, url)
    containers.remove(region.engine, region.server(shop), region.owner)
    assert region.reading(shop).problems == (f"server {region.server(shop)} is missing: its container was removed",)
    done = region.addons.repair(shop).done
    assert done == (f"started server {region.server(shop)}",)
    assert total(region, dyno, url) == "5050"
    region.wait_healthy(shop)
    assert region.reading(shop).problems == ()


def test_a_server_that_stopped_or_was_killed_keeps_its_data(region: AddonRegion) -> None:
    shop = region.instance("postgres")
    url = region.provision(shop)
    dyno = region.dyno(shop.key)
    fill(region, dyno, url)
    api: Any = region.engine.api
    api.kill(region.server(shop))
    (problem,) = region.wait_problem(shop)
    assert f"server {region.server(shop)} is not running: Exited (137)" in problem
    region.addons.repair(shop)
    assert total(region, dyno, url) == "5050"


def test_changes_made_inside_are_named_and_mended(region: AddonRegion) -> None:
    shop = region.instance("postgres")
    url = region.provision(shop)
    dyno, name = region.dyno(shop.key), urlsplit(url).username
    fill(region, dyno, url)
    region.wait_healthy(shop)
    with PsqlServer(region.engine, region.server(shop)).session() as session:
        session.run([f"ALTER ROLE {name} CONNECTION LIMIT 3 PASSWORD 'another'", f"ALTER ROLE {name} NOLOGIN"])
    assert set(region.wait_problem(shop)) == {
        f"role {name} may not log in",
        f"the password of role {name} was changed",
        "connection limit is 3, should be 20",
    }
    assert region.reading(shop).plan["connection_limit"] == 3
    region.addons.repair(shop)
    assert total(region, dyno, url) == "5050"
    region.wait_healthy(shop)
    assert region.reading(shop).problems == ()


def test_a_plan_change_keeps_data_password_and_connections(region: AddonRegion) -> None:
    shop = region.instance("postgres")
    url = region.provision(shop)
    dyno = region.dyno(shop.key)
    fill(region, dyno, url)
    api: Any = region.engine.api
    before = api.inspect_container(region.server(shop))
    larger = replace(shop, plan={**shop.plan, "connection_limit": 120, "memory_mb": 512})
    repaired = region.addons.update(larger)
    after = api.inspect_container(region.server(shop))
    assert isinstance(repaired.outputs["url"], Sensitive) and repaired.outputs["url"].reveal() == url
    assert after["State"]["StartedAt"] == before["State"]["StartedAt"]
    assert (before["HostConfig"]["Memory"], after["HostConfig"]["Memory"]) == (256 * 2**20, 512 * 2**20)
    assert region.sql(dyno, url, "SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user") == "120"
    region.wait_healthy(shop)
    assert region.reading(shop).problems == () and region.reading(shop).plan == larger.plan
    assert total(region, dyno, url) == "5050"


def test_a_lost_volume_is_refused_by_provision_and_begun_anew_by_repair(region: AddonRegion) -> None:
    shop = region.instance("postgres")
    url = region.provision(shop)
    fill(region, region.dyno(shop.key), url)
    name = region.server(shop)
    containers.remove(region.engine, name, region.owner)
    containers.remove_volume(region.engine, name, region.owner)
    assert region.reading(shop).problems == (f"the volume of {name} is missing: its data is lost",)
    with pytest.raises(ProviderError, match="it is lost"):
        region.provision(shop)
    done = region.addons.repair(shop).done
    assert done[0] == f"the data of {name} was missing: it is lost, began anew and empty"
    assert region.addons.tables(shop.key) == 0


def test_a_volume_that_was_emptied_does_not_silently_become_an_empty_database(region: AddonRegion) -> None:
    shop = region.instance("postgres")
    region.provision(shop)
    name = region.server(shop)
    execute.run(region.engine, name, ["sh", "-c", "rm -rf /data/server"], user=containers.NOBODY)
    api: Any = region.engine.api
    api.kill(name)
    containers.start(region.engine, name)
    (problem,) = region.wait_problem(shop)
    assert name in problem
    assert "nobody said that an empty server may begin" in "\n".join(containers.last_lines(region.engine, name))
    with pytest.raises(ProviderError, match="it is lost"):
        region.provision(shop)


def test_a_server_on_another_volume_is_told_and_put_on_its_own(region: AddonRegion) -> None:
    shop = region.instance("postgres")
    url = region.provision(shop)
    dyno = region.dyno(shop.key)
    fill(region, dyno, url)
    name = region.server(shop)
    api: Any = region.engine.api
    config = api.inspect_container(name)
    containers.remove(region.engine, name, region.owner)
    api.create_volume(f"{name}-other", labels=config["Config"]["Labels"])
    host = {**config["HostConfig"], "Mounts": [{"Type": "volume", "Source": f"{name}-other", "Target": "/data"}]}
    api.create_container_from_config({**config["Config"], "HostConfig": host}, name)
    assert region.reading(shop).problems == (f"server {name} uses another volume than its own",)
    done = region.addons.repair(shop).done
    assert done[0] == f"server {name} used the volume {name}-other, not its own"
    assert total(region, dyno, url) == "5050"


def test_a_name_that_somebody_else_has_is_left_alone(region: AddonRegion) -> None:
    shop = region.instance("postgres")
    name = region.server(shop)
    api: Any = region.engine.api
    api.create_volume(name)
    try:
        with pytest.raises(ProviderError, match="nobody of this tool") as told:
            region.provision(shop)
        assert told.value.kind is ErrorKind.CONFLICT
        with pytest.raises(ProviderError, match="nobody of this tool"):
            region.addons.deprovision(shop)
        assert api.inspect_volume(name)["Name"] == name
    finally:
        containers.remove(region.engine, name, region.owner)
        api.remove_volume(name)


def test_a_lost_network_is_told_and_mended(region: AddonRegion) -> None:
    shop = region.instance("postgres")
    url = region.provision(shop)
    dyno = region.dyno(shop.key)
    region.addons.disconnect(shop.key, dyno)
    region.addons.disconnect(shop.key, dyno)
    assert f"server {region.server(shop)} is not on the network {dyno}" in region.wait_problem(shop)
    region.addons.repair(shop)
    assert region.sql(dyno, url, "SELECT 1") == "1"


def test_another_major_version_is_refused(region: AddonRegion) -> None:
    shop = region.instance("postgres", version="12")
    with pytest.raises(ProviderError, match="PostgreSQL 12 was asked for") as told:
        region.provision(shop)
    assert told.value.kind is ErrorKind.INVALID
    assert region.addons.read_all() == {}


def test_an_image_of_the_users_own_is_used_and_kept(region: AddonRegion) -> None:
    api: Any = region.engine.api
    own = f"own/{region.owner.platform}:1"
    api.tag(region.images.postgres.id, f"own/{region.owner.platform}", "1")
    try:
        region.images = ServiceImages(region.engine, lambda: find_stack(region.engine), postgres_image=own)
        shop = region.instance("postgres", version="18")
        region.provision(shop)
        record = region.records.read(shop.key)
        assert record is not None and (record.details["reference"], record.details["version"]) == (own, "")
        region.images = ServiceImages(
            region.engine, lambda: find_stack(region.engine), postgres_image="nowhere.invalid/none:1"
        )
        region.addons.repair(shop)
        with pytest.raises(ProviderError, match=r"nowhere\.invalid/none:1 is not on .* and cannot be pulled"):
            region.provision(region.instance("postgres"))
    finally:
        containers.remove(region.engine, region.server(shop), region.owner)
        api.remove_image(own)


def test_a_record_that_was_lost_is_told_and_gets_another_password(region: AddonRegion) -> None:
    shop = region.instance("postgres")
    url = region.provision(shop)
    dyno = region.dyno(shop.key)
    fill(region, dyno, url)
    region.records.remove(shop.key)
    assert region.reading(shop).problems == (f"the record of {region.server(shop)} is missing: its password is lost",)
    repaired = region.addons.repair(shop)
    other = repaired.outputs["url"]
    assert isinstance(other, Sensitive) and other.reveal() != url
    assert total(region, dyno, other.reveal()) == "5050"


def test_deprovisioning_leaves_nothing_and_reading_takes_two_calls(region: AddonRegion) -> None:
    shop, blog = region.instance("postgres"), region.instance("postgres")
    region.provision(shop)
    region.provision(blog)
    region.wait_healthy(shop)
    region.wait_healthy(blog)
    calls: list[str] = []
    api: Any = region.engine.api
    request = api.request
    api.request = lambda method, url, *words, **named: (
        calls.append(f"{method} {url}") or request(method, url, *words, **named)
    )
    readings = region.addons.read_all()
    api.request = request
    assert len(calls) == 2 and {reading.problems for reading in readings.values()} == {()}
    for instance in (shop, blog):
        region.addons.deprovision(instance)
        region.addons.deprovision(instance)
    region.addons.remove_network()
    region.addons.remove_network()
    mine = {"label": [f"dpaas.platform={region.owner.platform}"]}
    assert api.containers(all=True, filters=mine) == [] and not api.volumes(filters=mine)["Volumes"]
    assert api.networks(filters=mine) == [] and region.addons.read_all() == {}


def test_stopped_servers_start_again_with_their_data(region: AddonRegion) -> None:
    shop = region.instance("postgres")
    url = region.provision(shop)
    dyno = region.dyno(shop.key)
    fill(region, dyno, url)
    region.addons.stop()
    assert "is not running" in region.reading(shop).problems[0]
    region.addons.start()
    region.wait_healthy(shop)
    assert total(region, dyno, url) == "5050"
