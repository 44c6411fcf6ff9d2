"""A team's project: two people with one state in a database, by commands alone."""

from __future__ import annotations

import json
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from cli_case import Stage
from postgres_stage import PASSWORD, Opener, administrator


class TeamStage(Stage):
    """A project whose state is at `state`."""

    def __init__(self, state: str) -> None:
        self.state = state
        super().__init__()

    def write(self) -> None:
        super().write()
        manifest = self.directory / "dpaas.yaml"
        platform, *others = yaml.safe_load_all(manifest.read_text())
        platform["spec"]["state"] = self.state
        manifest.write_text(yaml.safe_dump_all([platform, *others], sort_keys=False))


@pytest.fixture
def project(location: str) -> Iterator[TeamStage]:
    made = TeamStage(location)
    try:
        yield made
    finally:
        made.close()


def checked_out_again(project: TeamStage, other: Path) -> Path:
    """Another checkout: it shares the manifests and the key file, and nothing else."""
    (other / ".dpaas").mkdir(parents=True)
    shutil.copytree(project.directory / "src", other / "src")
    shutil.copy(project.directory / ".dpaas" / "secret.key", other / ".dpaas" / "secret.key")
    manifest = (project.directory / "dpaas.yaml").read_text()
    (other / "dpaas.yaml").write_text(manifest.replace("world.sock", str(project.directory / "world.sock")))
    return other


def test_what_one_person_applied_the_other_ones_plan_knows(
    project: TeamStage, tmp_path: Path, database: str, opened: Opener
) -> None:
    assert "8 to create" in project.run("plan", "--detailed-exitcode", expect=2).stdout
    with administrator(database) as connection:
        assert connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = 'dpaas'").fetchone() is None
    assert "Applied: 8 created" in project.apply().stdout
    assert not list(project.directory.rglob("*.db"))
    other = checked_out_again(project, tmp_path / "other")
    assert "No changes" in project.run("plan", "--detailed-exitcode", cwd=other).stdout
    pulled = json.loads(project.run("state", "pull", cwd=other).stdout)
    assert len(pulled["resources"]) == 8
    assert [entry["outcome"] for entry in json.loads(project.run("history", "--json", cwd=other).stdout)] == [
        "succeeded"
    ]
    (other / ".dpaas" / "secret.key").unlink()
    refused = project.run("secrets", "set", "shop/token", stdin="x", cwd=other, expect=1)
    assert "put the key file back" in refused.stderr


def test_of_two_applies_at_once_one_is_refused_and_told_by_whom(project: TeamStage) -> None:
    project.options["latency_s"] = 1.0
    project.write()
    first = project.start("apply", "--auto-approve")
    try:
        assert first.stdout is not None
        for line in iter(first.stdout.readline, b""):
            if b"creating" in line:
                break
        refused = project.run("apply", "--auto-approve", expect=1)
        assert "locked by" in refused.stderr
        assert "expires by itself" in refused.stderr
    finally:
        out, err = first.communicate(timeout=60)
    assert first.returncode == 0, (out, err)
    assert "No changes" in project.run("plan", "--detailed-exitcode").stdout


def test_an_apply_that_is_killed_is_finished_by_the_next_one(project: TeamStage) -> None:
    project.options["latency_s"] = 0.5
    project.write()
    first = project.start("apply", "--auto-approve")
    try:
        assert first.stdout is not None
        for line in iter(first.stdout.readline, b""):
            if b"creating" in line:
                break
    finally:
        first.kill()
        first.communicate()
    project.apply()
    assert "No changes" in project.run("plan", "--detailed-exitcode").stdout
    found = project.world.call("audit")
    assert not found["duplicates"], found


def test_what_one_person_left_unfinished_another_one_resumes(project: TeamStage, tmp_path: Path) -> None:
    project.apply()
    project.world.call("fail_on", "formation.shop", summary="not today")
    project.apply("--replace", "formation.shop", expect=1)
    other = checked_out_again(project, tmp_path / "other")
    # That it was to be replaced stands in no manifest: the state tells it.
    assert "No changes" in project.run("plan", "--detailed-exitcode", cwd=other).stdout
    done = project.run("apply", "--resume", cwd=other)
    assert "Applied: 1 created, 1 deleted" in done.stdout
    assert "nothing is left [nothing-to-resume]" in project.run("apply", "--resume", expect=1).stderr
    # With other manifests it is not the rest of that apply any more.
    project.world.call("fail_on", "formation.shop", summary="not today")
    project.apply("--replace", "formation.shop", expect=1)
    manifest = other / "dpaas.yaml"
    manifest.write_text(manifest.read_text().replace("LOG_LEVEL: info", "LOG_LEVEL: debug"))
    refused = project.run("apply", "--resume", cwd=other, expect=1)
    assert "config.shop was not part of it" in refused.stderr


def test_a_repair_of_the_record_leaves_a_copy_of_the_scope_beside_the_project(project: TeamStage) -> None:
    project.apply()
    done = project.run("state", "rm", "config.shop", "--auto-approve")
    copy = Path(done.stdout.strip().splitlines()[-1].partition(": ")[2])
    assert copy.parent == project.directory / ".dpaas" / "backups"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    document = json.loads(copy.read_text())
    assert document["scope"][0] == "acme"
    assert len(document["resources"]) == 8
    assert {secret["name"] for secret in document["secrets"]} == {
        "@acme/default/main/addon.shop/DATABASE.url",
        "@acme/default/main/secret.shop/SESSION_KEY.value",
    }
    assert document["lineage"]
    assert len(json.loads(project.run("state", "pull").stdout)["resources"]) == 7


def test_no_file_and_no_output_tells_the_password(project: TeamStage) -> None:
    outputs = [
        project.apply(),
        project.run("state", "pull"),
        project.run("state", "rm", "config.shop", "--auto-approve"),
    ]
    outputs += [project.run("plan", environment={"PGPASSWORD": f"not-{PASSWORD}"}, expect=1)]
    assert "see to PGPASSWORD" in outputs[-1].stderr
    assert not any(PASSWORD in output.stdout + output.stderr for output in outputs)
    assert not any(PASSWORD.encode() in path.read_bytes() for path in project.files())


def test_a_server_that_is_away_fails_the_command_before_anything_is_touched(project: TeamStage) -> None:
    project.state = "postgresql://team@127.0.0.1:1/state"
    project.write()
    refused = project.run("apply", "--auto-approve", expect=1)
    assert "127.0.0.1:1/state cannot be reached" in refused.stderr
    assert project.world.call("audit")["things"] == 0
