"""Rotation: exactly the apps that use a secret get a new release, and nothing else is touched."""

from __future__ import annotations

import json
from typing import Any

import pytest
from project import Project
from secret_stage import SecretStage

GENERATED = "secret.shop/SESSION_KEY"


@pytest.fixture
def shared(stage: SecretStage) -> SecretStage:
    """`shop` and `blog` share a stored and a generated secret, `docs` has one of its own, `plain` has none."""
    stage.source("shared/encrypted", encrypted="secrets.json")
    stage.store("shared/encrypted", "one")
    stage.store("shared/stored", "one")
    stage.app(
        "shop",
        STORED={"secret": "shared/stored"},
        ENCRYPTED={"secret": "shared/encrypted"},
        SESSION_KEY={"generate": 32},
    )
    stage.app("blog", STORED={"secret": "shared/stored"}, KEY={"app": "shop", "config": "SESSION_KEY"})
    stage.app("docs", OWN={"generate": 16}, SHOP_URL={"app": "shop", "attribute": "url"})
    stage.app("plain", LOG_LEVEL="info")
    stage.apply()
    assert stage.releases() == {"shop": 1, "blog": 1, "docs": 1, "plain": 1}
    return stage


@pytest.mark.parametrize(
    ("secret", "users"),
    [
        ("shared/stored", {"shop", "blog"}),
        ("shared/encrypted", {"shop"}),
        (GENERATED, {"shop", "blog"}),
        ("secret.docs/OWN", {"docs"}),
    ],
)
def test_exactly_the_apps_that_use_the_secret_get_a_new_release(
    shared: SecretStage, secret: str, users: set[str]
) -> None:
    before = records(shared)
    # Another change is pending; it is not for this command to make.
    shared.app("plain", LOG_LEVEL="debug")
    told = shared.run("secrets", "rotate", secret, "--auto-approve", stdin="two")
    assert f"{3 * len(users)} updated" in told.stdout
    assert shared.releases() == {app: 2 if app in users else 1 for app in before["release"]}
    after = records(shared)
    for kind in ("config", "release", "formation"):
        assert {app for app in after[kind] if after[kind][app] != before[kind][app]} == users
    assert {app for app in after["slug"] if after["slug"][app] != before["slug"][app]} == set()
    assert shared.changes() == ["config.plain", "release.plain", "formation.plain"]


def records(stage: SecretStage) -> dict[str, dict[str, Any]]:
    """What is recorded, by type and app."""
    found: dict[str, dict[str, Any]] = {}
    for record in json.loads(stage.run("state", "pull").stdout)["resources"]:
        kind, _, name = record["address"].partition(".")
        found.setdefault(kind, {})[name] = record
    return found


def test_all_generated_secrets_are_rotated_each_to_a_value_of_its_own(shared: SecretStage) -> None:
    before = records(shared)["secret"]
    shared.run("secrets", "rotate", "--all-generated", "--auto-approve")
    after = records(shared)["secret"]
    digests = [record["outputs"]["value"]["$secret"][2] for state in (before, after) for record in state.values()]
    assert len(set(digests)) == 4
    assert shared.releases() == {"shop": 2, "blog": 2, "docs": 2, "plain": 1}
    assert shared.changes() == []


def test_without_consent_the_value_is_rotated_and_the_next_apply_releases_it(shared: SecretStage) -> None:
    told = shared.run("secrets", "rotate", GENERATED).stdout
    assert "The next apply releases the new values." in told
    assert "formation.docs" not in told
    assert set(shared.releases().values()) == {1}
    shared.apply()
    assert shared.releases() == {"shop": 2, "blog": 2, "docs": 1, "plain": 1}


def test_a_person_is_asked_for_the_value_and_then_for_consent(shared: SecretStage) -> None:
    answers = [("Value of shared/stored:", "typed"), ("Only `yes` is a yes:", "yes")]
    screen = shared.on_terminal(["secrets", "rotate", "shared/stored"], answers, expect=0)
    assert "typed" not in screen
    assert shared.releases() == {"shop": 2, "blog": 2, "docs": 1, "plain": 1}


