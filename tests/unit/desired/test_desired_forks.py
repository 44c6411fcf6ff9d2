"""What a fork adds to the desired resources, and what it may not leave unsaid."""

from __future__ import annotations

from pathlib import Path

import pytest
from desired_case import app, desire

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.diagnostic import Diagnostic
from declarative_paas.core.values import Reference, SecretRef

SHOP = app(
    "shop",
    "config: {KEY: {generate: 32}, LOG: info}",
    'addons: [{plan: "postgres:standard-0", as: DATABASE}, {plan: "redis:premium-0", as: REDIS}]',
    "formation: {web: {command: serve}}",
)
ALL = "data: {DATABASE: copy, REDIS: empty}"


def fork(*lines: str, name: str = "shop-eu", region: str = "eu") -> str:
    body = "".join(f"  {line}\n" for line in lines)
    return f"kind: Fork\nmetadata: {{name: {name}}}\nspec:\n  from: shop\n  region: {region}\n{body}"


def told(diagnostics: list[Diagnostic]) -> list[str]:
    return sorted(one.code for one in diagnostics if one.is_error)


def test_a_copy_comes_between_the_addons_and_the_forks_release(tmp_path: Path) -> None:
    found, diagnostics = desire(tmp_path, SHOP, fork(ALL))
    assert told(diagnostics) == []
    copy = found[ResourceAddress("data_copy", "shop-eu", "DATABASE")]
    assert ResourceAddress("data_copy", "shop-eu", "REDIS") not in found
    assert set(copy.dependencies()) == {
        ResourceAddress("addon", "shop", "DATABASE"),
        ResourceAddress("addon", "shop-eu", "DATABASE"),
        ResourceAddress("release", "shop"),
    }
    assert copy.address in found[ResourceAddress("release", "shop-eu")].dependencies()
    assert found[ResourceAddress("addon", "shop-eu", "DATABASE")].region == "eu"


def test_a_shared_addon_makes_an_attachment_and_no_addon(tmp_path: Path) -> None:
    found, diagnostics = desire(tmp_path, SHOP, fork("data: {DATABASE: share, REDIS: empty}"))
    assert told(diagnostics) == []
    assert ResourceAddress("addon", "shop-eu", "DATABASE") not in found
    attachment = found[ResourceAddress("attachment", "shop-eu", "DATABASE")]
    assert attachment.attributes["addon"] == Reference(ResourceAddress("addon", "shop", "DATABASE"), "id")


def test_no_config_of_a_fork_refers_to_an_addon_of_its_source(tmp_path: Path) -> None:
    found, _ = desire(tmp_path, SHOP, fork(ALL))
    theirs = {address for address in found if address.app == "shop" and address.type == "addon"}
    for resource in found.values():
        if resource.address.app == "shop-eu" and resource.address.type != "data_copy":
            assert not theirs & set(resource.dependencies())


def test_a_generated_secret_is_shared_and_not_made_again(tmp_path: Path) -> None:
    found, _ = desire(tmp_path, SHOP, fork(ALL))
    assert ResourceAddress("secret", "shop-eu", "KEY") not in found
    assert found[ResourceAddress("config", "shop-eu")].attributes["vars"]["KEY"] == Reference(
        ResourceAddress("secret", "shop", "KEY"), "value"
    )


@pytest.mark.parametrize("mode", ["copy", "empty", "share"])
def test_what_becomes_of_each_addons_data_must_be_said(tmp_path: Path, mode: str) -> None:
    _, diagnostics = desire(tmp_path, SHOP, fork(f"data: {{DATABASE: {mode}}}"))
    assert told(diagnostics) == ["fork-data-unsaid"]
    assert "REDIS" in diagnostics[0].summary


def test_a_plan_that_the_region_does_not_offer_names_those_that_it_does(tmp_path: Path) -> None:
    secrets = {"logs": SecretRef(name="logs", version=1, digest="d")}
    shop = app("shop", 'addons: [{plan: "papertrail:fixa", as: LOGS, credentials: {secret: logs}}]')
    _, diagnostics = desire(tmp_path, shop, fork("data: {LOGS: share}"), secrets=secrets)
    (found,) = [one for one in diagnostics if one.is_error]
    assert found.code == "plan-not-offered"
    assert found.suggestion


