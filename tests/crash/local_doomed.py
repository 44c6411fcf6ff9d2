"""The local provider's kill loop: `dpaas apply` is killed at sampled times on real processes, then made good.

The audit asks the machine: ps, ports.json, SQL, directories. What it finds must be what a run without a kill leaves.
"""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path

import psutil
from kill_loop import Inventory, KillLoop
from project import Project

from declarative_paas.providers.addons.postgres import PostgresServer
from declarative_paas.providers.local.home import peek_run_directory, service_user
from declarative_paas.vault.keyring import Keyring


class LocalDoomed(KillLoop):
    """On processes of this machine."""

    def __init__(self) -> None:
        super().__init__(Project())

    def left(self) -> Inventory:
        """Ports stay an app's own."""
        return {name: found for name, found in self.inventory().items() if name != "ports"}

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
