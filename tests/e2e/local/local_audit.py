"""What there is of a project on this machine, asked of the machine: ps, ports.json, SQL, directories.

What an interrupted command and the one after it leave must be what a run without the interruption leaves.
"""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path

import psutil
from project import Project

from declarative_paas.providers.addons.postgres import PostgresServer
from declarative_paas.providers.local.home import peek_run_directory, service_user
from declarative_paas.vault.keyring import Keyring

Inventory = dict[str, list[str]]


def inventory(project: Project, region: str = "us") -> Inventory:
    """Processes and ports of the whole project, all else of one region; without what differs from run to run:
    release numbers (a release that was killed keeps its number) and the random part of ids."""
    home = project.directory / ".dpaas"
    directory = home / "regions" / region
    found = {
        "processes": processes(project),
        "ports": sorted(json.loads((home / "ports.json").read_text())["claims"]),
        "dynos": _names(directory / "dynos", "*"),
        "dyno directories": _names(directory / "work", "*"),
        "programs": [name for name in _names(directory / "supervisor" / "conf.d", "*.ini") if name.startswith("echo")],
        "add-ons": _names(directory / "addons" / "instances", "*.json"),
        "scratch": _scratch(project, directory),
        "databases and roles": _databases(project, region),
    }
    return {name: sorted(re.sub(r"\.v\d+\.", ".vN.", item) for item in items) for name, items in found.items()}


def processes(project: Project) -> list[str]:
    """What runs, by what it is."""
    labels: list[str] = []
    for process in project.processes():
        with contextlib.suppress(psutil.Error):
            label = _label(process)
            if label:
                labels.append(label)
    return labels


def postgres_server(project: Project, region: str) -> PostgresServer | None:
    """The region's, to be asked as its administrator."""
    home = project.directory / ".dpaas"
    return PostgresServer.load(
        home / "regions" / region / "addons" / "servers" / "postgres-18",
        run_directory=peek_run_directory(home) / region / "a",
        user=service_user(None),
        keyring=Keyring.load(home / "secret.key"),
    )


def _scratch(project: Project, region: Path) -> list[str]:
    """What a build or a half-written file would leave."""
    known = re.compile(r"\w{32}\.(tar\.gz|json)|\.cache")  # slugs, and what builds may find again
    slugs = [path.name for path in (region / "slugs").glob("*") if not known.fullmatch(path.name)]
    half = [path.name for path in region.rglob("*") if re.search(r"\.(new|partial|tmp)$", path.name)]
    run = [path.name for path in peek_run_directory(project.directory / ".dpaas").rglob("*.json")]
    return [*slugs, *half, *run]


def _databases(project: Project, region: str) -> list[str]:
    server = postgres_server(project, region)
    if server is None or not server.is_ready():
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
    marks = {"supervisord": "supervisord", "logsink": "logsink", "/bin/postgres": "postgres", "valkey-server": "valkey"}
    for mark, name in marks.items():
        if mark in line:
            return name
    if "runtime.runner" in line:
        return f"runner of {Path(words[-1]).name}"
    if words[-1] == "server.py":
        return f"server of {process.environ()['DYNO']}"
    return line