def test_the_sources_residency_binds_its_data_even_when_the_fork_says_another(tmp_path: Path) -> None:
    shop = SHOP + "  residency: US\n"
    _, diagnostics = desire(tmp_path, shop, fork(ALL, "residency: EU"))
    (found,) = [one for one in diagnostics if one.is_error]
    assert found.code == "residency"
    assert "addon.shop/DATABASE (us, US)" in found.summary
    assert "shop-eu (eu, EU)" in found.summary


def test_a_fork_without_data_may_leave_the_jurisdiction_when_it_says_so(tmp_path: Path) -> None:
    shop = SHOP + "  residency: US\n"
    _, diagnostics = desire(tmp_path, shop, fork("data: {DATABASE: empty, REDIS: empty}", "residency: EU"))
    assert told(diagnostics) == []
    _, diagnostics = desire(tmp_path, shop, fork("data: {DATABASE: empty, REDIS: empty}"))
    assert told(diagnostics) == ["residency"]


def test_a_password_in_plain_config_does_not_come_along_unseen(tmp_path: Path) -> None:
    shop = SHOP.replace("LOG: info", 'LOG: info, MQ: "amqp://user:pw@mq.example.com/shop"')
    _, diagnostics = desire(tmp_path, shop, fork(ALL))
    assert told(diagnostics) == ["fork-credential"]
    assert "pw" not in str(diagnostics[0])
    for own in ("config: {MQ: null}", 'config: {MQ: "amqp://eu:x@mq.example.eu/shop"}'):
        assert told(desire(tmp_path, shop, fork(ALL, own))[1]) == []


def test_an_external_account_is_used_again_only_by_the_forks_own_word(tmp_path: Path) -> None:
    secrets = {name: SecretRef(name=name, version=1, digest="d") for name in ("logs", "logs-eu")}
    shop = app(
        "shop",
        'addons: [{plan: "papertrail:choklad", as: LOGS, credentials: {secret: logs}}]',
        "formation: {web: {command: serve}}",
    )
    assert told(desire(tmp_path, shop, fork(region="us"), secrets=secrets)[1]) == ["fork-data-unsaid"]
    assert told(desire(tmp_path, shop, fork("data: {LOGS: copy}", region="us"), secrets=secrets)[1]) == ["fork-data"]
    found, diagnostics = desire(tmp_path, shop, fork("data: {LOGS: share}", region="us"), secrets=secrets)
    assert told(diagnostics) == []
    assert found[ResourceAddress("addon", "shop-eu", "LOGS")].attributes["credentials"] == secrets["logs"]
    own = "addons: {LOGS: {credentials: {secret: logs-eu}}}"
    found, diagnostics = desire(tmp_path, shop, fork(own, region="us"), secrets=secrets)
    assert told(diagnostics) == []
    assert found[ResourceAddress("addon", "shop-eu", "LOGS")].attributes["credentials"] == secrets["logs-eu"]


def test_an_addon_that_the_source_shares_is_shared_only_by_the_forks_own_word(tmp_path: Path) -> None:
    billing = app("billing", 'addons: [{plan: "postgres:standard-0", as: DATABASE}]')
    shop = app("shop", "addons: [{attach: billing/DATABASE, as: BILLING}]", "formation: {web: {command: serve}}")
    assert told(desire(tmp_path, billing, shop, fork())[1]) == ["fork-data-unsaid"]
    assert told(desire(tmp_path, billing, shop, fork("data: {BILLING: copy}"))[1]) == ["fork-data"]
    assert told(desire(tmp_path, billing, shop, fork("data: {BILLING: share}"))[1]) == []
    assert told(desire(tmp_path, billing, shop, fork("addons: {BILLING: null}"))[1]) == []


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ('addons: {DATABASE: {plan: "redis:premium-0"}}', "fork-data"),
        ("addons: {DATABASE: null}", "fork-data"),
    ],
)
def test_a_change_that_cannot_hold_the_data_is_refused(tmp_path: Path, line: str, code: str) -> None:
    assert code in told(desire(tmp_path, SHOP, fork(ALL, line))[1])


