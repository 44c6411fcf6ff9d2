"""A shop on local processes with rows that can be told apart, its forks, and what is asked of both."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable
from typing import Any

import psutil
import yaml
from project import DPAAS, Project

FORK = "echo-eu"
ADDONS = [{"plan": "postgres:standard-0", "as": "DATABASE"}, {"plan": "redis:premium-0", "as": "REDIS"}]
CONFIRMED = ("--confirm", f"addon.{FORK}/DATABASE", "--confirm", f"addon.{FORK}/REDIS")
CHECKSUM = "SELECT count(*), md5(string_agg(t::text, ',' ORDER BY id)) FROM orders t"


class ForkProject(Project):
    """The echo app with a database of `rows` rows in us; eu is another region of this machine."""

    def start(self, rows: int = 2000) -> None:
        self.regions["eu"] = {**self.regions["us"], "jurisdiction": "EU"}
        self.copy_source("echo")
        web = {"command": "exec python3 server.py", "size": "standard-1x", "quantity": 1, "health": "/healthz"}
        self.app(
            "echo",
            source={"path": "./echo"},
            config={"GREETING": "hello", "KEY": {"generate": 32}},
            formation={"web": web},
            addons=ADDONS,
            domains=["echo.example.com"],
        )
        self.apply()
        self.sql(
            "echo",
            "CREATE TABLE orders (id bigserial PRIMARY KEY, item text NOT NULL);"
            f"INSERT INTO orders (item) SELECT repeat(md5(i::text), 8) FROM generate_series(1, {rows}) i",
        )

    def sql(self, app: str, query: str) -> str:
        """What psql prints, bare."""
        return self.dpaas("pg", "psql", app, "--", "-qAtX", "-v", "ON_ERROR_STOP=1", "-c", query).stdout.strip()

    def checksum(self, app: str) -> str:
        return self.sql(app, CHECKSUM)

    def declare_fork(self, name: str = FORK, **spec: Any) -> None:
        text = yaml.safe_dump({"kind": "Fork", "metadata": {"name": name}, "spec": {"from": "echo", **spec}})
        (self.directory / f"{name}.dpaas.yaml").write_text(text, encoding="utf-8")

    def withdraw_fork(self, name: str = FORK) -> None:
        (self.directory / f"{name}.dpaas.yaml").unlink()

    def copies(self, name: str = FORK) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.dpaas("fork", "status", name, "--json").stdout)
        return found

    def recorded(self) -> set[str]:
        return set(self.dpaas("state", "list").stdout.split())

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """A command that goes on, its output one stream."""
        return subprocess.Popen(
            [DPAAS, *arguments],
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def interrupted_at(self, marker: str, action: Callable[[subprocess.Popen[str]], None]) -> tuple[int, str]:
        """Applies, does something as soon as a line with the marker comes, and waits for the end."""
        process = self.begin("apply", "--auto-approve")
        assert process.stdout is not None
        told: list[str] = []
        done = False
        try:
            for line in process.stdout:
                told.append(line)
                if not done and marker in line:
                    done = True
                    action(process)
            code = process.wait(timeout=120)
        finally:
            process.kill()
            process.stdout.close()
            process.wait()
        assert done, f"no line had {marker!r}:\n{''.join(told)}"
        return code, "".join(told)

    def postgres(self, region: str) -> psutil.Process:
        """The region's PostgreSQL server."""
        data = str(self.directory / ".dpaas" / "regions" / region / "addons")
        (found,) = [
            process
            for process in self.processes()
            if process.cmdline()[:1] and process.cmdline()[0].endswith("/postgres") and data in process.cmdline()[2]
        ]
        return found

    def supervisord(self, region: str) -> psutil.Process:
        """What keeps the region's processes."""
        found = self.postgres(region).parent()
        assert found is not None
        return found


def kill(process: psutil.Process) -> None:
    process.send_signal(signal.SIGKILL)
    psutil.wait_procs([process], timeout=10)
