"""A fork is its source's document with the fork's own laid over it, and every field keeps its place."""

from __future__ import annotations

from pathlib import Path

import pytest
from manifest_case import APP, app_text, read, short

from declarative_paas.manifest.app_models import AddonAttach, AddonPlan, AppConfig, SourcePath
from declarative_paas.manifest.manifests import AppManifest

PLATFORM = """\
kind: Platform
metadata: {name: acme}
spec: {regions: {us: {provider: memory, jurisdiction: US}, eu: {provider: memory, jurisdiction: EU}}}
"""
SHOP = app_text(
    """
build: make
release: ./migrate
config: {LOG_LEVEL: info, KEY: {generate: 32}, OLD: "1"}
formation: {web: {command: serve, size: standard-2x, quantity: 3}, worker: {command: work}}
addons: [{plan: "postgres:standard-0", as: DATABASE}, {plan: "redis:premium-0", as: REDIS}]
domains: [www.example.com, api.example.com]

"""
)
FORK = """\
kind: Fork
metadata: {name: shop-eu}
spec:
  from: shop
  region: eu
"""


def fork_text(fields: str = "", name: str = "shop-eu", source: str = "shop") -> str:
    """A Fork whose further spec fields begin on line 6."""
    text = FORK.replace("shop-eu", name).replace("from: shop", f"from: {source}")
    return text + "".join(f"  {line}\n" for line in fields.strip("\n").split("\n") if line)


def forked(fields: str = "", app: str = SHOP) -> AppManifest:
    manifests, diagnostics = read({"p.yaml": PLATFORM, "app.yaml": app, "fork.yaml": fork_text(fields)})
    assert diagnostics == []
    assert manifests is not None
    return next(one for one in manifests.apps if one.name == "shop-eu")


def mistakes(fields: str, app: str = SHOP) -> list[tuple[str, str]]:
    manifests, diagnostics = read({"p.yaml": PLATFORM, "app.yaml": app, "fork.yaml": fork_text(fields)})
    assert manifests is None
    assert all(one.expected for one in diagnostics)
    return short(diagnostics)


def test_what_a_fork_does_not_say_is_its_sources() -> None:
    fork = forked()
    assert fork.spec.region == "eu"
    assert (fork.spec.build, fork.spec.release) == ("make", "./migrate")
    assert fork.spec.formation is not None
    assert (fork.spec.formation["web"].size, fork.spec.formation["web"].quantity) == ("standard-2x", 3)
    assert fork.fork is not None
    assert fork.fork.source == "shop"


def test_the_sources_path_is_meant_from_the_sources_file() -> None:
    manifests, _ = read(
        {"p.yaml": PLATFORM, "apps/app.yaml": APP.replace("path: .", "path: ./src"), "eu/fork.yaml": FORK}
    )
    assert manifests is not None
    fork = next(one for one in manifests.apps if one.name == "shop-eu")
    assert isinstance(fork.spec.source, SourcePath)
    assert fork.source_directory == Path("apps/src")


def test_an_inherited_field_stands_where_its_source_has_it_and_an_own_one_in_the_fork() -> None:
    fork = forked("config: {LOG_LEVEL: debug}")
    assert str(fork.position("config", "LOG_LEVEL")) == "fork.yaml:6:23"
    assert fork.position("formation", "web", "size").file == "app.yaml"
    assert str(fork.position("region")) == "fork.yaml:5:11"
    assert str(fork.position()) == "fork.yaml:2:18"
    assert fork.file == "fork.yaml"


def test_config_is_laid_over_key_by_key_and_null_leaves_one_out() -> None:
    config = forked("config: {LOG_LEVEL: debug, NEW: 1.10, OLD: null}").spec.config
    assert config is not None
    assert (config["LOG_LEVEL"], config["NEW"]) == ("debug", "1.10")
    assert "OLD" not in config


def test_a_generated_value_is_the_sources_own_unless_the_fork_makes_one() -> None:
    shared = forked().spec.config
    assert shared is not None
    assert shared["KEY"] == AppConfig(app="shop", config="KEY")
    own = forked("config: {KEY: {generate: 64}}").spec.config
    assert own is not None
    assert getattr(own["KEY"], "generate") == 64  # noqa: B009


def test_what_the_source_says_of_itself_the_fork_says_of_itself() -> None:
    app = SHOP.replace("config: {", "config: {URL: {app: shop, attribute: url}, OTHER: {app: api, attribute: url}, ")
    config = forked(app=app).spec.config
    assert config is not None
    assert (getattr(config["URL"], "app"), getattr(config["OTHER"], "app")) == ("shop-eu", "api")  # noqa: B009


def test_an_addon_may_be_left_out() -> None:
    assert [one.alias for one in forked("addons: {REDIS: null}").spec.addons or ()] == ["DATABASE"]


def test_a_process_type_keeps_what_the_fork_does_not_change() -> None:
    formation = forked("formation: {web: {quantity: 1}, worker: null}").spec.formation
    assert formation is not None
    assert set(formation) == {"web"}
    assert (formation["web"].command, formation["web"].size, formation["web"].quantity) == ("serve", "standard-2x", 1)


def test_a_shared_addon_is_the_sources_attached() -> None:
    addons = forked("data: {DATABASE: share, REDIS: empty}").spec.addons or ()
    assert [type(one) for one in addons] == [AddonAttach, AddonPlan]
    assert isinstance(addons[0], AddonAttach)
    assert (addons[0].attach, addons[0].alias) == ("shop/DATABASE", "DATABASE")


