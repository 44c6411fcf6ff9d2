"""Who uses which secret, by the manifests alone, and how a source without a value is told."""

from __future__ import annotations

from pathlib import Path

from desired_case import PLATFORM, app, desire

from declarative_paas.catalog.load import packaged
from declarative_paas.core.diagnostic import Position, error
from declarative_paas.core.values import SecretRef
from declarative_paas.desired.build import desired_resources
from declarative_paas.desired.inputs import DesiredInputs, SourceFacts
from declarative_paas.desired.secrets import apps_by_secret
from declarative_paas.manifest.load import load
from declarative_paas.manifest.manifests import Manifests
from declarative_paas.manifest.variables import VariableInputs
from declarative_paas.operations.secret_use import affected_by


def manifests(directory: Path, *apps: str) -> Manifests:
    (directory / "src").mkdir(exist_ok=True)
    (directory / "dpaas.yaml").write_text("---\n".join([PLATFORM, *apps]), encoding="utf-8")
    loaded = load([directory], variables=VariableInputs())
    assert loaded.manifests is not None, [str(item) for item in loaded.diagnostics]
    return loaded.manifests


def test_an_app_uses_what_it_names_generates_attaches_or_takes_from_another_app(tmp_path: Path) -> None:
    found = apps_by_secret(
        manifests(
            tmp_path,
            app("shop", "config: {A: {secret: shared/a}, KEY: {generate: 16}, PLAIN: text}"),
            app("blog", "config: {B: {app: shop, config: A}, K: {app: docs, config: K}}"),
            app("docs", "config: {K: {app: shop, config: KEY}}"),
            app("logs", "addons: [{plan: 'newrelic:standard', as: NR, credentials: {secret: logs/nr}}]"),
        )
    )
    assert found == {"logs/nr": ["logs"], "secret.shop/KEY": ["blog", "docs", "shop"], "shared/a": ["blog", "shop"]}


def test_config_that_goes_in_circles_or_nowhere_uses_no_secret(tmp_path: Path) -> None:
    found = apps_by_secret(
        manifests(
            tmp_path,
            app(
                "shop", "config: {A: {app: blog, config: B}, N: {app: none-such, config: X}, M: {app: blog, config: X}}"
            ),
            app("blog", "config: {B: {app: shop, config: A}}"),
        )
    )
    assert found == {}


def test_what_a_new_value_reaches_is_rolled_out_by_the_formations_of_its_users_alone(tmp_path: Path) -> None:
    web = "formation: {web: {command: ./serve}}"
    desired, diagnostics = desire(
        tmp_path,
        app("shop", "config: {A: {secret: shared/a}, KEY: {generate: 16}}", web),
        app("blog", "config: {K: {app: shop, config: KEY}, URL: {app: shop, attribute: url}}", web),
        app("docs", "config: {URL: {app: shop, attribute: url}}", web, "domains: [docs.example.com]"),
        app("news", "config: {SHOP: {app: shop, attribute: release}}", web, "domains: [news.example.com]"),
        secrets={"shared/a": SecretRef("shared/a", 1, "d")},
    )
    assert not [item for item in diagnostics if item.is_error]
    # `news` shows the number of the shop's release, which is a new one then.
    assert [str(address) for address in affected_by(["shared/a"], desired)] == ["formation.news", "formation.shop"]
    assert [str(address) for address in affected_by(["secret.shop/KEY"], desired)] == [
        "formation.blog",
        "formation.news",
        "formation.shop",
    ]
    assert affected_by(["no/such"], desired) == []


def test_a_source_without_a_value_is_told_once_and_no_stored_value_stands_in(tmp_path: Path) -> None:
    problem = error("missing-secret", "it is not set", Position("dpaas.yaml", 3, 1))
    found = manifests(
        tmp_path, *(app(name, "config: {A: {secret: shared/a}, B: {secret: shared/a}}") for name in ("shop", "blog"))
    )
    facts = SourceFacts(digest="d1", process_types={"web": "./serve"})
    desired, diagnostics = desired_resources(
        DesiredInputs(
            manifests=found,
            catalog=packaged(),
            sources={one.name: facts for one in found.apps},
            secrets={"shared/a": SecretRef("shared/a", 1, "stale")},
            secret_problems={"shared/a": problem},
        )
    )
    assert [item for item in diagnostics if item.is_error] == [problem]
    assert all("A" not in item.attributes["vars"] for item in desired.values() if item.address.type == "config")
