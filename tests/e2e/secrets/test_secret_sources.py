"""Secrets from the environment, from files and from encrypted files: read to plan, stored by an apply alone."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from secret_stage import SecretStage


def stored_values(stage: SecretStage) -> dict[str, str]:
    """What `secrets list` says is stored: name -> source and version."""
    listed = json.loads(stage.run("secrets", "list", "--json").stdout)
    return {item["name"]: f"{item['source']} {item['version']}" for item in listed}


def git(directory: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=directory, check=True, capture_output=True)


@pytest.fixture
def sourced(stage: SecretStage) -> SecretStage:
    """One secret of each source, each with a value."""
    stage.source("shop/env", env="SHOP_TOKEN")
    stage.source("shop/file", file="./token.txt")
    stage.source("shop/encrypted", encrypted="secrets.json")
    stage.app(
        "shop",
        ENV={"secret": "shop/env"},
        FILE={"secret": "shop/file"},
        ENCRYPTED={"secret": "shop/encrypted"},
        STORED={"secret": "shop/stored"},
    )
    descriptor = os.open(stage.directory / "token.txt", os.O_CREAT | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write("from-the-file\n")
    stage.store("shop/encrypted", "from-the-encrypted-file")
    stage.store("shop/stored", "from-the-store")
    return stage


TOKEN = {"SHOP_TOKEN": "from-the-environment"}


def apply(stage: SecretStage, **environment: str) -> None:
    stage.run("apply", "--auto-approve", environment={**TOKEN, **environment})


def test_each_source_gives_its_value_and_an_apply_stores_it_as_a_version(sourced: SecretStage) -> None:
    assert stored_values(sourced) == {
        "shop/env": "env None",
        "shop/file": "file None",
        "shop/encrypted": "encrypted None",
        "shop/stored": "stored 1",
    }
    apply(sourced)
    assert stored_values(sourced) == {
        "shop/env": "env 1",
        "shop/file": "file 1",
        "shop/encrypted": "encrypted 1",
        "shop/stored": "stored 1",
    }
    assert sourced.changes(**TOKEN) == []


def test_a_plan_writes_nothing_not_even_a_key(stage: SecretStage) -> None:
    stage.source("shop/env", env="SHOP_TOKEN")
    stage.app("shop", ENV={"secret": "shop/env"})
    stage.run("plan", environment=TOKEN)
    stage.run("validate", environment=TOKEN)
    assert not (stage.directory / ".dpaas").exists()
    stage.run("apply", "--auto-approve", environment=TOKEN)
    before = {path: path.read_bytes() for path in stage.files()}
    assert stage.changes(SHOP_TOKEN="another") != []
    assert {path: path.read_bytes() for path in stage.files()} == before


@pytest.mark.parametrize("secret", ["ENV", "FILE", "ENCRYPTED"])
def test_a_new_value_at_its_source_is_planned_and_the_same_value_is_not(sourced: SecretStage, secret: str) -> None:
    apply(sourced)
    environment = dict(TOKEN)
    match secret:
        case "ENV":
            environment["SHOP_TOKEN"] = "new"
        case "FILE":
            (sourced.directory / "token.txt").write_text("new")
        case _:
            sourced.store("shop/encrypted", "new")
    assert sourced.changes(**environment) == ["config.shop", "release.shop", "formation.shop"]
    apply(sourced, **environment)
    assert stored_values(sourced)[f"shop/{secret.lower()}"].endswith(" 2")
    assert sourced.changes(**environment) == []


def test_a_saved_plan_is_refused_when_the_source_has_another_value_since(sourced: SecretStage) -> None:
    apply(sourced)
    environment = {"SHOP_TOKEN": "planned"}
    sourced.run("plan", "--out", "plan.json", environment=environment)
    told = sourced.run("apply", "plan.json", environment={"SHOP_TOKEN": "swapped"}, expect=1).stderr
    assert "stale" in told
    assert "secret shop/env has another value" in told
    assert "planned" not in told + (sourced.directory / "plan.json").read_text()
    assert stored_values(sourced)["shop/env"] == "env 1"
    sourced.run("apply", "plan.json", environment=environment)
    assert stored_values(sourced)["shop/env"] == "env 2"


def test_a_declared_source_is_the_only_one_also_when_a_value_is_stored(stage: SecretStage) -> None:
    stage.store("shop/token", "stored before")
    stage.source("shop/token", env="SHOP_TOKEN")
    stage.app("shop", TOKEN={"secret": "shop/token"})
    told = stage.run("plan", expect=1).stderr
    assert "dpaas.yaml:" in told
    assert "environment variable SHOP_TOKEN, which is not set [missing-secret]" in told
    assert "`export SHOP_TOKEN`" in told
    told = stage.run("secrets", "set", "shop/token", stdin="x", expect=1).stderr
    assert "[secret-from-elsewhere]" in told


def test_a_missing_value_is_told_once_where_it_is_declared_and_not_at_all_when_nobody_uses_it(
    stage: SecretStage,
) -> None:
    stage.source("shop/token", env="SHOP_TOKEN")
    stage.source("unused", env="NEVER_SET")
    for name in ("shop", "blog"):
        stage.app(name, TOKEN={"secret": "shop/token"})
    told = stage.run("validate", expect=1).stderr
    assert told.count("[missing-secret]") == 1
    assert "1 error" in told


def test_what_is_destroyed_needs_no_value_any_more(sourced: SecretStage) -> None:
    apply(sourced)
    (sourced.directory / "secrets.json").unlink()
    sourced.run("destroy", "--auto-approve")
    assert sourced.releases() == {}


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "no-value"),
        (b"\n", "no-value"),
        (b"a\0b", "bad-value"),
        (b"\xff\xfe", "not-utf-8"),
        (b"x" * 65_537, "value-too-large"),
    ],
)
def test_a_file_that_holds_no_usable_value_is_refused_without_quoting_it(
    sourced: SecretStage, content: bytes, code: str
) -> None:
    (sourced.directory / "token.txt").write_bytes(content)
    told = sourced.run("plan", environment=TOKEN, expect=1).stderr
    assert f"[{code}]" in told
    assert "dpaas.yaml:" in told
    assert "token.txt" in told
    assert "xxxx" not in told


def test_the_largest_value_and_one_of_many_lines_are_taken(sourced: SecretStage) -> None:
    (sourced.directory / "token.txt").write_bytes(b"line\n" * 13_107 + b"x\n")  # 65,536 bytes and a line end
    apply(sourced)
    assert sourced.changes(**TOKEN) == []


def test_an_empty_variable_is_no_value(sourced: SecretStage) -> None:
    told = sourced.run("plan", environment={"SHOP_TOKEN": ""}, expect=1).stderr
    assert "the value in the environment variable SHOP_TOKEN is empty [no-value]" in told


def test_a_directory_a_pipe_and_a_missing_file_are_refused_and_nobody_waits(sourced: SecretStage) -> None:
    file = sourced.directory / "token.txt"
    file.unlink()
    assert "No such file" in sourced.run("plan", environment=TOKEN, expect=1).stderr
    os.mkfifo(file)
    assert "no plain file" in sourced.run("plan", environment=TOKEN, expect=1).stderr
    file.unlink()
    file.mkdir()
    assert "Is a directory" in sourced.run("plan", environment=TOKEN, expect=1).stderr


def test_a_file_that_others_can_read_or_that_git_tracks_is_warned_of(sourced: SecretStage) -> None:
    assert "warning" not in sourced.run("plan", environment=TOKEN).stderr
    (sourced.directory / "token.txt").chmod(0o644)
    assert "[readable-secret]" in sourced.run("plan", environment=TOKEN).stderr
    (sourced.directory / "token.txt").chmod(0o600)
    git(sourced.directory, "init", "--quiet")
    assert "warning" not in sourced.run("plan", environment=TOKEN).stderr
    git(sourced.directory, "add", "token.txt")
    assert "[tracked-secret]" in sourced.run("plan", environment=TOKEN).stderr


def test_another_key_and_an_altered_file_are_told_apart(sourced: SecretStage) -> None:
    key = (sourced.directory / ".dpaas" / "secrets-file.key").read_text().strip()
    (sourced.directory / ".dpaas" / "secrets-file.key").unlink()
    told = sourced.run("plan", environment=TOKEN, expect=1).stderr
    assert "no key file" in told
    assert "DPAAS_SECRETS_KEY is not set" in told
    # A key file that went lost is not made anew beside what it sealed.
    sourced.run("secrets", "set", "shop/encrypted", stdin="x", expect=1)
    assert not (sourced.directory / ".dpaas" / "secrets-file.key").exists()
    other = "b" * 43 + "="
    told = sourced.run("plan", environment={**TOKEN, "DPAAS_SECRETS_KEY": other}, expect=1).stderr
    assert "is sealed with key" in told
    assert other not in told
    told = sourced.run("plan", environment={**TOKEN, "DPAAS_SECRETS_KEY": "short"}, expect=1).stderr
    assert "DPAAS_SECRETS_KEY: the key is not 32 bytes" in told
    sourced.run("plan", environment={**TOKEN, "DPAAS_SECRETS_KEY": key})
    file = sourced.directory / "secrets.json"
    content = json.loads(file.read_text())
    content["secrets"]["shop/encrypted"] = content["secrets"]["shop/encrypted"][:-8] + "AAAAAAA="
    file.write_text(json.dumps(content))
    told = sourced.run("plan", environment={**TOKEN, "DPAAS_SECRETS_KEY": key}, expect=1).stderr
    assert "was altered since it was sealed" in told
    assert "`dpaas secrets set shop/encrypted`" in told
    sourced.run("secrets", "set", "shop/encrypted", stdin="anew", environment={"DPAAS_SECRETS_KEY": key})
    sourced.run("plan", environment={**TOKEN, "DPAAS_SECRETS_KEY": key})


def test_the_encrypted_file_is_taken_from_a_clone_with_the_key_alone(sourced: SecretStage, tmp_path: Path) -> None:
    """What git carries and the key are enough: the state's own key is another one."""
    key = (sourced.directory / ".dpaas" / "secrets-file.key").read_text().strip()
    for name in ("dpaas.yaml", "secrets.json"):
        (tmp_path / name).write_bytes((sourced.directory / name).read_bytes())
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "index.html").write_text("hello")
    (tmp_path / "token.txt").write_text("from-the-file")
    environment = {**TOKEN, "DPAAS_SECRETS_KEY": key}
    told = sourced.run("plan", environment=environment, cwd=tmp_path, expect=1).stderr
    assert told.count("error:") == 1
    assert "no secret 'shop/stored' is stored" in told


