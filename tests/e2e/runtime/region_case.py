"""A real region in a directory of its own: a supervisord, and dynos whose commands are small scripts."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import socket
import tarfile
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from declarative_paas.providers.runtime import processes
from declarative_paas.providers.runtime.backoff import Backoff
from declarative_paas.providers.runtime.dyno_program import dyno_program
from declarative_paas.providers.runtime.spec import DynoSpec
from declarative_paas.providers.runtime.status import DynoStatus, read_status
from declarative_paas.providers.runtime.supervisor import RegionSupervisor
from declarative_paas.vault.keyring import Keyring

PYTHON = "/usr/bin/python3"
SECRET = "s3cr3t-never-on-disk"
PATIENCE_S = 20.0

T = TypeVar("T")

FILES = {
    "serve.py": "import os, http.server as h\n"
    "h.HTTPServer(('127.0.0.1', int(os.environ['PORT'])), h.SimpleHTTPRequestHandler).serve_forever()\n",
    "stubborn.py": "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('ready', flush=True)\n"
    "time.sleep(600)\n",
    "hoard.py": "import sys, time\nx = b'x' * (int(sys.argv[1]) << 20)\ntime.sleep(600)\n",
    # os.write, not print: the signal may arrive inside the print below.
    "tidy.py": "import os, signal, time\n"
    "signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.3), os.write(1, b'tidied up\\n'), os._exit(0)))\n"
    "print('ready', flush=True)\ntime.sleep(600)\n",
}


def eventually(found: Callable[[], T | None], what: str) -> T:
    """The first truthy answer; fails with `what` when there is none for long."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        answer = found()
        if answer:
            return answer
        time.sleep(0.03)
    raise AssertionError(f"never happened: {what}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Region:
    """`home` is a directory with a blank and a percent sign in its name; `supervisor` is not started yet."""

    def __init__(self, identifier: str = "test-us") -> None:
        self.base = Path(tempfile.mkdtemp(prefix="dpaas-"))
        self.base.chmod(0o755)
        self.home = self.base / "my region 100%"
        self.home.mkdir()
        self.run = self.base / "run"
        self.supervisor = RegionSupervisor(self.home / "supervisor", self.run, identifier)
        self.log = self.home / "storefront.log"
        self.key = self.home / "key"
        self.environment = self.home / "environment"
        self.environment.write_text(Keyring.load_or_create(self.key).seal(json.dumps({"SECRET": SECRET})))
        self.slug = self.home / "slug.tar.gz"
        with tarfile.open(self.slug, "w:gz") as archive:
            for name, text in FILES.items():
                member = tarfile.TarInfo(name)
                member.size = len(text)
                archive.addfile(member, io.BytesIO(text.encode()))

    def spec(self, command: str, **fields: Any) -> DynoSpec:
        spec = DynoSpec(
            app="storefront",
            name="worker.1",
            process_type="worker",
            release=1,
            id=f"{self.base.name}-worker.1",
            command=command,
            slug_archive=self.slug,
            working_root=self.home / "work",
            environment_file=self.environment,
            key_file=self.key,
            log=self.log,
            status=self.home / "status" / "worker.1.json",
            memory_mb=512,
            memory_kill_mb=1024,
            user="nobody",
            stop_timeout_s=5.0,
            backoff=Backoff(first_s=120),
        )
        return replace(spec, **fields)

    def start(self, spec: DynoSpec) -> None:
        spec.save(self.spec_file(spec))
        self.supervisor.ensure_running()
        self.supervisor.put(dyno_program(self.program(spec), spec, self.spec_file(spec)))

    def program(self, spec: DynoSpec) -> str:
        return f"storefront-{spec.name}"

    def spec_file(self, spec: DynoSpec) -> Path:
        return self.home / f"{spec.name}.json"

    def lines(self) -> list[str]:
        """The app's log without its time stamps, each of which must be one."""
        text = self.log.read_text() if self.log.exists() else ""
        stamp = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00 ")
        assert all(stamp.match(line) for line in text.splitlines())
        return [line[33:] for line in text.splitlines()]

    def logged(self, text: str, times: int = 1) -> list[str]:
        """Waits until `times` lines hold the text; returns all lines."""
        eventually(lambda: sum(text in line for line in self.lines()) >= times, f"{times} x {text!r} in {self.log}")
        return self.lines()

    def status(self, spec: DynoSpec, state: str) -> DynoStatus:
        """Waits until the dyno's state is that."""

        def reached() -> DynoStatus | None:
            found = read_status(spec.status)
            return found if found is not None and found.state == state else None

        return eventually(reached, f"{spec.name} {state}")

    def close(self) -> None:
        try:
            self.supervisor.shutdown(10)
        finally:
            for pid in self.processes():
                os.kill(pid, 9)
            shutil.rmtree(self.base, ignore_errors=True)

    def processes(self) -> list[int]:
        """Every process that belongs to the region: it has the region's directory in its arguments or variables."""
        mark = str(self.base)
        return [
            one.pid
            for one in processes.all_stats()
            if one.pid != os.getpid()
            and not one.is_zombie
            and (
                any(mark in word for word in processes.command_line(one.pid))
                or any(mark.encode() in pair for pair in processes.environment(one.pid))
            )
        ]
