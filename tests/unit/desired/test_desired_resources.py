from __future__ import annotations

from desired_case import app, attributes, codes, desire

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.state import Hold
from declarative_paas.core.values import Reference, SecretRef

at = ResourceAddress.parse
WEB = "formation: {web: {command: run, size: standard-1x, quantity: 2}}"


def test_a_plain_app_becomes_five_resources_in_a_chain(tmp_path):
    resources, diagnostics = desire(tmp_path, app("shop", WEB))
    assert diagnostics == []
    assert sorted(map(str, resources)) == ["app.shop", "config.shop", "formation.shop", "release.shop", "slug.shop"]
    assert resources[at("release.shop")].dependencies() == (at("config.shop"), at("slug.shop"))
    assert resources[at("formation.shop")].dependencies() == (at("release.shop"),)
    assert resources[at("formation.shop")].price_cents == 2 * 2500


def test_an_add_on_gives_its_config_var_through_an_attachment(tmp_path):
    resources, diagnostics = desire(
        tmp_path, app("shop", WEB, "addons: [{plan: postgres:standard-0, as: DATABASE}, {plan: redis:mini, as: CACHE}]")
    )
    assert diagnostics == []
    addon = at("addon.shop/DATABASE")
    assert attributes(resources, "attachment.shop/DATABASE") == {
        "addon": Reference(addon, "id"),
        "vars": {"DATABASE_URL": Reference(addon, "url")},
    }
    assert attributes(resources, "attachment.shop/CACHE")["vars"] == {
        "CACHE_URL": Reference(at("addon.shop/CACHE"), "url")
    }
    release = attributes(resources, "release.shop")
    assert release["attachments"] == {
        "CACHE": Reference(at("attachment.shop/CACHE"), "revision"),
        "DATABASE": Reference(at("attachment.shop/DATABASE"), "revision"),
    }


def test_a_shared_add_on_belongs_to_its_owner(tmp_path):
    resources, diagnostics = desire(
        tmp_path,
        app("billing", WEB, "addons: [{plan: postgres:standard-0, as: DATABASE}]"),
        app("shop", WEB, "addons: [{attach: billing/DATABASE, as: BILLING}]"),
    )
    assert diagnostics == []
    assert at("addon.shop/BILLING") not in resources
    owner = at("addon.billing/DATABASE")
    assert attributes(resources, "attachment.shop/BILLING")["vars"] == {"BILLING_URL": Reference(owner, "url")}


def test_config_values_come_from_text_secrets_generation_and_other_apps(tmp_path):
    stored = {"shop/key": SecretRef("shop/key", 3, "abc")}
    resources, diagnostics = desire(
        tmp_path,
        app(
            "shop",
            WEB,
            """
            config:
              PLAIN: 1.10
              KEY: {secret: shop/key}
              SESSION: {generate: 32}
              API_URL: {app: api, attribute: url}
              API_REGION: {app: api, attribute: region}
              API_LEVEL: {app: api, config: LEVEL}
              API_RELEASE: {app: api, attribute: release}
            """,
        ),
        app("api", WEB, "region: eu", "config: {LEVEL: debug}"),
        secrets=stored,
    )
    assert diagnostics == []
    assert attributes(resources, "config.shop")["vars"] == {
        "PLAIN": "1.10",
        "KEY": stored["shop/key"],
        "SESSION": Reference(at("secret.shop/SESSION"), "value"),
        "API_URL": Reference(at("app.api"), "url"),
        "API_REGION": "eu",
        "API_LEVEL": "debug",
        "API_RELEASE": Reference(at("release.api"), "version"),
    }
    assert attributes(resources, "secret.shop/SESSION") == {"length": 32}


def test_commands_come_from_the_manifest_before_the_source(tmp_path):
    resources, _ = desire(
        tmp_path,
        app("shop", "formation: {web: {command: mine}, worker: {}}"),
        commands={"web": "theirs", "worker": "theirs too", "release": "migrate"},
    )
    processes = attributes(resources, "formation.shop")["processes"]
    assert isinstance(processes, dict)
    assert (processes["web"]["command"], processes["worker"]["command"]) == ("mine", "theirs too")
    assert attributes(resources, "release.shop")["command"] == "migrate"


def test_without_a_formation_one_web_dyno_runs_what_the_source_says(tmp_path):
    resources, diagnostics = desire(tmp_path, app("shop"), commands={"web": "serve"})
    assert diagnostics == []
    assert attributes(resources, "formation.shop")["processes"] == {
        "web": {"command": "serve", "size": "standard-1x", "quantity": 1, "health": None}
    }


def test_a_size_s_alias_is_its_size(tmp_path):
    resources, _ = desire(tmp_path, app("shop", "formation: {web: {command: run, size: 2X}}"))
    processes = attributes(resources, "formation.shop")["processes"]
    assert isinstance(processes, dict)
    assert processes["web"]["size"] == "standard-2x"


def test_a_hold_binds_the_release_until_the_source_changes(tmp_path):
    hold = Hold(app="shop", version=3, source="d1", since="2026-01-01T00:00:00+00:00", by="ann")
    resources, diagnostics = desire(tmp_path, app("shop", WEB), holds={"shop": hold})
    assert attributes(resources, "release.shop") == {"rollback_to": 3}
    assert codes(diagnostics) == ["held"]
    changed = Hold(app="shop", version=3, source="older", since=hold.since, by="ann")
    resources, diagnostics = desire(tmp_path, app("shop", WEB), holds={"shop": changed})
    assert attributes(resources, "release.shop")["rollback_to"] is None
    assert diagnostics == []


def test_domains_wait_for_the_formation(tmp_path):
    resources, _ = desire(tmp_path, app("shop", WEB, "domains: [www.example.com]"))
    assert resources[at("domain.shop/www.example.com")].dependencies() == (at("formation.shop"),)