def test_a_name_with_two_sources_is_refused_without_repeating_them(stage: SecretStage) -> None:
    stage.sources["shop/token"] = {"env": "SHOP_TOKEN", "file": "hunter2"}
    stage.app("shop", TOKEN={"secret": "shop/token"})
    told = stage.run("plan", expect=1).stderr
    assert "has 'env' and 'file' [conflicting-keys]" in told
    stage.sources["shop/token"] = "hunter2"
    stage.write()
    told = stage.run("plan", expect=1).stderr
    assert "{env: VARIABLE}, {file: PATH} or {encrypted: PATH}" in told
    assert "hunter2" not in told


def test_an_encrypted_file_that_is_not_declared_is_written_when_asked_for(stage: SecretStage) -> None:
    stage.app("shop")
    told = stage.run("secrets", "set", "shop/token", "--encrypted", "secrets.json", stdin="hunter2").stdout
    assert "secrets: {shop/token: {encrypted: secrets.json}}" in told
    stage.source("shop/token", encrypted="secrets.json")
    stage.app("shop", TOKEN={"secret": "shop/token"})
    stage.run("plan")
    again = stage.run("secrets", "set", "shop/token", "--encrypted", "secrets.json", stdin="hunter2").stdout
    assert "has this value already" in again
    stage.run("secrets", "set", "shop/token", "--encrypted", "other.json", stdin="x", expect=1)
    assert not (stage.directory / "other.json").exists()
    stage.run("secrets", "rm", "shop/token")
    assert "holds no secret shop/token" in stage.run("plan", expect=1).stderr


