from __future__ import annotations

import os
import shutil
import stat
import tempfile
from pathlib import Path

import pytest

from declarative_paas.core.provider import ProviderError
from declarative_paas.providers.local import home as home_module
from declarative_paas.providers.local.home import find_home, peek_run_directory

ROOT = os.geteuid() == 0


@pytest.fixture
def directory(monkeypatch: pytest.MonkeyPatch):
    path = Path(tempfile.mkdtemp(prefix="dpaas-home-"))
    path.chmod(0o755)
    monkeypatch.setattr(home_module, "ROOT_DATA", path / "var")
    yield path
    shutil.rmtree(path)


def forget(home: Path) -> None:
    shutil.rmtree(peek_run_directory(home), ignore_errors=True)


def test_the_run_directory_is_short_ours_and_the_same_every_time(directory: Path):
    home = directory / ("deep/" * 30) / ".dpaas"
    first, second = find_home(home, None), find_home(home, None)
    assert first == second
    assert len(str(first.run)) < 60
    assert stat.S_IMODE(first.run.stat().st_mode) == 0o711
    forget(home)


def test_two_homes_have_two_run_directories(directory: Path):
    one, two = find_home(directory / "one", None), find_home(directory / "two", None)
    assert one.run != two.run
    forget(directory / "one")
    forget(directory / "two")


def test_data_lies_where_the_service_user_can_reach_it(directory: Path):
    private = directory / "private"
    private.mkdir(mode=0o700)
    found = find_home(private / ".dpaas", None)
    forget(private / ".dpaas")
    if ROOT:
        assert found.user == "nobody"
        assert found.data.parent == directory / "var"
        assert stat.S_IMODE(found.data.stat().st_mode) == 0o755
    else:
        assert found.user is None
        assert found.data == private / ".dpaas"


def test_somebody_else_s_run_directory_is_not_used(directory: Path):
    home = directory / ".dpaas"
    home.mkdir()
    trap = peek_run_directory(home)
    trap.symlink_to(directory)
    try:
        with pytest.raises(ProviderError, match="is not ours"):
            find_home(home, None)
    finally:
        trap.unlink()


def test_a_user_that_does_not_exist_or_is_root_is_refused(directory: Path):
    with pytest.raises(ProviderError):
        find_home(directory / ".dpaas", "no-such-user-here")
    with pytest.raises(ProviderError):
        find_home(directory / ".dpaas", "root" if ROOT else "daemon")
