"""`dpaas` killed at sampled times on a real region, and made good: the loop, whatever the provider.

What is there afterwards must be what a run without a kill leaves.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from project import DPAAS, Project

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

    def first_deploys(self, count: int) -> Report:
        report = Report("first deploy")
        self._greet("warm up")
        self.project.apply()  # copies the engine, which later ones do not
        self._destroy()
        whole_s, expected = self._measured(0)
        self._destroy()
        for number, moment in enumerate(sampled(whole_s, count), 1):
            self._kill_apply(report, moment, number, expected)
            self._destroy()
            self._nothing_is_left(report, f"killed after {moment:.2f} s, after the destroy")
        return report

    def rolling_updates(self, count: int) -> Report:
        report = Report("rolling update")
        self._greet("before")
        self.project.apply()
        whole_s, expected = self._measured(0)
        for number, moment in enumerate(sampled(whole_s, count), 1):
            self._kill_apply(report, moment, number, expected)
        return report

    def destroys(self, count: int) -> Report:
        report = Report("destroy")
        self.project.apply()
        started = time.monotonic()
        self._destroy()
        whole_s = time.monotonic() - started
        for moment in sampled(whole_s, count):
            self.project.apply()
            report.killed += self._run_until(moment, "destroy", "--auto-approve", *DATABASE)
            where = f"destroy killed after {moment:.2f} s"
            again = self.project.dpaas("destroy", "--auto-approve", *DATABASE, expect=None)
            if again.returncode != 0:
                report.bad.append(f"{where}: the next ended with {again.returncode}: {again.stdout}{again.stderr}")
                self._destroy()
            self._nothing_is_left(report, where)
        return report

    def _nothing_is_left(self, report: Report, where: str) -> None:
        left = {name: found for name, found in self.left().items() if found}
        if left:
            report.bad.append(f"{where}: {left}")

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

    def _run_until(self, moment: float, *arguments: str) -> bool:
        """Whether it was still there to be killed."""
        process = subprocess.Popen(
            [DPAAS, *arguments],
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
        return process.wait() == -9

    def _kill_apply(self, report: Report, moment: float, number: int, expected: Inventory) -> None:
        greeting = f"greeting {number}"
        self._greet(greeting)
        report.killed += self._run_until(moment, "apply", "--auto-approve")
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
