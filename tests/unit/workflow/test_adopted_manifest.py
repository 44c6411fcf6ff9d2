"""The manifest of what was found asks for exactly that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.provider import Discovered
from declarative_paas.core.values import SecretRef
from declarative_paas.workflow.adopted_manifest import manifest_of
from declarative_paas.workflow.discovery import Finding
from declarative_paas.workflow.stored_secrets import maker_of

SCOPE = Scope("acme")
PLATFORM = Path("/work/platform")


def thing(address: str, outputs: dict[str, Any] | None = None, **attributes: Any) -> Finding:
    found = Discovered(
        scope=SCOPE,
        address=ResourceAddress.parse(address),
        instance="i1",
        remote_id="r",
        attributes=attributes,
        outputs=outputs or {},
    )
    return Finding(region="us", thing=found)


def spec_of(*findings: Finding, file: Path = PLATFORM / "imported.yaml") -> dict[str, Any]:
    text, diagnostics = manifest_of(["shop"], findings, platform=PLATFORM, file=file)
    assert diagnostics == []
    found: dict[str, Any] = yaml.safe_load(text)
    assert found["metadata"] == {"name": "shop"}
    return found["spec"]


APP = thing("app.shop", name="shop", maintenance=False)
SLUG = thing("slug.shop", source="d1", path="apps/shop", build=None)


def test_what_is_at_its_default_stays_out() -> None:
    release = thing("release.shop", command=None, rollback_to=None, slug="s1")
    assert spec_of(APP, SLUG, release, thing("config.shop", vars={})) == {
        "region": "us",
        "source": {"path": "./apps/shop"},
    }


def test_a_source_is_named_from_where_the_manifest_will_be() -> None:
    assert spec_of(APP, SLUG, file=PLATFORM / "apps" / "imported.yaml")["source"] == {"path": "./shop"}
    assert spec_of(APP, SLUG, file=PLATFORM / "more" / "imported.yaml")["source"] == {"path": "../apps/shop"}


def test_an_app_without_a_slug_runs_an_image() -> None:
    assert spec_of(APP, thing("release.shop", image="nginx@sha256:1"))["source"] == {"image": "nginx@sha256:1"}


def test_an_app_that_was_never_finished_is_told_and_the_others_are_written() -> None:
    text, (problem,) = manifest_of(["blog", "shop"], [thing("app.blog"), APP, SLUG], platform=PLATFORM, file=PLATFORM)
    assert problem.is_error
    assert "blog was never finished" in problem.summary
    assert yaml.safe_load(text)["metadata"] == {"name": "shop"}


def test_secrets_are_named_generated_or_another_apps_and_never_valued() -> None:
    refs = {
        "TOKEN": SecretRef("shop/token", 3, "d"),
        "OWN": SecretRef("@acme/default/main/secret.shop/OWN.value", 1, "d"),
        "UNTOLD": SecretRef("@acme/default/main/secret.shop/UNTOLD.value", 1, "d"),
        "THEIRS": SecretRef("@acme/default/main/secret.blog/KEY.value", 1, "d"),
    }
    spec = spec_of(APP, SLUG, thing("config.shop", vars=refs), thing("secret.shop/OWN", length=40))
    assert spec["config"] == {
        "TOKEN": {"secret": "shop/token"},
        "OWN": {"generate": 40},
        "UNTOLD": {"generate": 32},
        "THEIRS": {"app": "blog", "config": "KEY"},
    }


def test_add_ons_are_owned_attached_or_outside() -> None:
    credentials = SecretRef("shop/logs", 1, "d")
    spec = spec_of(
        APP,
        SLUG,
        thing("addon.shop/DATABASE", {"id": "a1"}, service="postgres", plan="standard-0", version="18", protect=False),
        thing("attachment.shop/DATABASE", addon="a1"),
        thing("addon.shop/LOGS", {"id": "a2"}, service="papertrail", plan="choklad", credentials=credentials),
        thing("attachment.shop/LOGS", addon="a2"),
        thing("attachment.shop/SHARED", addon="a3"),
        thing("addon.blog/STORE", {"id": "a3"}, service="redis", plan="premium-0"),
    )
    assert spec["addons"] == [
        {"plan": "postgres:standard-0", "as": "DATABASE", "version": "18", "protect": False},
        {"plan": "papertrail:choklad", "as": "LOGS", "credentials": {"secret": "shop/logs"}},
        {"attach": "blog/STORE", "as": "SHARED"},
    ]


def test_texts_stay_what_they_are_whatever_yaml_or_a_variable_would_make_of_them() -> None:
    texts = {"A": "yes", "B": "1.10", "C": "${var.NAME}", "D": "a: b # c", "E": "two\nlines", "F": ""}
    assert spec_of(APP, SLUG, thing("config.shop", vars=texts))["config"] == {**texts, "C": "$${var.NAME}"}


@pytest.mark.parametrize(
    ("name", "maker"),
    [
        ("@acme/default/main/addon.shop/DATABASE.url", ("addon.shop/DATABASE", "url")),
        ("@acme/eu-1/main/secret.shop/KEY_2.value", ("secret.shop/KEY_2", "value")),
        ("shop/token", None),
        ("shop.addon/DATABASE.url", None),
        ("@acme/addon.shop/DATABASE.url", None),
    ],
)
def test_a_stored_name_tells_whose_output_it_is(name: str, maker: tuple[str, str] | None) -> None:
    found = maker_of(name)
    assert (None if found is None else (str(found[0]), found[1])) == maker


def test_a_scope_is_parsed_as_it_is_printed_or_shorter() -> None:
    assert Scope.parse("acme") == Scope("acme")
    assert Scope.parse("acme/eu") == Scope("acme", "eu")
    assert Scope.parse(str(Scope("acme", "eu", "two"))) == Scope("acme", "eu", "two")
    for text in ("", "acme/", "/eu", "a/b/c/d"):
        with pytest.raises(ValueError, match="not a scope"):
            Scope.parse(text)