def test_a_rotation_that_is_declined_leaves_all_that_runs_as_it_is(shared: SecretStage) -> None:
    before = records(shared)
    shared.on_terminal(["secrets", "rotate", GENERATED], [("Only `yes` is a yes:", "no")], expect=1)
    assert records(shared) == before


def test_the_same_value_again_rotates_nothing(shared: SecretStage) -> None:
    told = shared.run("secrets", "rotate", "shared/stored", "--auto-approve", stdin="one").stdout
    assert "has this value already" in told
    assert set(shared.releases().values()) == {1}


@pytest.mark.parametrize(
    ("names", "code", "says"),
    [
        (["shop/SESSION_KEY"], "unknown-secret", "did you mean: secret.shop/SESSION_KEY"),
        (["shared/store"], "unknown-secret", "did you mean: shared/stored"),
        (["shared/stored", "shared/encrypted"], "one-value", "one of them at a time"),
        (["from/env"], "secret-from-elsewhere", "FROM_ENV"),
    ],
)
def test_what_cannot_be_rotated_is_refused_before_anything_is(
    shared: SecretStage, names: list[str], code: str, says: str
) -> None:
    shared.source("from/env", env="FROM_ENV")
    before = shared.run("secrets", "list", "--json").stdout
    told = shared.run("secrets", "rotate", GENERATED, *names, stdin="two", expect=1).stderr
    assert f"[{code}]" in told
    assert says in told
    assert shared.run("secrets", "list", "--json").stdout == before


def test_manifests_with_a_mistake_rotate_nothing(shared: SecretStage) -> None:
    before = shared.run("secrets", "list", "--json").stdout
    shared.app("docs", OWN={"secret": "no/such"})
    shared.run("secrets", "rotate", GENERATED, expect=1)
    shared.app("docs", OWN={"generate": 16}, SHOP_URL={"app": "shop", "attribute": "url"})
    assert shared.run("secrets", "list", "--json").stdout == before


def test_a_secret_that_no_app_uses_is_rotated_without_a_plan(shared: SecretStage) -> None:
    shared.store("nobody/uses", "one")
    told = shared.run("secrets", "rotate", "nobody/uses", stdin="two").stdout
    assert "No app uses what was rotated." in told


def test_each_secret_is_listed_with_its_source_version_age_and_users(shared: SecretStage) -> None:
    listed = {item["name"]: item for item in json.loads(shared.run("secrets", "list", "--json").stdout)}
    assert {name: (item["source"], item["origin"], item["version"], item["apps"]) for name, item in listed.items()} == {
        GENERATED: ("generated", None, 1, ["blog", "shop"]),
        "secret.docs/OWN": ("generated", None, 1, ["docs"]),
        "shared/encrypted": ("encrypted", "secrets.json", 1, ["shop"]),
        "shared/stored": ("stored", None, 1, ["blog", "shop"]),
    }
    assert all(item["stored_at"].startswith("20") for item in listed.values())
    header, *rows = shared.run("secrets", "list").stdout.splitlines()
    assert header.split() == ["NAME", "SOURCE", "VERSION", "AGE", "APPS"]
    assert [row.split()[0] for row in rows] == sorted(listed)


def test_on_real_processes_the_users_restart_with_the_new_value_and_the_others_go_on_running(project: Project) -> None:
    project.copy_source("echo")
    web = {"web": {"command": "exec python3 server.py", "size": "standard-1x", "health": "/healthz"}}
    for name in ("shop", "blog", "docs"):
        secret = "own" if name == "docs" else "shared"
        project.app(name, source={"path": "./echo"}, config={"GREETING": {"secret": secret}}, formation=web)
    for secret in ("shared", "own"):
        project.dpaas("secrets", "set", secret, stdin="one")
    project.apply()
    before = {name: json.loads(project.get(name)[1]) for name in project.apps}
    project.dpaas("secrets", "rotate", "shared", "--auto-approve", stdin="two")
    after = {name: json.loads(project.get(name)[1]) for name in project.apps}
    assert {name: (told["greeting"], told["release"]) for name, told in after.items()} == {
        "shop": ("two", "v2"),
        "blog": ("two", "v2"),
        "docs": ("one", "v1"),
    }
    assert {name for name in after if after[name]["pid"] != before[name]["pid"]} == {"shop", "blog"}
