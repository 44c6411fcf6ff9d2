from __future__ import annotations

from pathlib import Path

import pytest

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.resource import Resource
from declarative_paas.providers.local.settings import OPTION_DEFAULTS, LocalSettings
from declarative_paas.providers.local.validate import validate


def settings(**options) -> LocalSettings:
    return LocalSettings(region="us", home=Path("h"), base_directory=Path("b"), scope=Scope("acme"), options=options)


def resource(address: str, **attributes) -> Resource:
    return Resource(address=ResourceAddress.parse(address), region="us", attributes=attributes)


def codes(*resources: Resource, **options) -> list[str]:
    return [item.code for item in validate(settings(**options), resources)]


def test_what_is_missing_of_isolation_is_said_once_where_dynos_run():
    assert codes(resource("formation.one"), resource("formation.two")) == ["no-isolation"]
    assert codes(resource("app.one")) == []


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (resource("release.shop", image="busybox"), "images-unsupported"),
        (resource("addon.shop/DB", service="postgres", version="14"), "engine-version-unavailable"),
        (resource("app.shop", stack="heroku-24"), "stack-unsupported"),
    ],
)
def test_what_local_cannot_do_is_an_error_at_plan_time(found, code):
    assert codes(found) == [code]


def test_what_local_can_do_is_no_error():
    assert codes(resource("addon.shop/DB", service="postgres", version="18"), resource("release.shop", slug="s")) == []


def test_an_unknown_option_names_the_nearest_and_a_bad_value_what_is_expected():
    unknown, bad = validate(settings(boot_timeot_s=3, drain_timeout_s=-1), [])
    assert (unknown.code, unknown.suggestion) == ("unknown-option", "boot_timeout_s")
    assert bad.code == "bad-option"


def test_every_option_has_a_default_in_seconds():
    for name in OPTION_DEFAULTS:
        assert settings().seconds(name) > 0
    assert settings(boot_timeout_s=3).seconds("boot_timeout_s") == 3.0


@pytest.mark.parametrize("address", ["", "host", "host:x", "host:70000", 7443])
def test_a_link_address_that_is_none_is_told_with_what_is_wanted(address):
    (found,) = validate(settings(link_address=address), [])
    assert found.code == "bad-option"
    assert found.expected.startswith("HOST:PORT")


def test_a_link_address_has_a_port_of_its_own():
    assert codes(link_address="db.example.com:7443") == []
    clashing = LocalSettings(
        region="us",
        home=Path("h"),
        base_directory=Path("b"),
        scope=Scope("acme"),
        port=7443,
        options={"link_address": "db.example.com:7443"},
    )
    assert [item.code for item in validate(clashing, [])] == ["port-clash"]
