"""A new key for the platform: all that was sealed opens, and nothing that runs changes."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from project import Project
from secret_stage import SecretStage

from declarative_paas.vault.keyring import Keyring


def test_a_rekey_changes_no_resource_and_every_stored_value_opens_with_the_new_key_alone(stage: SecretStage) -> None:
    stage.store("shop/token", "one")
    stage.store("shop/token", "two")
    stage.app("shop", TOKEN={"secret": "shop/token"}, SESSION_KEY={"generate": 32})
    stage.apply()
    key_file = stage.directory / ".dpaas" / "secret.key"
    old = Keyring.load(key_file)
    told = stage.run("secrets", "rekey").stdout
    newest, *earlier = key_file.read_bytes().split()
    assert f"Key {Keyring(newest).id} seals from now on, {old.id} only opens. Sealed anew: 3." in told
    assert Keyring(*earlier).id == old.id
    with closing(sqlite3.connect(stage.directory / ".dpaas" / "state.db")) as connection:
        sealed = [row[0] for row in connection.execute("SELECT sealed FROM secrets ORDER BY name, version")]
    assert [Keyring(newest).open(text) for text in sealed][1:] == ["one", "two"]
    assert stage.changes() == []
    assert "has this value already (version 2)" in stage.run("secrets", "set", "shop/token", stdin="two").stdout
    stage.store("shop/token", "three")
    stage.apply()
    assert stage.releases() == {"shop": 2}


def test_a_rekey_that_was_killed_after_its_first_half_is_finished_by_another(stage: SecretStage) -> None:
    stage.store("shop/token", "one")
    stage.app("shop", TOKEN={"secret": "shop/token"})
    stage.apply()
    key_file = stage.directory / ".dpaas" / "secret.key"
    # What a kill between the key file and the state leaves.
    key_file.write_bytes(b"YW5vdGhlciBrZXkgb2YgMzIgYnl0ZXMsIGV4YWN0bHk=\n" + key_file.read_bytes())
    assert stage.changes() == []
    assert "Sealed anew: 1." in stage.run("secrets", "rekey").stdout
    assert len(key_file.read_bytes().split()) == 3
    assert stage.changes() == []


def test_another_state_s_key_file_gets_no_new_key(stage: SecretStage) -> None:
    stage.store("shop/token", "one")
    key_file = stage.directory / ".dpaas" / "secret.key"
    key_file.write_bytes(b"YW5vdGhlciBrZXkgb2YgMzIgYnl0ZXMsIGV4YWN0bHk=\n")
    stage.app("shop")
    assert "put the key file back" in stage.run("secrets", "rekey", expect=1).stderr
    assert len(key_file.read_bytes().split()) == 1
    key_file.unlink()
    assert "is missing" in stage.run("secrets", "rekey", expect=1).stderr
    assert not key_file.exists()


def test_where_nothing_was_sealed_there_is_no_key_to_replace(stage: SecretStage) -> None:
    stage.app("shop")
    assert "[no-key]" in stage.run("secrets", "rekey", expect=1).stderr
    assert not (stage.directory / ".dpaas").exists()


def test_what_a_region_sealed_before_opens_after_a_restart_and_a_rollback(project: Project) -> None:
    """Dynos restart from what the old key sealed; the next release is sealed with the new one."""
    project.copy_source("echo")
    project.app(
        "echo",
        source={"path": "./echo"},
        config={"GREETING": {"secret": "echo/greeting"}},
        formation={"web": {"command": "exec python3 server.py", "size": "standard-1x", "health": "/healthz"}},
        addons=[{"plan": "redis:premium-0", "as": "REDIS"}],
    )
    project.dpaas("secrets", "set", "echo/greeting", stdin="hello")
    project.apply()
    project.dpaas("secrets", "rekey")
    assert b'"greeting": "hello"' in project.get("echo")[1]
    assert "No changes" in project.dpaas("plan").stdout
    project.kill_everything()
    project.apply()
    assert b'"greeting": "hello"' in project.get("echo")[1]
    project.dpaas("secrets", "rotate", "echo/greeting", "--auto-approve", stdin="good morning")
    assert b'"greeting": "good morning"' in project.get("echo")[1]
    project.dpaas("rollback", "echo", "1", "--auto-approve")
    assert b'"greeting": "hello"' in project.get("echo")[1]
    project.dpaas("destroy", "--auto-approve", "--confirm=addon.echo/REDIS")
