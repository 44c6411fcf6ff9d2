"""A project on the deadly world: its commands are killed, run again, and what is left is audited."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from scenarios import Apps, Scenario

from declarative_paas.apply.executor import LEASE_TTL_S
from declarative_paas.core.address import Scope
from declarative_paas.providers.memory.remote import RemoteWorld
from declarative_paas.state.sqlite import SqliteStore
from declarative_paas.vault.keyring import Keyring
from declarative_paas.workflow.world import SystemClock

HERE = Path(__file__).parent
SCOPE = Scope("acme", "default")
DPAAS = [sys.executable, "-m", "declarative_paas.cli"]
ENVIRONMENT = {key: value for key, value in os.environ.items() if not key.startswith("DPAAS_")} | {"NO_COLOR": "1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class KillPoint:
    """`at`: which one of them, counted from 1. `parallelism` of the killed command."""

    what: str  # "effect" of the provider, or "write" to the state
    side: str  # "before" or "after"
    at: int
    parallelism: int = 1

    def __str__(self) -> str:
        return f"{self.side} {self.what} {self.at}, parallelism {self.parallelism}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """How the world is after a run that nobody killed."""

    addresses: Sequence[str]
    births: Mapping[str, int]
    answers: Mapping[str, Any]


@dataclass
class Verdict:
    """What was wrong after a kill and the next run; nothing, where all is well."""

    point: KillPoint
    orphans: list[str] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not (self.orphans or self.duplicates or self.other)

    def __str__(self) -> str:
        return f"{self.point}: orphans {self.orphans}, twice {self.duplicates}, other {self.other}"


class Doomed:
    """One project, one world; not for two threads. Removed with its processes by `close`."""

    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="dpaas-crash-"))
        self.directory = self.root / "project"
        self.world_process = subprocess.Popen(
            [sys.executable, str(HERE / "deadly_world.py"), "world.sock"], cwd=self.root, stdout=subprocess.PIPE
        )
        assert self.world_process.stdout is not None
        assert self.world_process.stdout.readline() == b"ready\n"
        self.world = RemoteWorld(str(self.root / "world.sock"))

    def close(self) -> None:
        self.world_process.kill()
        self.world_process.communicate()
        shutil.rmtree(self.root)

    # The project

    def write(self, apps: Apps, *, moved: Sequence[Mapping[str, str]] = (), **options: Any) -> None:
        region = {"provider": "memory", "options": {"socket": "../world.sock", **options}}
        documents: list[dict[str, Any]] = [
            {
                "kind": "Platform",
                "metadata": {"name": "acme"},
                "spec": {"regions": {"us": region, "eu": region}, "moved": list(moved)},
            },
            *(
                {"kind": "Fork" if "from" in spec else "App", "metadata": {"name": name}, "spec": spec}
                for name, spec in apps.items()
            ),
        ]
        (self.directory / "src").mkdir(parents=True, exist_ok=True)
        (self.directory / "src" / "index.html").write_text("<h1>shop</h1>\n")
        (self.directory / "dpaas.yaml").write_text(yaml.safe_dump_all(documents, sort_keys=False))

    def begin(self, scenario: Scenario) -> None:
        """The platform as it is before the scenario's command, made once and then copied."""
        kept = self.root / scenario.name.replace(" ", "-")
        if not kept.exists():
            self.world.call("load", "nothing")
            shutil.rmtree(self.directory, ignore_errors=True)
            if scenario.before is not None:
                self.write(scenario.before)
                self.must("apply", "--auto-approve")
            for address, rows in scenario.rows.items():
                for name, text in rows.items():
                    self.world.write_row(f"{SCOPE}@us", address, name, text)
            self.write(scenario.after, moved=scenario.moved)
            self.world.call("save", scenario.name)
            shutil.copytree(self.directory, kept)
        shutil.rmtree(self.directory, ignore_errors=True)
        shutil.copytree(kept, self.directory)
        self.world.call("load", scenario.name)

    def run(self, *arguments: str, entry: Sequence[str] = DPAAS, **options: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*entry, *arguments],
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            env=ENVIRONMENT,
            **options,
        )

    def must(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert done.returncode == 0, f"dpaas {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    # The kill

    def kill(self, scenario: Scenario, point: KillPoint) -> bool:
        """Runs the scenario's command until it is killed there; False when it came to its end before."""
        arguments = [*scenario.command, "--parallelism", str(point.parallelism)]
        if point.what == "effect":
            self.world.call("arm", point.at, point.side)
            done = self.run(*arguments)
            self.world.call("arm", 0, "")
            code, told = done.returncode, done.stdout + done.stderr
        else:
            code, told = self._kill_at_write(arguments, point)
        assert code in (0, -9), f"{point}: exit code {code}\n{told}"
        return code == -9

    def _kill_at_write(self, arguments: Sequence[str], point: KillPoint) -> tuple[int, str]:
        reading, writing = os.pipe()
        with os.fdopen(reading, "rb") as news:
            process = subprocess.Popen(
                [sys.executable, str(HERE / "watched_dpaas.py"), str(point.at), point.side, str(writing), *arguments],
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=[writing],
                env=ENVIRONMENT,
            )
            os.close(writing)
            try:
                if news.read(1) == b"x":  # the end of the file says that it came to its own end
                    process.kill()
                _, errors = process.communicate(timeout=60)
            finally:
                process.kill()
        return process.returncode, errors.decode()

    # The audit

    def expected(self, scenario: Scenario) -> Expected:
        self.begin(scenario)
        self.must(*scenario.command)
        audit = self.world.call("audit")
        return Expected(addresses=audit["addresses"], births=self.world.call("birth_counts"), answers=self._answers())

    def survive(self, scenario: Scenario, point: KillPoint, expected: Expected) -> Verdict | None:
        """Kills there, runs the command again and audits; None when there was nothing left to kill."""
        self.begin(scenario)
        return self.audit(scenario, point, expected) if self.kill(scenario, point) else None

    def audit(self, scenario: Scenario, point: KillPoint, expected: Expected) -> Verdict:
        """After a kill: the lock it left, then the next run, then what is there."""
        lease = self.lease()
        again = self.run(*scenario.command)
        verdict = self.look(scenario, point, expected)
        if lease is None and self.lease() is not None:
            verdict.other.append(f"the next run left a lock: {self.lease()}")
        if again.returncode != 0:
            verdict.other.append(f"the next run ended with {again.returncode}: {again.stdout}{again.stderr}")
        return verdict

    def look(self, scenario: Scenario, point: KillPoint, expected: Expected) -> Verdict:
        """What is there now, and whether it is as it should be."""
        verdict = Verdict(point)
        self._audit_world(expected, verdict)
        self._audit_state(verdict)
        if scenario.command[0] == "apply":
            plan = self.run("plan", "--detailed-exitcode")
            if plan.returncode != 0:
                verdict.other.append(f"the plan after is not empty: {plan.stdout}{plan.stderr}")
        return verdict

    def _audit_world(self, expected: Expected, verdict: Verdict) -> None:
        """Asks the world what is there, and compares it with what a run without a kill makes."""
        audit = self.world.call("audit")
        verdict.orphans += sorted(set(audit["addresses"]) - set(expected.addresses))
        verdict.other += [f"missing: {name}" for name in sorted(set(expected.addresses) - set(audit["addresses"]))]
        verdict.duplicates += audit["duplicates"]
        births = self.world.call("birth_counts")
        verdict.duplicates += [
            f"{address} was made {count} times"
            for address, count in sorted(births.items())
            if count > expected.births.get(address, 0)
        ]
        if self._answers() != expected.answers:
            verdict.other.append(f"it is {self._answers()} and not {expected.answers}")
        recorded = {f"{address}#{instance}" for address, instance in self.store().snapshot(SCOPE).resources}
        verdict.orphans += [f"{name}: not recorded" for name in sorted(self._living() - recorded)]

    def _audit_state(self, verdict: Verdict) -> None:
        store = self.store()
        snapshot = store.snapshot(SCOPE)
        verdict.other += [f"intent left: {intent.step_id}" for intent in snapshot.intents]
        entries = [entry for entry in store.history(SCOPE) if entry.outcome == "running"]
        verdict.other += [f"in the history it still runs: {entry.command} of {entry.started_at}" for entry in entries]
        recorded = {
            f"{address}#{instance}"
            for address, instance in snapshot.resources
            if address.type not in ("secret", "data_copy", "slug_copy", "move", "move_copy")
        }
        verdict.other += [f"recorded and not there: {name}" for name in sorted(recorded - self._living())]
        lease = self.lease()
        # Killed with its work done, its lock stays: nobody had to take it over. It must expire by itself.
        if lease is not None and lease[1] > datetime.now(UTC) + timedelta(seconds=LEASE_TTL_S):
            verdict.other.append(f"{lease[0]} holds a lock until {lease[1]}")

    def lease(self) -> tuple[str, datetime] | None:
        """Who holds the lock, and until when; read without touching it."""
        path = self.directory / ".dpaas" / "state.db"
        if not path.exists():
            return None
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            row = connection.execute("SELECT holder, expires FROM leases WHERE expires > 0").fetchone()
        return None if row is None else (row[0], datetime.fromtimestamp(row[1], UTC))

    def store(self) -> SqliteStore:
        home = self.directory / ".dpaas"
        return SqliteStore(home / "state.db", clock=SystemClock(), keyring=lambda: Keyring.load(home / "secret.key"))

    def _living(self) -> set[str]:
        return {name for region in ("us", "eu") for name in self.world.read(f"{SCOPE}@{region}")}

    def _answers(self) -> dict[str, Any]:
        """What everything was told to be, without what is random; and how many releases it took."""
        found: dict[str, Any] = {}
        for region in ("us", "eu"):
            for name, thing in self.world.read(f"{SCOPE}@{region}").items():
                address = name.partition("#")[0]
                if address.startswith(("formation.", "domain.")):
                    found[address] = thing["attributes"]
                if address.startswith("release."):
                    found[address] = thing["outputs"]
                if address.startswith("addon."):
                    # Also that no mark of a copy is left.
                    found[address] = self.world.data(f"{SCOPE}@{region}", address)
        return found
