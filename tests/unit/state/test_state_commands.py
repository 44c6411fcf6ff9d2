"""`dpaas state rm` and `mv` on a project, as a person runs them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from broken_case import KEY, KEY_FILE, open_state

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.plan import Operation
from declarative_paas.core.resource import ResourceState
from declarative_paas.core.state import Intent, StepResult
from declarative_paas.core.values import Reference
from declarative_paas.desired.config import SECRETS_REGION
from declarative_paas.state.sqlite import SqliteStore
from declarative_paas.workflow.world import SystemClock

SCOPE = Scope("acme")
PLATFORM = """\
apiVersion: paas/v1
kind: Platform
metadata: {name: acme}
spec:
  state: sqlite:.dpaas/state.db
  regions:
    us: {provider: local, jurisdiction: US}
"""


def at(text: str) -> ResourceAddress:
    return ResourceAddress.parse(text)


def record(address: str, region: str = SECRETS_REGION, **attributes: object) -> ResourceState:
    needs = tuple(value.address for value in attributes.values() if isinstance(value, Reference))
    return ResourceState(
        address=at(address), instance="i1", region=region, remote_id="r", attributes=attributes, dependencies=needs
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "platform.yaml").write_text(PLATFORM)
    return tmp_path


def fill(project: Path) -> None:
    store = open_state(project / ".dpaas" / "state.db")
    lease = store.acquire(SCOPE, "ann", 60)
    records = [
        record("secret.shop/KEY", length=32),
        record("config.shop/SESSION", "us", value=Reference(at("secret.shop/KEY"), "value")),
    ]
    begun = Intent(
        step_id="create:app.shop#i1", operation=Operation.CREATE, address=at("app.shop"), instance="i1", region="us"
    )
    store.commit(lease, results=[StepResult(step_id=str(item.address), put=item) for item in records], intents=[begun])
    store.release(lease)
    store.close()
    (project / ".dpaas" / "secret.key").write_bytes(KEY_FILE)


def dpaas(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "declarative_paas.cli", *words],
        cwd=project,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def recorded(project: Path) -> list[str]:
    store = open_state(project / ".dpaas" / "state.db")
    found = sorted(str(key[0]) for key in store.snapshot(SCOPE).resources)
    store.close()
    return found


def backup_told_in(output: str) -> Path:
    return Path(output.strip().splitlines()[-1].partition(": ")[2])


def test_rm_forgets_tells_where_the_backup_is_and_warns_that_the_thing_goes_on(project: Path) -> None:
    fill(project)
    done = dpaas(project, "state", "rm", "secret.shop/KEY", "--auto-approve")
    assert done.returncode == 0, done.stderr
    assert "secret.shop/KEY" in done.stdout
    assert "goes on existing" in done.stderr
    assert recorded(project) == ["config.shop/SESSION"]
    copy = open_state(backup_told_in(done.stdout))
    assert len(copy.snapshot(SCOPE).resources) == 2
    copy.close()


def test_rm_asks_and_without_anybody_there_forgets_nothing(project: Path) -> None:
    fill(project)
    done = dpaas(project, "state", "rm", "secret.shop/KEY")
    assert done.returncode == 1
    assert "--auto-approve" in done.stderr
    assert recorded(project) == ["config.shop/SESSION", "secret.shop/KEY"]
    assert not (project / ".dpaas" / "backups").exists()


def test_rm_forgets_a_step_that_was_never_finished(project: Path) -> None:
    fill(project)
    done = dpaas(project, "state", "rm", "app.shop", "--auto-approve")
    assert done.returncode == 0, done.stderr
    assert "create:app.shop#i1" in done.stdout
    store = open_state(project / ".dpaas" / "state.db")
    assert not store.snapshot(SCOPE).intents
    store.close()


def test_mv_renames_the_record_and_what_refers_to_it(project: Path) -> None:
    fill(project)
    done = dpaas(project, "state", "mv", "secret.shop/KEY", "secret.shop/SESSION_KEY")
    assert done.returncode == 0, done.stderr
    assert "secret.shop/SESSION_KEY" in done.stdout
    assert "config.shop/SESSION" in done.stdout
    store = open_state(project / ".dpaas" / "state.db")
    found = store.snapshot(SCOPE).resources
    store.close()
    assert sorted(str(key[0]) for key in found) == ["config.shop/SESSION", "secret.shop/SESSION_KEY"]
    config = found[(at("config.shop/SESSION"), "i1")]
    assert config.attributes["value"] == Reference(at("secret.shop/SESSION_KEY"), "value")
    assert config.dependencies == (at("secret.shop/SESSION_KEY"),)
    assert backup_told_in(done.stdout).exists()


def test_an_unknown_address_is_refused_with_the_nearest_and_no_backup_is_made(project: Path) -> None:
    fill(project)
    for words in (["rm", "secret.shop/KEX", "--auto-approve"], ["mv", "secret.shop/KEX", "secret.shop/NEW"]):
        done = dpaas(project, "state", *words)
        assert done.returncode == 1
        assert "secret.shop/KEY" in done.stderr
    assert not (project / ".dpaas" / "backups").exists()


def test_without_a_state_a_repair_makes_none(project: Path) -> None:
    done = dpaas(project, "state", "rm", "app.shop", "--auto-approve")
    assert done.returncode == 1
    assert "nothing is recorded at app.shop" in done.stderr
    assert [item.name for item in project.iterdir()] == ["platform.yaml"]


def test_a_repair_is_refused_while_somebody_elsewhere_holds_the_lock(project: Path) -> None:
    fill(project)
    store = SqliteStore(project / ".dpaas" / "state.db", clock=SystemClock(), keyring=lambda: KEY)
    store.acquire(SCOPE, "ann@elsewhere (process 1)", 600)
    done = dpaas(project, "state", "rm", "secret.shop/KEY", "--auto-approve")
    store.close()
    assert done.returncode == 1
    assert "locked by ann@elsewhere" in done.stderr
    assert recorded(project) == ["config.shop/SESSION", "secret.shop/KEY"]
