"""A platform of its own for a test: a project directory, the `dpaas` command, and requests through the router."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import yaml

DPAAS = str(Path(sys.executable).parent / "dpaas")
APPS = Path(__file__).with_name("apps")


class Project:
    """Removed with all its processes by `close`."""

    def __init__(self, name: str = "acme") -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="dpaas-e2e-"))
        self.directory.chmod(0o755)
        self.name = name
        self.regions: dict[str, Any] = {
            "us": {"provider": "local", "jurisdiction": "US", "options": {"drain_timeout_s": 15, "stop_timeout_s": 10}}
        }
        self.apps: dict[str, dict[str, Any]] = {}
        self.moved: list[dict[str, str]] = []
        self._urls: dict[str, str] = {}

    def copy_source(self, app: str = "echo") -> Path:
        target = self.directory / app
        shutil.copytree(APPS / app, target)
        return target

    def app(self, name: str, **spec: Any) -> None:
        """Declares an app, or changes what is given of a declared one."""
        spec.setdefault("region", self.apps.get(name, {}).get("region", "us"))
        self.apps[name] = {**self.apps.get(name, {}), **spec}
        self.write()

    def rename(self, old: str, new: str) -> None:
        """In the manifests: the app has the new name, and the Platform says that it is the same one."""
        self.apps[new] = self.apps.pop(old)
        self._urls.pop(old, None)
        self.moved = [{"from": f"app.{old}", "to": f"app.{new}"}]
        self.write()

    def write(self) -> None:
        documents: list[dict[str, Any]] = [
            {
                "kind": "Platform",
                "metadata": {"name": self.name},
                "spec": {"regions": self.regions, "moved": self.moved},
            }
        ]
        documents += [
            {"kind": "App", "metadata": {"name": name}, "spec": spec} for name, spec in sorted(self.apps.items())
        ]
        (self.directory / "dpaas.yaml").write_text(yaml.safe_dump_all(documents, sort_keys=False), encoding="utf-8")

    def dpaas(
        self,
        *arguments: str,
        expect: int | None = 0,
        timeout: float = 180,
        environment: Mapping[str, str] | None = None,
        stdin: str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command in the project; fails the test, with all output, on another exit code."""
        done = subprocess.run(
            [DPAAS, *arguments],
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            env={**os.environ, "NO_COLOR": "1", **(environment or {})},
        )
        if expect is not None:
            assert done.returncode == expect, (
                f"dpaas {' '.join(arguments)} exited with {done.returncode}\n{done.stdout}\n{done.stderr}"
            )
        assert "Traceback" not in done.stderr + done.stdout, done.stderr
        return done

    def apply(self, *arguments: str, expect: int = 0) -> subprocess.CompletedProcess[str]:
        return self.dpaas("apply", "--auto-approve", *arguments, expect=expect)

    def destroy(self, *arguments: str, expect: int = 0) -> subprocess.CompletedProcess[str]:
        return self.dpaas("destroy", "--auto-approve", *arguments, expect=expect)

    def state(self, address: str) -> dict[str, Any]:
        return json.loads(self.dpaas("state", "show", address).stdout)

    def url(self, app: str) -> str:
        """Chosen at the first apply and kept from then on."""
        if app not in self._urls:
            self._urls[app] = str(self.state(f"app.{app}")["outputs"]["url"])
        return self._urls[app]

    def get(self, app: str, path: str = "/", headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        """One request through the router, by the app's own port."""
        connection = http.client.HTTPConnection(urlsplit(self.url(app)).netloc, timeout=30)
        try:
            connection.request("GET", path, headers=dict(headers or {}))
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def processes(self) -> list[psutil.Process]:
        """Every process that belongs to this project, by its command line or working directory."""
        marks = (str(self.directory), self._run_directory())
        found: list[psutil.Process] = []
        for process in psutil.process_iter():
            try:
                words = " ".join(process.cmdline())
                environment = process.environ() if process.pid != os.getpid() else {}
                where = f"{words} {process.cwd()} {environment.get('HOME', '')} {environment.get('PWD', '')}"
            except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
                continue
            if any(mark in where for mark in marks) and process.pid != os.getpid():
                found.append(process)
        return found

    def kill_everything(self) -> None:
        """As a power cut would: nothing gets to say goodbye."""
        for _ in range(3):
            for process in self.processes():
                try:
                    process.kill()
                except psutil.NoSuchProcess:
                    continue

    def close(self) -> None:
        subprocess.run([DPAAS, "down"], cwd=self.directory, capture_output=True, timeout=120, check=False)
        self.kill_everything()
        shutil.rmtree(self.directory, ignore_errors=True)
        shutil.rmtree(self._run_directory(), ignore_errors=True)

    def _run_directory(self) -> str:
        from declarative_paas.providers.local.home import peek_run_directory

        return str(peek_run_directory(self.directory / ".dpaas"))
