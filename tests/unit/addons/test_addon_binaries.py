"""Server binaries in the platform's home: whole, usable by another account, made once."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.addons.binaries import Binaries, Engine, install


@pytest.mark.parametrize(("engine", "program"), [("postgres", "postgres"), ("valkey", "valkey-server")])
def test_the_packages_binaries_are_copied_under_their_version_and_digest(
    tmp_path: Path, engine: Engine, program: str
) -> None:
    binaries = install(tmp_path, engine)
    assert (tmp_path / "engines" / f"{engine}-{binaries.version}-{binaries.digest}").is_dir()
    done = subprocess.run([binaries.program(program), "--version"], capture_output=True, text=True, env={})
    assert binaries.version in done.stdout
    assert Binaries.from_json(binaries.to_json()) == binaries


def test_every_account_can_read_and_run_them_whatever_the_umask(tmp_path: Path) -> None:
    # In a process of its own: the umask is one for all threads.
    code = (
        "import os, sys, pathlib; os.umask(0o077)\n"
        "from declarative_paas.providers.addons.binaries import install\n"
        "install(pathlib.Path(sys.argv[1]), 'postgres')"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, cwd=Path(__file__).parents[3])
    paths = [tmp_path / "engines", *(tmp_path / "engines").rglob("*")]
    assert len(paths) > 500
    for path in paths:
        assert path.stat().st_mode & (0o005 if path.is_dir() or path.parent.name == "bin" else 0o004), path


def test_installing_again_or_at_once_makes_one_tree_and_leaves_nothing_else(tmp_path: Path) -> None:
    found: list[Binaries] = []
    threads = [threading.Thread(target=lambda: found.append(install(tmp_path, "valkey"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert [path.name for path in (tmp_path / "engines").iterdir()] == [f"valkey-{found[0].version}-{found[0].digest}"]
    before = Path(found[0].program("valkey-server")).stat().st_ino
    install(tmp_path, "valkey")
    assert Path(found[0].program("valkey-server")).stat().st_ino == before


def test_a_version_that_is_nowhere_is_refused_with_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(ProviderError, match="no server binaries of postgres 99") as refused:
        install(tmp_path, "postgres", major=99)
    assert refused.value.kind is ErrorKind.INVALID
    assert "18." in refused.value.detail[0]


def test_a_systems_own_binaries_serve_where_the_package_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packaged = install(tmp_path / "first", "valkey")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(packaged.bin_dir))
    system = install(tmp_path / "second", "valkey")
    assert (system.bin_dir, system.version) == (packaged.bin_dir, packaged.version)
    assert not (tmp_path / "second").exists()
