"""No credential of a source's add-on reaches a fork, in whatever form it was planted; a declared share does."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest
from fork_case import FORK, SHOP, ForkCase, codes

PLANTED: dict[str, Callable[[str], str]] = {
    "direct": lambda url: url,
    "part of another URL": lambda url: f"jdbc:{url}?sslmode=require",
    "URL-encoded": lambda url: quote(url, safe=""),
    "inside JSON": lambda url: json.dumps({"dsn": [url]}),
    "the password alone": lambda url: url.split(":")[2].split("@")[0],
}


@pytest.fixture
def case(tmp_path: Path) -> Iterator[ForkCase]:
    found = ForkCase(tmp_path)
    found.must_apply()
    try:
        yield found
    finally:
        found.close()


def refused(case: ForkCase, key: str, *words: str) -> None:
    planned = case.plan()
    assert codes(list(planned.diagnostics)) == ["fork-credential"]
    (told,) = [one for one in planned.diagnostics if one.code == "fork-credential"]
    assert key in told.summary
    assert all(word in told.summary for word in words), told.summary
    everything = f"{told} {case.directory}"
    assert case.url("addon.shop/DATABASE").split(":")[2].split("@")[0] not in everything


@pytest.mark.parametrize("form", PLANTED)
def test_a_credential_in_plain_config_is_refused_by_its_key(case: ForkCase, form: str) -> None:
    case.apps["shop"] = {**SHOP, "config": {"DSN": PLANTED[form](case.url("addon.shop/DATABASE"))}}
    case.apps["shop-eu"] = FORK
    refused(case, "DSN")


@pytest.mark.parametrize("form", PLANTED)
def test_a_credential_in_a_secret_is_refused_and_the_secret_is_named(case: ForkCase, form: str) -> None:
    case.secret("shop/dsn", PLANTED[form](case.url("addon.shop/REDIS")))
    case.apps["shop"] = {**SHOP, "config": {"DSN": {"secret": "shop/dsn"}}}
    case.apps["shop-eu"] = FORK
    refused(case, "DSN", "secret shop/dsn", "shop's add-on REDIS")


@pytest.mark.parametrize("form", PLANTED)
def test_a_credential_at_the_end_of_a_chain_of_apps_is_refused(case: ForkCase, form: str) -> None:
    case.secret("vault/dsn", PLANTED[form](case.url("addon.shop/DATABASE")))
    api = {"region": "us", "source": {"path": "./src"}, "formation": SHOP["formation"]}
    case.apps["far"] = {**api, "config": {"DSN": {"secret": "vault/dsn"}}}
    case.apps["near"] = {**api, "config": {"DSN": {"app": "far", "config": "DSN"}}}
    case.apps["shop"] = {**SHOP, "config": {"THEIRS": {"app": "near", "config": "DSN"}}}
    case.apps["shop-eu"] = FORK
    refused(case, "THEIRS", "shop's add-on DATABASE")


def test_the_credential_of_an_external_service_is_refused_before_it_was_ever_applied(case: ForkCase) -> None:
    case.secret("logs", "https://0123456789abcdef@logs.example.com/1")
    addon = {"plan": "newrelic:standard", "as": "LOGS", "credentials": {"secret": "logs"}}
    case.apps["shop"] = {**SHOP, "addons": [*SHOP["addons"], addon], "config": {"TOKEN": "0123456789abcdef"}}
    case.secret("logs-eu", "https://fedcba9876543210@logs.example.com/2")
    case.apps["shop-eu"] = {
        **FORK,
        "addons": {"LOGS": {"credentials": {"secret": "logs-eu"}}},
    }
    assert codes(list(case.plan().diagnostics)) == ["fork-credential"]
    case.apps["shop-eu"] = {**FORK, "data": {**FORK["data"], "LOGS": "share"}}
    assert codes(list(case.plan().diagnostics)) == []


def test_a_declared_share_may_be_used(case: ForkCase) -> None:
    case.secret("shop/dsn", case.url("addon.shop/DATABASE"))
    case.apps["shop"] = {**SHOP, "config": {"DSN": {"secret": "shop/dsn"}}}
    case.apps["shop-eu"] = {**FORK, "data": {"DATABASE": "share", "REDIS": "empty"}}
    assert codes(list(case.plan().diagnostics)) == []


def test_a_fork_of_a_fork_is_kept_from_the_first_source_too(case: ForkCase) -> None:
    case.secret("shop/dsn", case.url("addon.shop/DATABASE"))
    case.apps["shop"] = {**SHOP, "config": {"DSN": {"secret": "shop/dsn"}}}
    case.apps["shop-eu"] = {**FORK, "data": {"DATABASE": "share", "REDIS": "empty"}}
    case.apps["again"] = {"from": "shop-eu", "region": "eu", "addons": {"DATABASE": None}, "data": {"REDIS": "empty"}}
    refused(case, "of again", "add-on DATABASE")


def test_a_secret_that_both_use_by_name_is_fine_and_listed(case: ForkCase) -> None:
    case.secret("shop/stripe", "sk_word_of_a_payment_service")
    case.apps["shop"] = {**SHOP, "config": {"STRIPE": {"secret": "shop/stripe"}, "KEY": {"generate": 32}}}
    case.apps["shop-eu"] = FORK
    planned = case.plan()
    assert codes(list(planned.diagnostics)) == []
    assert planned.plan is not None
    assert planned.plan.forks[0].common == ("shop/KEY (generated)", "shop/stripe")


def test_a_fork_s_own_value_in_its_place_is_fine(case: ForkCase) -> None:
    case.secret("shop/dsn", case.url("addon.shop/DATABASE"))
    case.apps["shop"] = {**SHOP, "config": {"DSN": {"secret": "shop/dsn"}}}
    case.apps["shop-eu"] = {**FORK, "config": {"DSN": None}}
    assert codes(list(case.plan().diagnostics)) == []


def test_what_a_plan_could_not_see_is_refused_before_the_fork_s_release(case: ForkCase) -> None:
    """The secret gets its value between the plan and the apply."""
    case.secret("shop/dsn", "nothing yet")
    case.apps["shop"] = {**SHOP, "config": {"DSN": {"secret": "shop/dsn"}}}
    case.must_apply()
    case.apps["shop-eu"] = FORK
    planned = case.plan()
    assert planned.ok
    case.secret("shop/dsn", case.url("addon.shop/DATABASE"))
    assert planned.plan is not None
    ref = case.world.secrets.current("shop/dsn")
    changes = tuple(
        replace(change, after={**(change.after or {}), "vars": {"DSN": ref}})
        if str(change.address) == "config.shop-eu"
        else change
        for change in planned.plan.changes
    )
    result = case.apply(replace(planned, plan=replace(planned.plan, changes=changes)))
    (failure,) = result.failures
    assert str(failure.step.address) == "release.shop-eu"
    assert failure.error.code == "fork-credential"
    assert "DSN" in failure.error.summary
    assert case.url("addon.shop/DATABASE") not in f"{failure.error.summary} {failure.error.detail}"
    things = case.memory("eu").read(case.scope("eu"))
    assert not any(name.startswith(("release.", "formation.")) for name in things)
