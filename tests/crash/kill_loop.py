"""`dpaas` killed at sampled times on a real region, and made good: the loop, whatever the provider.

What is there afterwards must be what a run without a kill leaves.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from project import DPAAS, Project

DATABASE = ("--confirm", "addon.echo/DATABASE")
Inventory: TypeAlias = dict[str, list[str]]

MOMENTS = "at a moment"


@dataclass(frozen=True, slots=True, kw_only=True)
class KillPoint:
    """Where a command is killed: after so many seconds, or, where a loop can tell them, at one of its changes."""

    way: str
    at: float

    def __str__(self) -> str:
        return f"killed after {self.at:.2f} s" if self.way == MOMENTS else f"killed {self.way} {self.at:.0f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A command that nobody killed: how long it took, how many changes it made, and what there was afterwards."""

    seconds: float
    changes: int
    inventory: Inventory


@dataclass
class Report:
    """Of the kills of one command in one way. `bad` tells, for each that was not made good, what was found."""

    name: str
    way: str = MOMENTS
    killed: int = 0
    lost: int = 0
    orphans: int = 0
    duplicates: int = 0
    bad: list[str] = field(default_factory=list)

    @property
    def converged(self) -> int:
        return self.killed - self.lost

    def add(self, verdict: Verdict) -> None:
        """A command that came to its end before its kill counts only when something is wrong."""
        self.killed += verdict.killed or not verdict.ok
        self.lost += not verdict.ok
        self.orphans += len(verdict.orphans)
        self.duplicates += len(verdict.duplicates)
        self.bad += [f"{verdict.point}: {wrong}" for wrong in verdict.told()]


@dataclass
class Verdict:
    """What was wrong after a kill and the next run; nothing, where all is well."""

    point: KillPoint
    killed: bool = False
    orphans: list[str] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not (self.orphans or self.duplicates or self.other)

    def told(self) -> list[str]:
        return [
            *(f"belongs to nothing: {name}" for name in self.orphans),
            *(f"is there twice: {name}" for name in self.duplicates),
            *self.other,
        ]

    def compare(self, found: Inventory, expected: Inventory) -> None:
        for kind in sorted(expected.keys() | found.keys()):
            there, wanted = Counter(found.get(kind, ())), Counter(expected.get(kind, ()))
            for item in (there - wanted).elements():
                (self.duplicates if item in wanted else self.orphans).append(f"{kind}: {item}")
            self.other += [f"missing: {kind}: {item}" for item in (wanted - there).elements()]


def sampled(whole: float, count: int) -> Sequence[float]:
    """Points spread over a whole, none at its very ends."""
    return [whole * (number + 0.5) / count for number in range(count)]


class KillLoop:
    """One project with the echo app: two web dynos, a database, a build, a release phase."""

    def __init__(self, project: Project) -> None:
        self.project = project
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

    def inventory(self) -> Inventory:
        """Everything there is, release numbers left out: a release that was killed keeps its number."""
        raise NotImplementedError

    def left(self) -> Inventory:
        """What must be nothing after a destroy."""
        raise NotImplementedError

    def close(self) -> None:
        self.project.close()

    def first_deploys(self, count: int, way: str = MOMENTS) -> Report:
        report = Report("first deploy", way)
        self._greet("warm up")
        self.project.apply()  # copies the engine, which later ones do not
        self._destroy()
        whole = self._measured()
        self._destroy()
        for number, point in enumerate(self.points(way, whole, count), 1):
            verdict = self._kill_apply(point, number, whole.inventory)
            self._destroy()
            verdict.compare(self.left(), {})
            report.add(verdict)
        return report

    def rolling_updates(self, count: int, way: str = MOMENTS) -> Report:
        report = Report("rolling update", way)
        self._greet("before")
        self.project.apply()
        whole = self._measured()
        for number, point in enumerate(self.points(way, whole, count), 1):
            report.add(self._kill_apply(point, number, whole.inventory))
        return report

    def destroys(self, count: int, way: str = MOMENTS) -> Report:
        report = Report("destroy", way)
        self.project.apply()
        self.count_changes()
        started = time.monotonic()
        self._destroy()
        whole = Whole(seconds=time.monotonic() - started, changes=self.changes(), inventory={})
        for point in self.points(way, whole, count):
            self.project.apply()
            verdict = Verdict(point, self.run_killed(point, "destroy", "--auto-approve", *DATABASE))
            again = self.project.dpaas("destroy", "--auto-approve", *DATABASE, expect=None)
            if again.returncode != 0:
                verdict.other.append(f"the next ended with {again.returncode}: {again.stdout}{again.stderr}")
                self._destroy()
            verdict.compare(self.left(), {})
            report.add(verdict)
        return report

    def points(self, way: str, whole: Whole, count: int) -> Sequence[KillPoint]:
        """So many of them, spread over the whole."""
        assert way == MOMENTS, f"nobody tells {way} here"
        return [KillPoint(way=way, at=at) for at in sampled(whole.seconds, count)]

    def count_changes(self) -> None:
        """From now on `changes` counts, where somebody can tell them."""

    def changes(self) -> int:
        return 0

    def run_killed(self, point: KillPoint, *arguments: str) -> bool:
        """Whether the command was still there to be killed."""
        process = self.begin(*arguments)
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(point.at)
        finally:
            process.kill()
        return process.wait() == -9

    def begin(self, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [DPAAS, *arguments],
            cwd=self.project.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def _measured(self) -> Whole:
        self._greet("greeting 0")
        self.count_changes()
        started = time.monotonic()
        self.project.apply()
        seconds, changes = time.monotonic() - started, self.changes()
        return Whole(seconds=seconds, changes=changes, inventory=self.inventory())

    def _greet(self, greeting: str) -> None:
        """Another config and another source: a build, a release and a rolling deploy."""
        self.project.app("echo", config={"GREETING": greeting})
        (self.project.directory / "echo" / "greeting.txt").write_text(greeting)

    def _destroy(self) -> None:
        self.project.destroy(*DATABASE)

    def _kill_apply(self, point: KillPoint, number: int, expected: Inventory) -> Verdict:
        greeting = f"greeting {number}"
        self._greet(greeting)
        verdict = Verdict(point, self.run_killed(point, "apply", "--auto-approve"))
        again = self.project.dpaas("apply", "--auto-approve", expect=None)
        if again.returncode != 0:
            verdict.other.append(f"the next apply ended with {again.returncode}: {again.stdout}{again.stderr}")
            self.project.apply()
        plan = self.project.dpaas("plan", "--detailed-exitcode", expect=None)
        if plan.returncode != 0:
            verdict.other.append(f"the plan after is not empty: {plan.stdout}{plan.stderr}")
        verdict.other += self._answers(greeting)
        verdict.compare(self._settled(expected), expected)
        return verdict

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
