"""The region's link end: one more HAProxy under the region's supervisor, its keys sealed on the disk."""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from declarative_paas.core.follow import Endpoint
from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers import filelock
from declarative_paas.providers.links import launch
from declarative_paas.providers.links.program import (
    LedRoute,
    LinkProgram,
    TargetLink,
    config_files,
    digest,
    key_bundle,
)
from declarative_paas.providers.links.region_links import Link, Pair, RegionLinks, Route, served
from declarative_paas.providers.links.watching import QUESTION, Watched, link_problems, watched
from declarative_paas.providers.router.settings import haproxy_binary
from declarative_paas.providers.runtime.programs import Program
from declarative_paas.providers.wholefile import write_whole

if TYPE_CHECKING:
    from declarative_paas.providers.local.region import LocalRegion

PROGRAM: Final = "links"
LOOPBACK: Final = "127.0.0.1"
START_TIMEOUT_S: Final = 15.0
ANSWER_TIMEOUT_S: Final = 8.0
"""Longer than HAProxy takes for its first look at every listener."""

POLL_S: Final = 0.05
DIGEST: Final = "digest"


class LocalLinks:
    """See `LinkPlace`. Servers of one machine reach each other as they are: a pair of them needs nothing."""

    def __init__(self, region: LocalRegion, directory: Path, socket_path: Path) -> None:
        self._region = region
        self._directory = directory
        self._socket = socket_path

    def locked(self) -> AbstractContextManager[None]:
        return filelock.held(self._region.directory / ".links.lock")

    def ensure(self, links: RegionLinks) -> None:
        if links.links:
            self._run(links)
        else:
            self.end()
        wanted = {self._owner(route.name) for link in links.targets for route in link.routes}
        for owner in self._region.ports.claims():
            if owner.startswith(self._owner("")) and owner not in wanted:
                self._region.ports.release(owner)

    def problems(self, links: RegionLinks) -> Mapping[str, tuple[str, ...]]:
        supervisor = self._region.supervisor
        if not supervisor.is_running():
            return self._all(links, "the region's supervisor is not running")
        status = supervisor.programs().get(PROGRAM)
        if status is None or status.pid is None:
            return self._all(links, f"the link end of region {links.region} is not running")
        if self._told() != digest(self._files(links)):
            return self._all(links, f"the link end of region {links.region} is not as it was told to be")
        try:
            seen = self._watched({link.spec.label for link in links.targets})
        except ProviderError as problem:
            return self._all(links, problem.summary)
        return {link.spec.label: link_problems(self._target(link), seen) for link in links.targets}

    def entry(self, route: Route | Pair) -> Endpoint:
        if isinstance(route, Pair):
            return route.server
        return Endpoint(host=LOOPBACK, port=self._region.ports.claim(self._owner(route.name)))

    def _all(self, links: RegionLinks, problem: str) -> Mapping[str, tuple[str, ...]]:
        return {link.spec.label: (problem,) for link in links.links}

    def _run(self, links: RegionLinks) -> None:
        files = self._files(links)
        of = digest(files)
        self._directory.mkdir(mode=0o700, exist_ok=True)
        if self._told() != of:
            self._write(links, files, of)
        self._region.supervisor.ensure_running()
        said_before = self._log_size()
        # The digest is part of the command: a supervisor replaces what runs by another one, whenever we were killed.
        self._region.supervisor.put(self._supervised(of))
        self._wait_until_it_answers(said_before)

    def _write(self, links: RegionLinks, files: Mapping[str, str], of: str) -> None:
        marker = self._directory / DIGEST
        marker.unlink(missing_ok=True)
        for old in self._directory.glob("*.pem"):
            old.unlink(missing_ok=True)
        for name, text in files.items():
            write_whole(self._directory / name, text)
        bundles = {link.spec.label: key_bundle(link.keys) for link in links.links}
        write_whole(self._directory / launch.KEYS, self._region.keyring.seal(json.dumps(bundles)))
        write_whole(marker, of)

    def end(self) -> None:
        """Nothing is left of it, and of its keys."""
        if not self._directory.exists():
            return
        self._region.supervisor.remove(PROGRAM)
        for path in self._directory.iterdir():
            path.unlink(missing_ok=True)
        self._directory.rmdir()
        self._socket.unlink(missing_ok=True)

    def _told(self) -> str:
        try:
            return (self._directory / DIGEST).read_text()
        except FileNotFoundError:
            return ""

    def _files(self, links: RegionLinks) -> Mapping[str, str]:
        return config_files(self._program(links), launch.key_files(link.spec.label for link in links.links))

    def _program(self, links: RegionLinks) -> LinkProgram:
        ports = sorted({link.address.port for link in links.sources})
        return LinkProgram(
            sources=served(links),
            targets=tuple(self._target(link) for link in links.targets),
            listen=tuple(Endpoint(host="0.0.0.0", port=port) for port in ports),
            socket=self._socket,
            user=self._region.home.user,
        )

    def _target(self, link: Link) -> TargetLink:
        routes = tuple(LedRoute(name=route.name, entry=self.entry(route)) for route in link.routes)
        return TargetLink(link=link.spec, keys=link.keys, address=link.address, routes=routes)

    def _owner(self, route: str) -> str:
        return f"{self._region.settings.region}/link/{route}"

    def _supervised(self, of: str) -> Program:
        region = self._region
        command = (
            *(sys.executable, "-m", launch.__name__),
            *("--directory", str(self._directory), "--key", str(region.key_file)),
            *("--haproxy", str(haproxy_binary()), "--of", of),
        )
        return Program(
            name=PROGRAM,
            command=command,
            directory=region.directory,
            priority=150,
            log=self._log,
            stop_wait_s=5,
        )

    @property
    def _log(self) -> Path:
        return self._directory / "haproxy.log"

    def _log_size(self) -> int:
        return self._log.stat().st_size if self._log.exists() else 0

    def _wait_until_it_answers(self, said_before: int) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                self._ask()
                return
            except OSError:
                lines = self._lines_after(said_before)
                taken = any("already in use" in line for line in lines)
                if taken or time.monotonic() > deadline:
                    self._region.supervisor.remove(PROGRAM)
                    raise self._failed(lines, taken=taken) from None
            time.sleep(POLL_S)

    def _failed(self, lines: list[str], *, taken: bool) -> ProviderError:
        name = self._region.settings.region
        if taken:
            summary = f"another program has the port of region {name}'s `link_address`: choose another one"
            return ProviderError(ErrorKind.CONFLICT, summary, detail=lines)
        return ProviderError(ErrorKind.FAILED, f"the link end of region {name} does not start", detail=lines)

    def _lines_after(self, position: int) -> list[str]:
        """The last ones of the log that were written since it was so long; of a new log, all of it."""
        if not self._log.exists():
            return []
        content = self._log.read_bytes()
        return content[position if position <= len(content) else 0 :].decode("utf-8", "replace").splitlines()[-10:]

    def _watched(self, labels: set[str]) -> Mapping[str, Watched]:
        """Waits for the first look at each. Raises ProviderError when HAProxy itself does not answer."""
        deadline = time.monotonic() + ANSWER_TIMEOUT_S
        while True:
            try:
                seen = watched(self._ask())
            except OSError:
                name = self._region.settings.region
                raise ProviderError(ErrorKind.FAILED, f"the link end of region {name} does not answer") from None
            waiting = any(label not in seen or not seen[label].checked for label in labels)
            if not waiting or time.monotonic() > deadline:
                return seen
            time.sleep(POLL_S)

    def _ask(self) -> str:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5.0)
            connection.connect(str(self._socket))
            connection.sendall(QUESTION)
            parts: list[bytes] = []
            while part := connection.recv(65536):
                parts.append(part)
        return b"".join(parts).decode("utf-8", "replace")