def test_an_addon_may_get_another_plan() -> None:
    addons = forked('addons: {DATABASE: {plan: "postgres:standard-2"}}').spec.addons or ()
    assert [one.plan for one in addons if isinstance(one, AddonPlan)] == ["postgres:standard-2", "redis:premium-0"]


def test_a_host_name_stays_its_sources_unless_it_is_mapped() -> None:
    assert forked().spec.domains is None
    assert forked("domains: {www.example.com: www.example.eu}").spec.domains == ("www.example.eu",)
    assert forked("domains: [new.example.eu]").spec.domains == ("new.example.eu",)


def test_maintenance_of_the_source_is_not_the_forks() -> None:
    assert forked(app=SHOP + "  maintenance: true\n").spec.maintenance is None


def test_forks_of_forks_and_several_forks_follow_their_sources_in_any_order_of_files() -> None:
    manifests, diagnostics = read(
        {
            "p.yaml": PLATFORM,
            "a.yaml": fork_text("config: {OLD: null}", "shop-c", "shop-b"),
            "b.yaml": fork_text("config: {LOG_LEVEL: debug}", "shop-b"),
            "c.yaml": fork_text("", "shop-d"),
            "d.yaml": SHOP,
        }
    )
    assert diagnostics == []
    assert manifests is not None
    config = {app.name: app.spec.config for app in manifests.apps}
    assert list(config) == ["shop", "shop-b", "shop-c", "shop-d"]
    assert config["shop-c"] is not None
    assert config["shop-c"]["LOG_LEVEL"] == "debug"
    assert "OLD" not in config["shop-c"]
    assert config["shop-c"]["KEY"] == AppConfig(app="shop", config="KEY")


@pytest.mark.parametrize(
    ("fields", "place", "code"),
    [
        ("data: {DATABSE: copy}", "fork.yaml:6:10", "unknown-in-source"),
        ("data: {DATABASE: clone}", "fork.yaml:6:20", "invalid-choice"),
        ("addons: {CACHE: {plan: 'redis:mini'}}", "fork.yaml:6:12", "unknown-in-source"),
        ("formation: {wbe: {quantity: 1}}", "fork.yaml:6:15", "unknown-in-source"),
        ("config: {NOPE: null}", "fork.yaml:6:12", "unknown-in-source"),
        ("domains: {ww.example.com: www.example.eu}", "fork.yaml:6:13", "unknown-domain"),
        ("regoin: eu", "fork.yaml:6:3", "unknown-key"),
        ("formation: {web: {quantity: -1}}", "fork.yaml:6:31", "out-of-range"),
        ("domains: www.example.eu", "fork.yaml:6:12", "wrong-type"),
    ],
)
def test_a_mistake_in_a_fork_is_told_at_its_place(fields: str, place: str, code: str) -> None:
    assert mistakes(fields) == [(place, code)]


def test_a_fork_of_nothing_names_the_nearest() -> None:
    _, diagnostics = read({"p.yaml": PLATFORM, "app.yaml": SHOP, "fork.yaml": fork_text(source="shpo")})
    assert short(diagnostics) == [("fork.yaml:4:9", "unknown-app")]
    assert diagnostics[0].suggestion == "shop"


def test_a_fork_whose_source_is_itself_a_mistake_is_told_once() -> None:
    files = {"p.yaml": PLATFORM, "a.yaml": fork_text(source="gone"), "b.yaml": fork_text(name="two", source="shop-eu")}
    _, diagnostics = read(files)
    assert [one.code for one in diagnostics] == ["unknown-app"]


@pytest.mark.parametrize(("one", "two", "told"), [("shop-eu", "shop-eu", 1), ("two", "shop-eu", 1)])
def test_a_circle_of_forks_is_told_once(one: str, two: str, told: int) -> None:
    files = {"p.yaml": PLATFORM, "app.yaml": SHOP, "a.yaml": fork_text(source=one)}
    if one != two:
        files["b.yaml"] = fork_text(name="two", source=two)
    _, diagnostics = read(files)
    assert [diagnostic.code for diagnostic in diagnostics] == ["fork-cycle"] * told


def test_a_fork_with_an_apps_name_is_declared_twice() -> None:
    _, diagnostics = read({"p.yaml": PLATFORM, "app.yaml": SHOP, "fork.yaml": fork_text(name="shop", source="shop")})
    assert "duplicate-app" in [one.code for one in diagnostics]


def test_an_overlay_changes_a_fork_as_it_changes_an_app() -> None:
    manifests, diagnostics = read(
        {"p.yaml": PLATFORM, "app.yaml": SHOP, "fork.yaml": fork_text("config: {LOG_LEVEL: debug}")},
        {"o.yaml": "kind: Fork\nmetadata: {name: shop-eu}\nspec: {formation: {web: {quantity: 2}}}\n"},
    )
    assert diagnostics == []
    assert manifests is not None
    fork = next(one for one in manifests.apps if one.name == "shop-eu")
    assert fork.spec.formation is not None
    assert fork.spec.formation["web"].quantity == 2


def test_an_overlay_of_the_source_flows_to_the_fork() -> None:
    manifests, _ = read(
        {"p.yaml": PLATFORM, "app.yaml": SHOP, "fork.yaml": FORK},
        {"o.yaml": "kind: App\nmetadata: {name: shop}\nspec: {config: {LOG_LEVEL: warn}}\n"},
    )
    assert manifests is not None
    assert [app.spec.config["LOG_LEVEL"] for app in manifests.apps if app.spec.config] == ["warn", "warn"]