def test_an_entry_of_an_encrypted_file_that_is_not_declared_can_be_removed(stage: SecretStage) -> None:
    stage.source("shop/token", encrypted="secrets.json")
    stage.app("shop", TOKEN={"secret": "shop/token"})
    stage.store("shop/token", "hunter2")
    stage.run("secrets", "set", "shop/old", "--encrypted", "secrets.json", stdin="stale")
    stage.run("secrets", "set", "shop/stray", "--encrypted", "stray.json", stdin="stale")
    assert "Removed shop/old from " in stage.run("secrets", "rm", "shop/old").stdout
    content = json.loads((stage.directory / "secrets.json").read_text())
    assert list(content["secrets"]) == ["shop/token"]
    assert "no secret 'shop/stray' is stored" in stage.run("secrets", "rm", "shop/stray", expect=1).stderr
    stage.run("secrets", "rm", "shop/stray", "--encrypted", "stray.json")
    assert json.loads((stage.directory / "stray.json").read_text())["secrets"] == {}
    stage.run("plan")


def test_a_variable_that_is_a_source_can_still_be_read_by_set(stage: SecretStage) -> None:
    stage.source("shop/token", env="SHOP_TOKEN")
    stage.app("shop")
    stage.run("secrets", "set", "shop/copy", "--from-env", "SHOP_TOKEN", environment=TOKEN)
    assert stored_values(stage)["shop/copy"] == "stored 1"
