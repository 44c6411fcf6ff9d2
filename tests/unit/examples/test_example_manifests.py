"""Every example loads and plans without a diagnostic, and shows what its README says it shows."""

from __future__ import annotations

import ast

import pytest
from examples_case import EXAMPLES, MONOREPO, PROJECTS, STOREFRONT, desire, load_example

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.values import Reference

at = ResourceAddress.parse
SCHEMA_LINE = "# yaml-language-server: $schema="


def test_the_four_examples_are_found():
    assert [project.name for project in PROJECTS] == ["monorepo", "node-api", "static-site", "storefront"]


@pytest.mark.parametrize("project", PROJECTS, ids=lambda project: project.name)
def test_an_example_becomes_resources_without_a_diagnostic(project):
    loaded = load_example(project)
    assert loaded.diagnostics == ()
    resources, diagnostics = desire(loaded.manifests)
    assert diagnostics == []
    formations = {address.app for address in resources if address.type == "formation"}
    assert formations == {app.name for app in loaded.manifests.apps} != set()


@pytest.mark.parametrize("path", sorted(EXAMPLES.rglob("*.yaml")), ids=lambda path: str(path.relative_to(EXAMPLES)))
def test_a_manifest_begins_with_the_line_that_names_its_schema(path):
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith(SCHEMA_LINE)
    assert (path.parent / first.removeprefix(SCHEMA_LINE)).is_file()


def test_production_runs_three_web_dynos_of_the_storefront_and_logs_less():
    loaded = load_example(STOREFRONT, "production")
    assert loaded.diagnostics == ()
    resources, diagnostics = desire(loaded.manifests)
    assert diagnostics == []
    base, _ = desire(load_example(STOREFRONT).manifests)
    assert resources[at("config.storefront")].attributes["vars"]["LOG_LEVEL"] == "warning"
    assert resources[at("formation.storefront")].attributes["processes"]["web"]["quantity"] == 3
    assert base[at("formation.storefront")].attributes["processes"]["web"]["quantity"] == 2
    assert resources.keys() == base.keys()


def test_the_monorepo_has_ten_apps_each_with_a_manifest_of_its_own():
    loaded = load_example(MONOREPO)
    assert len(loaded.manifests.apps) == 10
    assert {app.name for app in loaded.manifests.apps} == {
        path.parent.name for path in MONOREPO.glob("apps/*/app.yaml")
    }


def test_the_gateway_is_given_the_url_of_every_service_it_asks():
    resources, _ = desire(load_example(MONOREPO).manifests)
    given = resources[at("config.gateway")].attributes["vars"]
    asked = _constant(MONOREPO / "apps/gateway/src/server.py", "SERVICES")
    urls = {service: given.get(f"{service.upper()}_URL") for service in asked}
    assert urls == {service: Reference(at(f"app.{service}"), "url") for service in asked}
    assert len(urls) == 6


def test_gateway_and_accounts_share_one_generated_token():
    resources, _ = desire(load_example(MONOREPO).manifests)
    token = Reference(at("secret.accounts/API_TOKEN"), "value")
    assert resources[at("config.accounts")].attributes["vars"]["API_TOKEN"] == token
    assert resources[at("config.gateway")].attributes["vars"]["ACCOUNTS_TOKEN"] == token


def test_reports_uses_the_one_database_that_orders_owns():
    resources, _ = desire(load_example(MONOREPO).manifests)
    assert [address for address in resources if address.type == "addon"] == [at("addon.orders/DATABASE")]
    shared = at("addon.orders/DATABASE")
    assert resources[at("attachment.reports/ORDERS")].attributes["vars"] == {"ORDERS_URL": Reference(shared, "url")}


def _constant(path, name):
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == name:
            return ast.literal_eval(node.value)
    raise AssertionError(f"{path} has no {name}")
