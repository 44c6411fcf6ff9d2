"""What a plan is limited to, and what it is asked for beside the manifests: by the command, on a living world."""

from __future__ import annotations

import json

import yaml
from cli_case import Stage


def shop_things(stage: Stage) -> dict[str, dict[str, object]]:
    return stage.world.read("acme/default/main@us")


def instance_of(stage: Stage, address: str) -> str:
    [found] = [key.partition("#")[2] for key in shop_things(stage) if key.startswith(f"{address}#")]
    return found


def test_an_excluded_resource_is_left_alone_and_so_is_what_needs_its_change(stage: Stage) -> None:
    stage.run("apply", "--auto-approve")
    stage.apps["shop"]["config"]["LOG_LEVEL"] = "debug"
    stage.apps["shop"]["maintenance"] = True
    stage.write()
    done = stage.run("apply", "--auto-approve", "--exclude", "config.shop")
    assert "config.shop, formation.shop, release.shop" in done.stderr
    assert "Leaves config.shop alone, and what depends on its changes." in done.stdout
    assert "1 updated" in done.stdout
    assert stage.run("plan", "--exclude", "config.shop", "--detailed-exitcode").returncode == 0
    rest = json.loads(stage.run("plan", "--json").stdout)
    assert {change["address"] for change in rest["changes"]} == {"config.shop", "release.shop", "formation.shop"}


def test_a_replacement_is_asked_for_and_data_needs_its_confirmation(stage: Stage) -> None:
    stage.run("apply", "--auto-approve")
    refused = stage.run("apply", "--auto-approve", "--replace", "addon.shop/DATABASE", expect=1)
    assert "--confirm addon.shop/DATABASE" in refused.stderr
    before = instance_of(stage, "formation.shop")
    stage.run("plan", "--replace", "formation.shop", "--out", "saved.json")
    stage.run("apply", "saved.json")
    assert instance_of(stage, "formation.shop") != before
    assert stage.run("plan", "--detailed-exitcode").returncode == 0
    stage.run("apply", "saved.json", expect=1)


def test_a_refresh_tells_of_drift_by_its_exit_code_and_records_what_is(stage: Stage) -> None:
    stage.run("apply", "--auto-approve")
    assert stage.run("plan", "--refresh-only", "--detailed-exitcode").returncode == 0
    stage.world.call("damage", "app.shop", "", {"name": "by-hand"})
    stage.world.call("lose", "formation.shop")
    before = shop_things(stage)
    shown = stage.run("plan", "--refresh-only", "--detailed-exitcode", expect=2)
    assert "by-hand" in shown.stdout
    assert "formation.shop: deleted" in shown.stdout
    stage.run("apply", "--refresh-only", "--auto-approve")
    assert shop_things(stage) == before
    assert stage.run("plan", "--refresh-only", "--detailed-exitcode").returncode == 0
    repaired = json.loads(stage.run("plan", "--json").stdout)
    assert {change["address"]: change["action"] for change in repaired["changes"]} == {
        "app.shop": "update",
        "formation.shop": "create",
    }


def test_a_refresh_that_only_differs_asks_nothing(stage: Stage) -> None:
    stage.run("apply", "--auto-approve")
    stage.world.call("damage", "app.shop", "", {"name": "by-hand"})
    assert "Recorded as it is now: 1." in stage.run("apply", "--refresh-only").stdout


def test_options_that_contradict_a_refresh_are_refused(stage: Stage) -> None:
    for option in (["--destroy"], ["--replace", "app.shop"], ["--no-refresh"]):
        assert "--refresh-only" in stage.run("plan", "--refresh-only", *option, expect=1).stderr


def test_what_an_autoscaler_owns_is_left_to_it(stage: Stage) -> None:
    stage.apps["shop"]["ignore"] = ["formation.web.quantity", "config.LOG_LEVEL"]
    stage.write()
    stage.run("apply", "--auto-approve")
    [formation] = [thing for key, thing in shop_things(stage).items() if key.startswith("formation.shop#")]
    processes = json.loads(json.dumps(formation["attributes"]))["processes"]
    processes["web"]["quantity"] = 7
    stage.world.call("damage", "formation.shop", "", {"processes": processes})
    assert stage.run("plan", "--detailed-exitcode").returncode == 0
    stage.apps["shop"]["formation"]["web"]["command"] = "./serve --fast"
    stage.write()
    stage.run("apply", "--auto-approve")
    [formation] = [thing for key, thing in shop_things(stage).items() if key.startswith("formation.shop#")]
    assert formation["attributes"]["processes"]["web"] | {"health": None} == {  # type: ignore[index]
        "command": "./serve --fast",
        "size": "standard-1x",
        "quantity": 7,
        "health": None,
    }


def declare(stage: Stage, **platform: object) -> None:
    """The manifests as they are, and more in the Platform's spec."""
    stage.write()
    path = stage.directory / "dpaas.yaml"
    documents = list(yaml.safe_load_all(path.read_text()))
    documents[0]["spec"].update(platform)
    path.write_text(yaml.safe_dump_all(documents, sort_keys=False))


def test_a_renamed_app_keeps_its_data_and_its_generated_secrets(stage: Stage) -> None:
    stage.run("apply", "--auto-approve")
    before = {key.replace(".shop", ".store"): thing for key, thing in shop_things(stage).items()}
    stage.apps["store"] = stage.apps.pop("shop")
    stage.write()
    assert "addon.shop/DATABASE destroys its data" in stage.run("plan", expect=1).stderr
    declare(stage, moved=[{"from": "app.shop", "to": "app.store"}])
    shown = json.loads(stage.run("plan", "--json").stdout)
    assert {change["action"] for change in shown["changes"]} == {"update"}
    done = stage.run("apply", "--auto-approve")
    assert "renamed" in done.stdout
    now = shop_things(stage)
    assert set(now) == set(before)
    for key, thing in now.items():
        if key.startswith(("addon.", "config.", "release.")):
            assert thing == before[key]
    assert stage.run("plan", "--detailed-exitcode").returncode == 0
    stage.write()
    assert stage.run("plan", "--detailed-exitcode").returncode == 0


def test_a_declared_removal_destroys_with_consent_and_lets_go_without(stage: Stage) -> None:
    stage.apps["shop"]["addons"].append({"plan": "redis:premium-0", "as": "CACHE"})
    stage.write()
    stage.run("apply", "--auto-approve")
    cache = instance_of(stage, "addon.shop/CACHE")
    stage.apps["shop"]["addons"] = []
    declare(
        stage,
        removed=[
            {"address": "addon.shop/DATABASE", "destroy": True, "reason": "moved to a warehouse"},
            {"address": "addon.shop/CACHE", "destroy": False},
        ],
    )
    assert "moved to a warehouse" in stage.run("plan").stdout
    stage.run("apply", "--auto-approve")
    left = {key for key in shop_things(stage) if key.startswith("addon.")}
    assert left == {f"addon.shop/CACHE#{cache}"}
    assert stage.run("plan", "--detailed-exitcode").returncode == 0
    stage.run("destroy", "--auto-approve")
    assert set(shop_things(stage)) == left
