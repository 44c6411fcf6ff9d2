"""What has a server's container made again and what does not, and what an engine is told of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.addons.records import InstanceRecord
from declarative_paas.providers.docker.engine.containers import Entry
from declarative_paas.providers.docker.engine.labels import Labels
from declarative_paas.providers.docker.services.images import ServerImage
from declarative_paas.providers.docker.services.postgres import PostgresService, _files
from declarative_paas.providers.docker.services.server_container import Healthcheck, ServerContainer, _config
from declarative_paas.providers.docker.services.valkey import ValkeyService

SERVER = ServerContainer(
    name="dpaas-12345678-addon-shop",
    image="sha256:1",
    command=("sh", "/dpaas/serve"),
    labels=Labels(platform="acme", region="us", role="addon"),
    volume="dpaas-12345678-addon-shop",
    mount="/data",
    network="dpaas-12345678-addons",
    memory_mb=256,
    healthcheck=Healthcheck(command=("true",), interval_s=15.0),
)
IMAGE = ServerImage(id="sha256:1", reference="dpaas/postgres:1", version="18.6")


def test_a_newer_image_other_files_and_more_memory_are_no_reason_to_make_it_again() -> None:
    newer = replace(SERVER, image="sha256:2", files=(Entry(path="/dpaas/serve", content=b"x"),), memory_mb=512)
    assert newer.spec == SERVER.spec
    for change in ({"network": "host"}, {"volume": "other"}, {"command": ("sh",)}, {"variant": "haproxy:2.8"}):
        assert replace(SERVER, **change).spec != SERVER.spec  # type: ignore[arg-type]


def test_an_engine_is_told_of_no_privileges() -> None:
    config = _config(SERVER)
    host = config["HostConfig"]
    assert config["User"] == "65534:65534" and host["CapDrop"] == ["ALL"] and host["CapAdd"] == []
    assert host["SecurityOpt"] == ["no-new-privileges"] and "PortBindings" not in host
    assert host["Memory"] == host["MemorySwap"] == 256 * 2**20
    assert config["Healthcheck"] == {"Test": ["CMD", "true"], "Interval": 15 * 10**9, "Timeout": 10**10, "Retries": 1}


def record(verifier: str) -> InstanceRecord:
    return InstanceRecord(
        key="shop-database-1",
        service="postgres",
        app="shop",
        alias="DATABASE",
        plan={"connection_limit": 20},
        sealed="",
        details={"database": "shop_database_1", "verifier": verifier},
    )


def test_what_the_health_check_compares_with_is_the_servers_alone_to_read() -> None:
    files = {entry.path: entry for entry in _files(record("SCRAM-SHA-256$4096:salt$a:b"))}
    holding = [path for path, entry in files.items() if b"SCRAM-SHA-256$4096" in (entry.content or b"")]
    assert holding == ["/dpaas/check.sql"]
    assert (files["/dpaas/check.sql"].mode, files["/dpaas/check.sql"].uid) == (0o600, 65534)
    assert b"dpaas nobody dpaas_admin\ndpaas nobody shop_database_1\n" in (files["/dpaas/pg_ident.conf"].content or b"")


@pytest.mark.parametrize("service", [PostgresService(), ValkeyService()])
def test_another_major_version_than_the_images_is_refused(service: PostgresService | ValkeyService) -> None:
    service.check_plan({"version": "18"}, IMAGE)
    service.check_plan({"version": "12"}, None)
    service.check_plan({"version": "12"}, replace(IMAGE, version=""))
    with pytest.raises(ProviderError, match="12") as told:
        service.check_plan({"version": "12"}, IMAGE)
    assert told.value.kind is ErrorKind.INVALID
