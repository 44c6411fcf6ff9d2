"""Regions with real servers, run by a host of plain subprocesses; everything ends with the module."""

from __future__ import annotations

import base64
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import psutil
import pytest

from declarative_paas.providers.addons.driver import RegionAddons
from declarative_paas.providers.addons.server import ServerProcess
from declarative_paas.vault.keyring import Keyring


class SubprocessHost:
    """Runs each server as a child process, without restarts."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._children: dict[str, tuple[subprocess.Popen[bytes], ServerProcess]] = {}

    def start(self, process: ServerProcess) -> None:
        self.stop(process.name)
        entry = pwd.getpwnam(process.user) if process.user and os.geteuid() == 0 else None
        with (self._logs / f"{process.name}.log").open("ab") as log:
            child = subprocess.Popen(
                process.command,
                cwd=process.directory,
                env=dict(process.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                user=entry.pw_uid if entry else None,
                group=entry.pw_gid if entry else None,
                extra_groups=[] if entry else None,
            )
        self._children[process.name] = (child, process)

    def stop(self, name: str) -> None:
        child, process = self._children.pop(name, (None, None))
        if child is None or process is None:
            return
        if child.poll() is None:
            child.send_signal(signal.Signals[f"SIG{process.stop_signal}"])
        try:
            child.wait(process.stop_wait_s)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()

    def running(self) -> set[str]:
        return {name for name, (child, _) in self._children.items() if child.poll() is None}

    def last_lines(self, name: str) -> list[str]:
        raise AssertionError("no test here asks for it")

    def kill(self, name: str) -> None:
        """As a crash or a reboot: no clean stop. The server's own children see it and end too."""
        child, _ = self._children[name]
        child.kill()
        child.wait()

    def lose(self, name: str) -> subprocess.Popen[bytes]:
        """As when the supervisor is killed: the server runs on, and its host knows nothing of it."""
        return self._children.pop(name)[0]

    def stop_all(self) -> None:
        for name in list(self._children):
            self.stop(name)


def servers_under(place: Path) -> list[psutil.Process]:
    """The server processes whose command names a path under `place` (not PostgreSQL's own children)."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        try:
            is_server = Path(process.cmdline()[0]).name in ("postgres", "valkey-server", "redis-server")
            if is_server and any(f"{place}{os.sep}" in word for word in process.cmdline()):
                found.append(process)
        except (psutil.Error, IndexError):
            continue
    return found


def region_at(place: Path) -> RegionAddons:
    """A region that two processes see as the same one: ports and key are kept in files beside it."""
    ports = place / "ports.json"

    def allocate(owner: str) -> int:
        known: dict[str, int] = json.loads(ports.read_text()) if ports.exists() else {}
        known.setdefault(owner, free_port())
        ports.write_text(json.dumps(known))
        return known[owner]

    return RegionAddons(
        directory=place / "addons",
        run_directory=place / "run",
        home=place.parent,
        keyring=Keyring.load_or_create(place.parent / "key"),
        user="nobody" if os.geteuid() == 0 else None,
        allocate_port=allocate,
        processes=SubprocessHost(place / "logs"),
    )


@pytest.fixture(scope="module")
def new_region() -> Iterator[Callable[[], RegionAddons]]:
    """Makes regions of one platform: own directories and servers, shared home and key."""
    base = Path(tempfile.mkdtemp(prefix="dpaas-"))
    base.chmod(0o755)
    regions: list[RegionAddons] = []

    def make() -> RegionAddons:
        place = base / f"r{len(regions)}"
        (place / "logs").mkdir(parents=True)
        place.chmod(0o755)
        regions.append(region_at(place))
        return regions[-1]

    try:
        yield make
    finally:
        for region in regions:
            cast("SubprocessHost", region.processes).stop_all()
        for stray in servers_under(base):
            stray.kill()
            stray.wait()
        shutil.rmtree(base)


@pytest.fixture(scope="module")
def region(new_region: Callable[[], RegionAddons]) -> RegionAddons:
    return new_region()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def files_holding() -> Callable[[Path, str], list[Path]]:
    """Which files under a directory hold a text, plain or in any alignment of base64."""

    def search(directory: Path, text: str) -> list[Path]:
        needles = [text.encode(), text.encode().hex().encode()]
        for padding in range(3):
            encoded = base64.b64encode(b"x" * padding + text.encode())
            # The ends depend on what stands around the text; the middle does not.
            needles += [encoded[4:-4], encoded[4:-4].replace(b"+", b"-").replace(b"/", b"_")]
        files = [path for path in directory.rglob("*") if path.is_file() and not path.is_symlink()]
        assert files, f"nothing to search in {directory}"
        return [path for path in files if any(needle in path.read_bytes() for needle in needles)]

    return search
