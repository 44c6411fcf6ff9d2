"""The local provider's kill loop: `dpaas apply` is killed at sampled times on real processes, then made good.

The audit asks the machine: ps, ports.json, SQL, directories. What it finds must be what a run without a kill leaves.
"""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from project import DPAAS, Project

from declarative_paas.providers.addons.postgres import PostgresServer
from declarative_paas.providers.local.home import peek_run_directory, service_user
from declarative_paas.vault.keyring import Keyring

DATABASE = ("--confirm", "addon.echo/DATABASE")
Inventory = dict[str, list[str]]


@dataclass
class Report:
    """`bad` tells, for each kill that was not made good, what was found."""

    name: str
    killed: int = 0
    bad: list[str] = field(default_factory=list)


def sampled(whole_s: float, count: int) -> Sequence[float]:
    """Moments spread over the time that the whole takes, none at its very ends."""
    return [whole_s * (number + 0.5) / count for number in range(count)]


class LocalDoomed:
    """One project with the echo app: two web dynos, a database, a release phase."""

    def __init__(self) -> None:
        self.project = Project()
        self.project.copy_source("echo")
        web = {"command": "exec python3 server.py", "size": "standard-1x", "quantity": 2, "health": "/healthz"}
        self.project.app(
            "echo",
            source={"path": "./echo"},
            # A build of its own, long enough to be killed in.
            build="sleep 0.3; echo built > built.txt",
            release="sleep 0.3",
            config={"GREETING": "hello"},
            formation={"web": web},
            addons=[{"plan": "postgres:standard-0", "as": "DATABASE"}],
        )

    def close(self) -> None:
        self.project.close()

    def first_deploys(self, count: int) -> Report:
        report = Report("first deploy")
        self._greet("warm up")
        self.project.apply()  # copies the engine, which later ones do not
        self._destroy()
        whole_s, expected = self._measured(0)
        self._destroy()
        for number, moment in enumerate(sampled(whole_s, count), 1):
            self._kill(report, moment, number, expected)
            self._destroy()
            left = {name: found for name, found in self.inventory().items() if name != "ports" and found}
            if left:
                report.bad.append(f"killed after {moment:.2f} s, after the destroy: {left}")
        return report

    def rolling_updates(self, count: int) -> Report:
        report = Report("rolling update")
        self._greet("before")
        self.project.apply()
        whole_s, expected = self._measured(0)
        for number, moment in enumerate(sampled(whole_s, count), 1):
            self._kill(report, moment, number, expected)
        return report

    def _measured(self, number: int) -> tuple[float, Inventory]:
        """How long an apply takes, and what it leaves."""
        self._greet(f"greeting {number}")
        started = time.monotonic()
        self.project.apply()
        return time.monotonic() - started, self.inventory()

    def _greet(self, greeting: str) -> None:
        """Another config and another source: a build, a release and a rolling deploy."""
        self.project.app("echo", config={"GREETING": greeting})
        (self.project.directory / "echo" / "greeting.txt").write_text(greeting)

    def _destroy(self) -> None:
        self.project.destroy(*DATABASE)

    def _kill(self, report: Report, moment: float, number: int, expected: Inventory) -> None:
        greeting = f"greeting {number}"
        self._greet(greeting)
        process = subprocess.Popen(
            [DPAAS, "apply", "--auto-approve"],
            cwd=self.project.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(moment)
        finally:
            process.kill()
        report.killed += process.wait() == -9
        where = f"killed after {moment:.2f} s"
        again = self.project.dpaas("apply", "--auto-approve", expect=None)
        if again.returncode != 0:
            report.bad.append(f"{where}: the next apply ended with {again.returncode}: {again.stdout}{again.stderr}")
            self.project.apply()
        plan = self.project.dpaas("plan", "--detailed-exitcode", expect=None)
        if plan.returncode != 0:
            report.bad.append(f"{where}: the plan after is not empty: {plan.stdout}{plan.stderr}")
        report.bad += [f"{where}: {wrong}" for wrong in self._answers(greeting)]
        found = self._settled(expected)
        report.bad += [
            f"{where}: {name}: {found[name]}, not {expected[name]}"
            for name in expected
            if found[name] != expected[name]
        ]

    def _answers(self, greeting: str) -> list[str]:
        answers = [json.loads(self.project.get("echo")[1]) for _ in range(12)]
        wrong = [f"it greets with {answer['greeting']}" for answer in answers if answer["greeting"] != greeting]
        if {answer["dyno"] for answer in answers} != {"web.1", "web.2"}:
            wrong.append(f"dynos that answer: {sorted({answer['dyno'] for answer in answers})}")
        return wrong

    def _settled(self, expected: Inventory) -> Inventory:
        """A process that was told to end may need a moment."""
        until = time.monotonic() + 10
        while (found := self.inventory()) != expected and time.monotonic() < until:
            time.sleep(0.2)
        return found

    # The audit

    def inventory(self) -> Inventory:
        """Everything there is, release numbers left out: a release that was killed keeps its number."""
        home = self.project.directory / ".dpaas"
        region = home / "regions" / "us"
        found = {
            "processes": self._processes(),
            "ports": sorted(json.loads((home / "ports.json").read_text())["claims"]),
            "dynos": _names(region / "dynos", "*"),
            "dyno directories": _names(region / "work", "*"),
            "programs": [name for name in _names(region / "supervisor" / "conf.d", "*.ini") if name.startswith("echo")],
            "add-ons": _names(region / "addons" / "instances", "*.json"),
            "scratch": self._scratch(region),
            "databases and roles": self._databases(region),
        }
        return {name: sorted(re.sub(r"\.v\d+\.", ".vN.", item) for item in items) for name, items in found.items()}

    def _processes(self) -> list[str]:
        labels: list[str] = []
        for process in self.project.processes():
            with contextlib.suppress(psutil.Error):
                label = _label(process)
                if label:
                    labels.append(label)
        return labels

    def _scratch(self, region: Path) -> list[str]:
        """What a build or a half-written file would leave."""
        known = re.compile(r"\w{32}\.(tar\.gz|json)|\.cache")  # slugs, and what builds may find again
        slugs = [path.name for path in (region / "slugs").glob("*") if not known.fullmatch(path.name)]
        half = [path.name for path in region.rglob("*") if re.search(r"\.(new|partial|tmp)$", path.name)]
        run = [path.name for path in peek_run_directory(self.project.directory / ".dpaas").rglob("*.json")]
        return [*slugs, *half, *run]

    def _databases(self, region: Path) -> list[str]:
        home = self.project.directory / ".dpaas"
        server = PostgresServer.load(
            region / "addons" / "servers" / "postgres-18",
            run_directory=peek_run_directory(home) / "us" / "a",
            user=service_user(None),
            keyring=Keyring.load(home / "secret.key"),
        )
        if server is None or not any("postgres" in label for label in self._processes()):
            return []
        with server.connect("postgres") as connection:
            rows = connection.execute(
                "SELECT 'database' FROM pg_database WHERE NOT datistemplate AND datname NOT IN ('postgres') "
                "UNION ALL SELECT 'role' FROM pg_roles WHERE rolname NOT LIKE 'pg\\_%' AND NOT rolsuper"
            ).fetchall()
        return [str(row[0]) for row in rows]


def _names(directory: Path, pattern: str) -> list[str]:
    # An add-on's id is random: that there is one is what counts.
    return [re.sub(r"-[0-9a-f]{10}\b", "-ID", path.name) for path in directory.glob(pattern) if path.name[0] != "."]


def _label(process: psutil.Process) -> str:
    """What a process is; "" for the many that another one in the list stands for."""
    words = process.cmdline()
    line = " ".join(words)
    parent = process.parent()
    if words[0].startswith("postgres:") or process.status() == psutil.STATUS_ZOMBIE:
        return ""
    if words[0].endswith("/haproxy"):
        # A worker that drains after a reload may live beside its successor: the master counts.
        return "router" if parent is not None and "haproxy" not in " ".join(parent.cmdline()) else ""
    for mark, name in (("supervisord", "supervisord"), ("logsink", "logsink"), ("/bin/postgres", "postgres")):
        if mark in line:
            return name
    if "runtime.runner" in line:
        return f"runner of {Path(words[-1]).name}"
    if words[-1] == "server.py":
        return f"server of {process.environ()['DYNO']}"
    return line
