from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.resource import Resource
from declarative_paas.core.values import Reference
from declarative_paas.providers.docker.settings import DEFAULTS, FLAGS, OPTIONS, TEXT_OPTIONS, DockerSettings
from declarative_paas.providers.docker.validate import validate
from declarative_paas.providers.hosting.timeouts import TIMEOUTS

DOCS = Path(__file__).parents[3] / "docs" / "docker.md"
FORMATION = Resource(address=ResourceAddress("formation", "shop"), region="us", attributes={"processes": {}})


def settings(base: Path = Path("/nowhere"), **given: Any) -> DockerSettings:
    return DockerSettings(region="us", base_directory=base, scope=Scope("acme"), **given)


def codes(found: DockerSettings, *resources: Resource) -> list[str]:
    return [diagnostic.code for diagnostic in validate(found, resources)]


def test_a_region_without_any_setting_has_nothing_wrong():
    assert codes(settings(), FORMATION) == []


def test_every_option_is_a_timeout_a_text_or_a_flag_and_no_two_of_them():
    assert sorted(OPTIONS) == sorted([*TIMEOUTS, *TEXT_OPTIONS, *FLAGS])


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"host": "docker.example.com"}, "bad-host"),
        ({"host": "unix:///run/docker.sock", "options": {"context": "eu1"}}, "two-engines"),
        ({"options": {"tls_cert": "cert.pem"}}, "half-a-certificate"),
        ({"options": {"tls_ca": "ca.pem"}}, "missing-file"),
        ({"options": {"pool": "10.210.0.0"}}, "bad-option"),
        ({"options": {"pool": "8.8.0.0/16"}}, "bad-option"),
        ({"options": {"pool": "10.0.0.0/30"}}, "bad-option"),
        ({"options": {"app_ports": "9000"}}, "bad-option"),
        ({"options": {"app_ports": "9010-9000"}}, "bad-option"),
        ({"port": 20050}, "port-clash"),
        ({"options": {"link_address": "eu1"}}, "bad-option"),
        ({"options": {"link_address": "eu1:0"}}, "bad-option"),
        ({"options": {"link_address": "eu1:80"}}, "port-clash"),
        ({"options": {"link_address": "eu1:20050"}}, "port-clash"),
        ({"options": {"guard": "yes"}}, "bad-option"),
        ({"options": {"stop_timeout_s": 0}}, "bad-option"),
        ({"options": {"domain": 7}}, "bad-option"),
        ({"user": "deploy"}, "user-unsupported"),
    ],
)
def test_a_setting_that_cannot_work_is_told_at_plan_time(given: dict[str, Any], code: str):
    assert code in codes(settings(**given))


def test_the_table_of_options_in_the_docs_is_the_code_s():
    rows = re.findall(r"^\| `(\w+)` \| ([^|]*) \| ([^|]*) \|$", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    told = {name: default.strip() for name, default, _ in rows if name in OPTIONS}
    written = {**{name: f"{seconds:g}" for name, seconds in TIMEOUTS.items()}, **DEFAULTS, "guard": "true"}
    assert told == {name: written.get(name, "") for name in OPTIONS}


def test_an_unknown_option_is_told_with_the_one_that_is_meant():
    found = validate(settings(options={"pol": "10.0.0.0/16"}), [])
    assert [(item.code, item.suggestion) for item in found] == [("unknown-option", "pool")]


def test_without_a_guard_what_stays_open_is_noted_where_dynos_are():
    assert codes(settings(options={"guard": False}), FORMATION) == ["no-guard"]
    assert codes(settings(options={"guard": False})) == []


def test_tls_files_are_looked_for_beside_the_manifest(tmp_path: Path):
    for name in ("ca", "cert", "key"):
        (tmp_path / f"{name}.pem").touch()
    options = {"tls_ca": "ca.pem", "tls_cert": "cert.pem", "tls_key": "key.pem"}
    found = settings(tmp_path, host="tcp://eu1:2376", options=options)
    assert codes(found) == []
    tls = found.engine.tls
    assert tls is not None
    assert tls.ca == tmp_path / "ca.pem"


def test_an_app_with_more_servers_than_its_dynos_networks_have_room_for_is_refused():
    def wanted(count: int, service: str = "redis") -> list[Resource]:
        addresses = [ResourceAddress("addon", "shop", f"D{number}") for number in range(count)]
        addons = [Resource(address=address, region="us", attributes={"service": service}) for address in addresses]
        attachments = [
            Resource(
                address=ResourceAddress("attachment", "shop", address.name),
                region="us",
                attributes={"addon": Reference(address, "id"), "vars": {}},
            )
            for address in addresses
        ]
        return [*(replace(addon, attributes={"service": service, "version": "9"}) for addon in addons), *attachments]

    assert codes(settings(), *wanted(4)) == []
    assert codes(settings(), *wanted(5)) == ["too-many-addons"]
    assert codes(settings(), *wanted(5, "external")) == []


@pytest.mark.parametrize("service", ["postgres", "redis"])
def test_another_version_of_a_server_needs_an_image_of_the_user_s_own(service: str):
    addon = Resource(
        address=ResourceAddress("addon", "shop", "DATA"),
        region="us",
        attributes={"service": service, "plan": "standard-0", "version": "7"},
    )
    assert codes(settings(), addon) == ["engine-version-unavailable"]
    assert codes(settings(options={f"{service}_image": "mine:7"}), addon) == []


@pytest.mark.parametrize(
    ("given", "url", "address"),
    [
        ({}, "unix:///var/run/docker.sock", "127.0.0.1"),
        ({}, "tcp://10.1.2.3:2376", "10.1.2.3"),
        ({}, "ssh://deploy@eu1.example.com", "eu1.example.com"),
        ({"options": {"address": "shop.example.com"}}, "tcp://10.1.2.3:2376", "shop.example.com"),
    ],
)
def test_the_router_is_reached_where_the_engine_is_or_where_the_manifest_says(
    given: dict[str, Any], url: str, address: str
):
    assert settings(**given).reached_at(url) == address
