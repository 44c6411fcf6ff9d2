"""`dpaas import`: what runs and is not recorded is recorded, and nothing about it changes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from cli_case import Stage
from postgres_stage import administrator
from test_postgres_projects import TeamStage

API: dict[str, Any] = {
    "region": "us",
    "source": {"path": "./src"},
    "build": "true",
    "release": "./migrate --all",
    "config": {
        "LOG_LEVEL": "info",
        "PORT_TEXT": "0123",
        "NOT_A_VARIABLE": "${HOME} $${var.NAME}",
        "SHOP_URL": {"app": "shop", "attribute": "url"},
        "SHOP_RELEASE": {"app": "shop", "attribute": "release"},
    },
    "formation": {
        "web": {"command": "./serve", "size": "standard-1x", "quantity": 2, "health": "/healthz"},
        "worker": {"command": "./work", "size": "standard-2x", "quantity": 0},
    },
    "addons": [
        {"plan": "redis:premium-0", "as": "CACHE", "protect": True},
        {"attach": "shop/DATABASE", "as": "SHARED"},
    ],
    "domains": ["api.example.com", "www.example.com"],
    "maintenance": True,
}


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage()
    # A memory platform tells no value of a secret that it was given.
    del made.apps["shop"]["config"]["SESSION_KEY"]
    made.apps["api"] = json.loads(json.dumps(API))
    made.write()
    made.apply()
    try:
        yield made
    finally:
        made.close()


def lose_the_state(stage: Stage) -> None:
    for path in (stage.directory / ".dpaas").glob("state.db*"):
        path.unlink()


def records(stage: Stage) -> dict[str, dict[str, Any]]:
    found = json.loads(stage.run("state", "pull").stdout)["resources"]
    return {record["address"]: record for record in found}


def test_a_lost_state_is_recorded_again_as_it_was_and_a_plan_changes_nothing(stage: Stage) -> None:
    before, effects = records(stage), stage.world.call("audit")["effects"]
    lose_the_state(stage)
    assert "to create" in stage.run("plan").stdout
    done = stage.run("import", "--all", "--auto-approve")
    assert f"Recorded {len(before)}" in done.stdout
    assert "A plan of it changes nothing." in done.stdout
    assert records(stage) == before
    assert "No changes" in stage.run("plan", "--detailed-exitcode").stdout
    assert stage.world.call("audit")["effects"] == effects
    (entry,) = json.loads(stage.run("history", "--json").stdout)
    assert (entry["command"], entry["outcome"]) == ("import --all", "succeeded")
    stage.run("destroy", "--auto-approve", "--confirm", "addon.shop/DATABASE", "--confirm", "addon.api/CACHE")
    assert stage.world.call("audit")["things"] == 0


def test_apps_that_no_manifest_declares_get_one_that_plans_to_no_change(stage: Stage) -> None:
    lose_the_state(stage)
    specs = {name: dict(spec) for name, spec in stage.apps.items()}
    stage.apps.clear()
    stage.write()
    done = stage.run("import", "--app", "shop", "--app", "api", "--region", "us", "--auto-approve")
    assert "A plan of it changes nothing." in done.stdout, done.stdout + done.stderr
    path = stage.directory / "imported.yaml"
    written = {document["metadata"]["name"]: document["spec"] for document in yaml.safe_load_all(path.read_text())}
    # What a plan takes from the catalog is written out: a newer catalog must not change what runs.
    versions = [entry.pop("version") for spec in written.values() for entry in spec["addons"] if "plan" in entry]
    assert len(versions) == 2
    del specs["api"]["formation"]["worker"]
    worker = written["api"]["formation"].pop("worker")
    assert worker == {"command": "./work", "size": "standard-2x", "quantity": 0}
    assert written == specs
    assert "No changes" in stage.run("plan", "--detailed-exitcode").stdout
    assert not stage.run("fmt", "--check", "imported.yaml").stderr


def test_one_resource_is_recorded_by_its_address_once(stage: Stage) -> None:
    before = records(stage)["addon.shop/DATABASE"]
    stage.run("state", "rm", "addon.shop/DATABASE", "--auto-approve")
    done = stage.run("import", "addon.shop/DATABASE", before["instance"], "--auto-approve")
    assert "Recorded 1" in done.stdout
    assert "The state as it was: " in done.stdout
    assert records(stage)["addon.shop/DATABASE"] == before
    assert "No changes" in stage.run("plan", "--detailed-exitcode").stdout
    again = stage.run("import", "addon.shop/DATABASE", "--auto-approve", expect=1)
    assert "is recorded already" in again.stderr


def test_what_cannot_be_meant_is_refused_and_nothing_is_recorded(stage: Stage) -> None:
    stage.run("state", "rm", "addon.shop/DATABASE", "--auto-approve")
    state = records(stage)
    for arguments, told in (
        (["addon.shop/DATABASES"], "did you mean: addon.shop/DATABASE"),
        (["addon.shop/DATABASE", "another"], "no region holds addon.shop/DATABASE as another"),
        (["--app", "shopp"], "did you mean: shop"),
        (["--all", "--region", "uss"], "did you mean: us"),
        (["--all", "--app", "shop"], "say what to import"),
        ([], "say what to import"),
        (["--all", "--from-scope", "a/b/c/d"], "is not a scope"),
    ):
        refused = stage.run("import", *arguments, "--auto-approve", expect=1)
        assert told in refused.stderr, refused.stderr
    assert "--auto-approve" in stage.run("import", "--all", expect=1).stderr
    assert records(stage) == state


def test_what_the_manifests_do_not_declare_is_not_recorded_by_its_address(stage: Stage) -> None:
    stage.run("state", "rm", "domain.api/api.example.com", "--auto-approve")
    stage.apps["api"]["domains"].remove("api.example.com")
    stage.write()
    refused = stage.run("import", "domain.api/api.example.com", "--auto-approve", expect=1)
    assert "do not declare domain.api/api.example.com" in refused.stderr
    # Asked for everything, it is ours too: the plan that follows removes what nobody declares, in the right order.
    done = stage.run("import", "--all", "--auto-approve")
    assert "has 1 changes" in done.stdout
    assert "1 to delete" in stage.run("plan", "--detailed-exitcode", expect=2).stdout


def test_of_two_things_at_one_address_a_person_says_which(stage: Stage) -> None:
    real = records(stage)["domain.api/api.example.com"]["instance"]
    stage.world.put(
        "acme/default/main@us", "domain.api/api.example.com", "second", "k", {"hostname": "api.example.com"}
    )
    lose_the_state(stage)
    done = stage.run("import", "--all", "--auto-approve")
    assert "more than one domain.api/api.example.com" in done.stderr
    assert "domain.api/api.example.com" not in records(stage)
    stage.run("import", "domain.api/api.example.com", real, "--auto-approve")
    assert "No changes" in stage.run("plan", "--detailed-exitcode").stdout


def test_what_belongs_to_another_scope_is_taken_over_only_when_that_is_named(stage: Stage) -> None:
    before, effects = records(stage), stage.world.call("audit")["effects"]
    manifest = stage.directory / "dpaas.yaml"
    manifest.write_text(manifest.read_text().replace("name: acme", "name: newname"))
    assert "acme/default/main's" in stage.run("import", "--all", "--auto-approve").stderr
    refused = stage.run("import", "--app", "shop", "--auto-approve", expect=1)
    assert "shop is acme/default/main's" in refused.stderr
    # As long as the other scope's record has it, two would manage it.
    refused = stage.run("import", "--all", "--from-scope", "acme", "--auto-approve", expect=1)
    assert "two would manage it" in refused.stderr
    lose_the_state(stage)
    done = stage.run("import", "--all", "--from-scope", "acme", "--auto-approve")
    assert f"Recorded {len(before)}" in done.stdout
    assert "No changes" in stage.run("plan", "--detailed-exitcode").stdout
    audit = stage.world.call("audit")
    assert all(name.startswith("newname/") for name in audit["addresses"])
    # A change of the owner, and of nothing else.
    assert audit["effects"] == effects + len(before)


def test_a_secret_that_no_platform_tells_is_named_with_what_becomes_of_it(stage: Stage) -> None:
    stage.run("secrets", "set", "shop/token", stdin="t0ken")
    stage.apps["shop"]["config"] |= {"SESSION_KEY": {"generate": 32}, "TOKEN": {"secret": "shop/token"}}
    stage.write()
    stage.apply()
    lose_the_state(stage)
    done = stage.run("import", "--all", "--auto-approve")
    assert "another value for shop's SESSION_KEY" in done.stderr
    assert "dpaas secrets set shop/token" in done.stderr
    stage.run("secrets", "set", "shop/token", stdin="t0ken")
    # The value that is in use is the same again; the generated one is made anew, and that is a release.
    plan = stage.run("plan", "--detailed-exitcode", expect=2).stdout
    assert "secret.shop/SESSION_KEY" in plan
    assert "TOKEN" not in plan
    stage.apply()
    assert "No changes" in stage.run("plan", "--detailed-exitcode").stdout


def test_a_generated_secret_that_is_still_stored_is_taken_up(stage: Stage) -> None:
    stage.apps["shop"]["config"] |= {"SESSION_KEY": {"generate": 32}}
    stage.write()
    stage.apply()
    before = records(stage)
    for address in ("secret.shop/SESSION_KEY", "config.shop"):
        stage.run("state", "rm", address, "--auto-approve")
    stage.run("import", "--all", "--auto-approve")
    after = records(stage)
    assert after["secret.shop/SESSION_KEY"]["outputs"] == before["secret.shop/SESSION_KEY"]["outputs"]
    assert "No changes" in stage.run("plan", "--detailed-exitcode").stdout


def test_after_an_apply_and_after_a_move_a_generated_secret_is_recorded(stage: Stage) -> None:
    stage.apps.pop("api")
    stage.apps["shop"]["config"] |= {"SESSION_KEY": {"generate": 32}}
    stage.write()
    stage.apply("--confirm", "addon.api/CACHE")
    done = stage.run("import", "--all", "--auto-approve")
    assert "Everything that the regions hold for this platform is recorded." in done.stdout
    assert done.stderr == ""
    stage.apps["store"] = stage.apps.pop("shop")
    stage.write()
    platform, *apps = yaml.safe_load_all((stage.directory / "dpaas.yaml").read_text())
    platform["spec"]["moved"] = [{"from": "app.shop", "to": "app.store"}]
    (stage.directory / "dpaas.yaml").write_text(yaml.safe_dump_all([platform, *apps]))
    stage.apply()
    done = stage.run("import", "--all", "--auto-approve")
    assert "Everything that the regions hold for this platform is recorded." in done.stdout
    assert done.stderr == ""
    assert "No changes" in stage.run("plan", "--detailed-exitcode").stdout
    before = records(stage)["secret.store/SESSION_KEY"]
    # The name from before the move is that of an app that is gone; the secret is that of its user, declared or not.
    for declared in (True, False):
        for address in ("secret.store/SESSION_KEY", "config.store"):
            stage.run("state", "rm", address, "--auto-approve")
        if not declared:
            del stage.apps["store"]
            stage.write()
        done = stage.run("import", "--app", "store", "--auto-approve")
        assert records(stage)["secret.store/SESSION_KEY"]["outputs"] == before["outputs"]
        assert "A plan of it changes nothing." in done.stdout, done.stdout + done.stderr


def test_an_app_that_was_never_finished_is_the_one_thing_that_is_told(stage: Stage) -> None:
    stage.world.put("acme/default/main@us", "domain.ghost/g.example.com", "g1", "k", {"hostname": "g.example.com"})
    refused = stage.run("import", "--all", "--auto-approve", expect=1)
    assert "ghost was never finished" in refused.stderr
    assert "imported.yaml" not in refused.stderr


def test_secrets_from_outside_are_there_for_the_plan_at_the_end_and_advised_on_by_source(stage: Stage) -> None:
    manifest = stage.directory / "dpaas.yaml"
    value = stage.directory.parent / f"{stage.directory.name}.value"
    names = ("shop/env", "shop/file")
    stage.apps["shop"]["config"] |= {f"K{number}": {"secret": name} for number, name in enumerate(names)}
    stage.write()
    platform, *apps = yaml.safe_load_all(manifest.read_text())
    platform["spec"]["secrets"] = {"shop/env": {"env": "SHOP_TOKEN"}, "shop/file": {"file": str(value)}}
    manifest.write_text(yaml.safe_dump_all([platform, *apps]))
    value.touch(mode=0o600)
    value.write_text("from a file")
    try:
        stage.run("apply", "--auto-approve", environment={"SHOP_TOKEN": "t0ken"})
        lose_the_state(stage)
        done = stage.run("import", "--all", "--auto-approve", environment={"SHOP_TOKEN": "t0ken"})
    finally:
        value.unlink()
    assert "A plan of it changes nothing." in done.stdout, done.stdout + done.stderr
    assert "the environment variable SHOP_TOKEN with the value that is in use" in done.stderr
    assert f"the file {value} with the value that is in use" in done.stderr
    assert "dpaas secrets set" not in done.stderr


def test_a_scope_that_does_not_exist_is_told_with_those_that_do(stage: Stage) -> None:
    told = stage.run("import", "--all", "--from-scope", "nosuch/nosuch", "--auto-approve")
    assert "there is no scope nosuch/nosuch" in told.stderr
    assert "the regions hold things of acme/default/main" in told.stderr


def test_a_region_that_cannot_be_reached_ends_the_import(stage: Stage) -> None:
    lose_the_state(stage)
    stage.world.call("set_unreachable", "the network is down")
    refused = stage.run("import", "--all", "--auto-approve", expect=1)
    assert "the network is down" in refused.stderr
    assert not (stage.directory / ".dpaas" / "state.db").exists()


def test_a_manifest_that_is_there_is_not_written_over(stage: Stage) -> None:
    lose_the_state(stage)
    stage.apps.pop("api")
    stage.write()
    refused = stage.run("import", "--all", "--auto-approve", "--out", "dpaas.yaml", expect=1)
    assert "dpaas.yaml is there already" in refused.stderr
    stage.run("import", "--all", "--out", "api.yaml", "--auto-approve")
    assert "No changes" in stage.run("plan", "--detailed-exitcode").stdout


def test_a_teams_lost_state_is_recorded_again_in_its_database(database: str, location: str) -> None:
    team = TeamStage(location)
    try:
        del team.apps["shop"]["config"]["SESSION_KEY"]
        team.write()
        team.apply()
        before = records(team)
        with administrator(database) as connection:
            connection.execute("DROP SCHEMA dpaas CASCADE")
        done = team.run("import", "--all", "--auto-approve")
        assert f"Recorded {len(before)}" in done.stdout
        assert records(team) == before
        assert "No changes" in team.run("plan", "--detailed-exitcode").stdout
        (team.directory / "src" / "index.html").write_text("<h1>another</h1>\n")
        team.apply()
    finally:
        team.close()
