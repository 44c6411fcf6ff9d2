"""Where `spec.state` leads."""

from __future__ import annotations

from pathlib import Path

import pytest
from broken_case import KEY, SCOPE, StoppedClock, make_state

from declarative_paas.core.state import StateError
from declarative_paas.state.location import Store, backup_store, open_store


def opened(location: str, base_dir: Path) -> Store:
    return open_store(location, base_dir=base_dir, clock=StoppedClock(), keyring=lambda: KEY)


def test_a_relative_path_starts_at_the_platforms_directory_wherever_the_command_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    project.mkdir()
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    store = opened("sqlite:.dpaas/state.db", project)
    store.acquire(SCOPE, "ann", 60)
    store.close()
    assert (project / ".dpaas" / "state.db").is_file()
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("name", ["state.db", "a b.db", "50%.db", "q?x=1#y.db", "ü.db", "mode=memory"])
def test_an_absolute_path_is_taken_as_it_is_whatever_it_is_called(tmp_path: Path, name: str) -> None:
    store = opened(f"sqlite:{tmp_path / name}", Path("/nowhere"))
    store.acquire(SCOPE, "ann", 60)
    store.close()
    assert [item.name for item in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("location", ["", "sqlite:", "state.db", "mysql://db/state", "SQLITE:x", "s3:bucket"])
def test_another_place_is_refused_with_what_is_supported(tmp_path: Path, location: str) -> None:
    for use in (
        lambda: opened(location, tmp_path),
        lambda: backup_store(location, SCOPE, base_dir=tmp_path, now=StoppedClock().now()),
    ):
        with pytest.raises(StateError, match="use sqlite:PATH") as refusal:
            use()
        scheme, colon, _ = location.partition(":")
        assert f"state '{scheme}{colon}' is not supported" in str(refusal.value)
    assert list(tmp_path.iterdir()) == []


def test_a_location_that_holds_a_password_is_refused_without_quoting_it(tmp_path: Path) -> None:
    for location in ("postgres://ann:hunter2@db/state", "mysql://ann:hunter2@db/state"):
        with pytest.raises(StateError) as refusal:
            opened(location, tmp_path)
        assert "hunter2" not in str(refusal.value)


def test_a_backup_is_of_the_state_at_the_location(tmp_path: Path) -> None:
    before = make_state(tmp_path / "state.db")
    copy = backup_store("sqlite:state.db", SCOPE, base_dir=tmp_path, now=StoppedClock().now())
    assert copy.parent == tmp_path / "backups"
    store = opened(f"sqlite:{copy}", tmp_path)
    assert store.snapshot(SCOPE) == before
    store.close()
