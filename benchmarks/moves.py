"""The freeze of a move whose database follows: an app that writes a pgbench database without a pause, from us to eu.

`python -m benchmarks.moves [SCALE …]` prints its table alone.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import yaml

from benchmarks.deploy import DPAAS
from benchmarks.measure import CommandFailed

SCALES: Final = (50,)
CLIENTS: Final = 2
WRITTEN_S: Final = 5.0
"""For so long the app writes before it is moved."""

_DATABASE: Final = "addon.bench/DATABASE"
_FREEZE: Final = {
    "app.bench update": "maintenance on",
    "formation.bench update": "dynos stopped",
    "follower.bench/DATABASE promote": "promoted",
    "release.bench create": "released",
    "formation.bench create": "dynos started",
}
"""The steps of the freeze, in their order."""


def move_rows(scales: tuple[int, ...] = SCALES) -> list[str]:
    """A table: for each scale the steps of the freeze, and what the database itself tells of the gap in its writes."""
    lines = [
        f"| moving an app that writes (`pgbench -c {CLIENTS}`) between two local regions, with `follow` | "
        f"{' | '.join(_FREEZE.values())} | writes stop → writable | last write in us → first in eu |",
        "|---" * (len(_FREEZE) + 3) + "|",
    ]
    for scale in scales:
        with _project() as project:
            lines.append(project.row(scale))
    return lines


class _Project:
    """One app with one process type that writes."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        source = directory / "app"
        source.mkdir()
        (source / "Procfile").write_text("load: sleep 3600\n", encoding="utf-8")

    def row(self, scale: int) -> str:
        self._lay_out("us", None)
        self._apply()
        pgbench = next((self._directory / ".dpaas").rglob("bin/pgbench"))
        self._initialize(pgbench, scale)
        load = f'exec {pgbench} --no-vacuum --client={CLIENTS} --time=3600 "$DATABASE_URL"'
        self._lay_out("us", load)
        self._apply()
        self._sql(f"SELECT pg_sleep({WRITTEN_S})")
        self._lay_out("eu", load)
        ended = self._steps(self._apply("--json"))
        self._sql(f"SELECT pg_sleep({WRITTEN_S / 2})")
        spent = [ended[step][1] for step in _FREEZE]
        started, _ = ended["formation.bench update"]
        promoted = _seconds(started, *ended["follower.bench/DATABASE promote"])
        gap = self._sql(
            "SELECT max(mtime - before) FROM "
            "(SELECT mtime, lag(mtime) OVER (ORDER BY mtime) AS before FROM pgbench_history) AS written"
        )
        parts = " | ".join(f"{seconds:.2f} s" for seconds in spent)
        return f"| scale {scale} | {parts} | {promoted:.2f} s | {_interval(gap):.2f} s |"

    def close(self) -> None:
        self._dpaas("destroy", "--auto-approve", "--confirm", _DATABASE)

    def _lay_out(self, region: str, load: str | None) -> None:
        regions = {name: {"provider": "local", "options": {"stop_timeout_s": 10}} for name in ("us", "eu")}
        process = {"command": load or "sleep 3600", "size": "standard-1x", "quantity": 0 if load is None else 1}
        spec = {
            "region": region,
            "source": {"path": "./app"},
            "formation": {"load": process},
            "addons": [{"plan": "postgres:standard-0", "as": "DATABASE"}],
            "move": {"DATABASE": "follow"},
        }
        documents = [
            {"kind": "Platform", "metadata": {"name": "bench"}, "spec": {"regions": regions}},
            {"kind": "App", "metadata": {"name": "bench"}, "spec": spec},
        ]
        (self._directory / "dpaas.yaml").write_text(yaml.safe_dump_all(documents, sort_keys=False), encoding="utf-8")

    def _initialize(self, pgbench: Path, scale: int) -> None:
        url = self._dpaas("config", "get", "bench", "DATABASE_URL").strip()
        subprocess.run(
            [pgbench, "--initialize", "--quiet", f"--scale={scale}", url], check=True, capture_output=True, text=True
        )
        # pgbench's own history has no key, which no follower can do without.
        self._sql("ALTER TABLE pgbench_history ADD id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY")

    def _steps(self, events: str) -> dict[str, tuple[datetime, float]]:
        """When each step of the freeze began, and how long it took."""
        begun: dict[str, datetime] = {}
        found: dict[str, tuple[datetime, float]] = {}
        for line in events.splitlines():
            event: Mapping[str, Any] = json.loads(line)
            name = f"{event.get('address')} {event.get('operation')}"
            if event["kind"] == "step_started":
                begun[name] = datetime.fromisoformat(event["at"])
            elif event["kind"] == "step_succeeded" and name in begun:
                found[name] = (begun[name], float(event["elapsed_s"]))
        return found

    def _apply(self, *options: str) -> str:
        return self._dpaas("apply", "--auto-approve", *options)

    def _sql(self, query: str) -> str:
        return self._dpaas("pg", "psql", "bench", "--", "-qAtX", "-v", "ON_ERROR_STOP=1", "-c", query).strip()

    def _dpaas(self, *arguments: str) -> str:
        done = subprocess.run([DPAAS, *arguments], cwd=self._directory, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise CommandFailed(f"dpaas {' '.join(arguments)} exited with {done.returncode}:\n{done.stderr[-2000:]}")
        return done.stdout


@contextmanager
def _project() -> Iterator[_Project]:
    with tempfile.TemporaryDirectory(prefix="dpaas-bench-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        project = _Project(directory)
        try:
            yield project
        finally:
            project.close()


def _seconds(start: datetime, began: datetime, took_s: float) -> float:
    """From a moment to the end of a step."""
    return (began - start).total_seconds() + took_s


def _interval(text: str) -> float:
    """`00:00:02.345` in seconds."""
    hours, minutes, seconds = text.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


if __name__ == "__main__":
    print("\n".join(move_rows(tuple(map(int, sys.argv[1:])) or SCALES)))