def test_data_is_not_brought_to_an_older_version(tmp_path: Path) -> None:
    codes = told(desire(tmp_path, SHOP, fork(ALL, 'addons: {DATABASE: {version: "17"}}'))[1])
    assert "fork-older-version" in codes


def test_a_fork_beside_its_source_is_fine(tmp_path: Path) -> None:
    assert told(desire(tmp_path, SHOP, fork(ALL, region="us"))[1]) == []


def test_a_forks_domain_that_is_its_sources_is_a_clash(tmp_path: Path) -> None:
    shop = SHOP + "  domains: [www.example.com]\n"
    assert told(desire(tmp_path, shop, fork(ALL, "domains: [www.example.com]"))[1]) == ["duplicate-domain"]


FOLLOW = "data: {DATABASE: follow, REDIS: empty}"


def test_a_follower_stands_on_the_link_and_under_the_release(tmp_path: Path) -> None:
    found, diagnostics = desire(tmp_path, SHOP, fork(FOLLOW))
    assert told(diagnostics) == []
    follower = found[ResourceAddress("follower", "shop-eu", "DATABASE")]
    link = found[ResourceAddress("link", "us-eu")]
    assert link.attributes == {"from": "us", "to": "eu"}
    assert {link.address, ResourceAddress("addon", "shop-eu", "DATABASE")} <= set(follower.dependencies())
    assert follower.attributes["promoted"] is False
    assert follower.address in found[ResourceAddress("release", "shop-eu")].dependencies()
    assert link.address not in found[ResourceAddress("release", "shop-eu")].dependencies()
    assert ResourceAddress("data_copy", "shop-eu", "DATABASE") not in found


def test_followers_of_several_forks_share_a_link_and_one_beside_its_source_needs_none(tmp_path: Path) -> None:
    found, diagnostics = desire(
        tmp_path, SHOP, fork(FOLLOW), fork(FOLLOW, name="second"), fork(FOLLOW, name="beside", region="us")
    )
    assert told(diagnostics) == []
    assert [address for address in found if address.type == "link"] == [ResourceAddress("link", "us-eu")]
    assert "link" not in found[ResourceAddress("follower", "beside", "DATABASE")].attributes


def test_what_has_no_followers_is_refused_with_what_it_can_have(tmp_path: Path) -> None:
    _, diagnostics = desire(tmp_path, SHOP, fork("data: {DATABASE: follow, REDIS: follow}"))
    (redis,) = diagnostics
    assert (redis.code, redis.expected) == ("follow-unsupported", "copy, empty or share")
    assert "redis has no followers" in redis.summary


@pytest.mark.parametrize(
    ("theirs", "mine", "place"),
    [
        ("essential-0", None, "data"),
        ("standard-0", "addons: {DATABASE: {plan: postgres:essential-0}}", "addons"),
    ],
)
def test_both_plans_must_have_followers_and_the_nearest_that_have_are_named(
    tmp_path: Path, theirs: str, mine: str | None, place: str
) -> None:
    shop = app("shop", f'addons: [{{plan: "postgres:{theirs}", as: DATABASE}}]')
    _, diagnostics = desire(tmp_path, shop, fork("data: {DATABASE: follow}", *([mine] if mine else [])))
    (mistake,) = diagnostics
    assert mistake.code == "follow-plan"
    assert (mistake.suggestion or "").startswith("postgres:standard-0")
    assert mistake.position is not None
    text = (tmp_path / "dpaas.yaml").read_text().splitlines()[mistake.position.line - 1]
    assert place in text


def test_a_follower_never_carries_data_out_of_its_jurisdiction_and_the_way_is_named(tmp_path: Path) -> None:
    shop = app("shop", 'addons: [{plan: "postgres:standard-0", as: DATABASE}]', "residency: US")
    _, diagnostics = desire(tmp_path, shop, fork("data: {DATABASE: follow}", "residency: EU"))
    (mistake,) = diagnostics
    assert mistake.code == "residency"
    assert "would go from addon.shop/DATABASE (us, US) over link.us-eu to shop-eu (eu, EU)" in mistake.summary
