"""Something breaks at sampled moments of a whole `dpaas apply` that makes a fork, on real servers.

After the next apply the fork must be verified, its source untouched, and nothing there that a fork without the fault
would not have left; and after its undo, nothing at all.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from fork_project import CONFIRMED, FORK, ForkProject
from local_audit import Inventory, inventory, postgres_server
from project import DPAAS
from source_print import key_value_session, settled_print, source_print

from declarative_paas.core.provider import ProviderError
from declarative_paas.providers.addons.resp_stream import ServerError

ROWS = 20_000
KEYS = 2_000
DISK = "160m"
DATA = {"DATABASE": "copy", "REDIS": "copy"}
COPIED = ("rows", "sequence", "keys")
"""What of a source's print the copy's must be, too."""

DOMAINS = {"echo.example.com": "echo.example.eu"}
LONGEST_S = 120.0


@dataclass(frozen=True, slots=True)
class Fault:
    """`strike` tells whether there was anything to break; `mend` comes when the command has ended."""

    name: str
    strike: Callable[[FaultStage, subprocess.Popen[str]], bool]
    mend: Callable[[FaultStage], None] = field(default=lambda stage: None)


@dataclass(slots=True)
class Report:
    """`struck` counts the moments at which the fault hit something; `bad` tells what was not made good."""

    name: str
    struck: int = 0
    bad: list[str] = field(default_factory=list)


class FaultStage:
    """A shop with a database and keys in us; eu is empty, on a small disk of its own where we may mount one."""

    def __init__(self) -> None:
        self.project = ForkProject()
        self.target_home = self.project.directory / ".dpaas" / "regions" / "eu"
        self.has_disk = os.geteuid() == 0
        try:
            if self.has_disk:
                self.target_home.mkdir(parents=True)
                mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=755", "tmpfs", str(self.target_home)]
                subprocess.run(mount, check=True)
            self.project.start(ROWS)
            self._fill_keys()
            self._fork_once()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self.mend_disk()
        subprocess.run([DPAAS, "down"], cwd=self.project.directory, capture_output=True, check=False)
        if self.has_disk:
            self.project.kill_everything()
            subprocess.run(["umount", "--lazy", str(self.target_home)], capture_output=True, check=False)
        self.project.close()

    def _fill_keys(self) -> None:
        session = key_value_session(self.project, "us", "echo")
        for number in range(KEYS):
            session.ask("SET", f"key:{number}", "x" * 200)
        session.ask("EXPIRE", "key:1", 86_400)
        session.ask("HSET", "basket", "mug", 2)
        session.ask("RPUSH", "queue", "a", "b")
        session.close()
        server = postgres_server(self.project, "us")
        assert server is not None
        with server.session() as admin:
            admin.run(["CHECKPOINT"])  # a sequence skips numbers in a crash that comes before the next one

    def _fork_once(self) -> None:
        """How long it takes, and what it leaves: with and without the fork."""
        self._declare()
        self.project.apply()  # makes the region's server
        self._undo()
        self.source = source_print(self.project)
        self.without = self._inventories()
        self._declare()
        self.steps = sum(line.startswith("[") for line in self.project.apply().stdout.splitlines())
        self.expected = self._inventories()
        self._undo()

    def _declare(self) -> None:
        self.project.declare_fork(region="eu", data=DATA, domains=DOMAINS)

    def _undo(self) -> None:
        self.project.dpaas("fork", "undo", FORK, "--auto-approve", *CONFIRMED)

    def _inventories(self) -> dict[str, Inventory]:
        """Without ports, which stay an app's own."""
        found = {region: inventory(self.project, region) for region in ("us", "eu")}
        return {region: {what: one[what] for what in one if what != "ports"} for region, one in found.items()}

    def suffer(self, fault: Fault, moments: Sequence[int | str]) -> Report:
        """The fault once at each moment: as soon as the command has told so many lines, or one that holds a word."""
        report = Report(fault.name)
        for moment in moments:
            self._declare()
            told, struck = self._struck_at(moment, fault)
            report.struck += struck
            where = f"{fault.name} at {moment} of {self.steps} lines"
            wrong = [f"{where}: {wrong}" for wrong in self._made_good()]
            report.bad += [*wrong, *([f"{where}: the struck apply told:\n{told}"] if wrong else [])]
        return report

    def _struck_at(self, moment: int | str, fault: Fault) -> tuple[str, bool]:
        process = self.project.begin("apply", "--auto-approve")
        assert process.stdout is not None
        told: list[str] = []
        reached = struck = False
        watch = threading.Timer(LONGEST_S, process.kill)
        watch.start()
        try:
            for line in process.stdout:
                if line.startswith("["):
                    told.append(line)
                    if not reached and (len(told) == moment or (isinstance(moment, str) and moment in line)):
                        reached = True
                        struck = fault.strike(self, process)
        finally:
            watch.cancel()
            process.kill()
            process.stdout.close()
            process.wait()
            fault.mend(self)
        return "".join(told), struck

    def _made_good(self) -> list[str]:
        """By one more apply; what is wrong after it. Leaves the fork undone, however it went."""
        project = self.project
        again = project.dpaas("apply", "--auto-approve", expect=None)
        wrong: list[str] = []
        if again.returncode != 0:
            wrong.append(f"the next apply ended with {again.returncode}: {again.stdout}{again.stderr}")
            project.apply()
        copies = {copy["alias"]: copy for copy in project.copies()}
        if set(copies) != set(DATA) or not all(copy["verified_at"] for copy in copies.values()):
            wrong.append(f"verified copies: {sorted(copies)}")
        theirs, ours = self.source, source_print(project, "eu", FORK)
        wrong += [
            f"{what} of the copy: {ours[what]}, not {theirs[what]}" for what in COPIED if ours[what] != theirs[what]
        ]
        if any(schema == "dpaas_copy" for schema, *_ in ours["schemas"]):
            wrong.append("the database is still marked")
        if project.get(FORK)[0] != 200 or project.get("echo")[0] != 200:
            wrong.append("an app does not answer")
        plan = project.dpaas("plan", "--detailed-exitcode", expect=None)
        if plan.returncode != 0:
            wrong.append(f"the plan after is not empty: {plan.stdout}{plan.stderr}")
        wrong += self._differences(self.expected)
        after = settled_print(project, self.source)
        wrong += [f"source, {what}: {after[what]}, was {self.source[what]}" for what in after
                  if after[what] != self.source[what]]  # fmt: skip
        self._undo()
        wrong += [f"after the undo: {found}" for found in self._differences(self.without)]
        return wrong

    def _differences(self, expected: dict[str, Inventory]) -> list[str]:
        """A process that was told to end may need a moment."""
        until = time.monotonic() + 10
        while (found := self._inventories()) != expected and time.monotonic() < until:
            time.sleep(0.2)
        return [
            f"{region}: {what}: {found[region][what]}, not {wanted}"
            for region, inventories in expected.items()
            for what, wanted in inventories.items()
            if found[region][what] != wanted
        ]

    def servers(self, region: str) -> list[psutil.Process]:
        """The region's database and key-value servers that run now."""
        home = str(self.project.directory / ".dpaas" / "regions" / region)
        return [
            process
            for process in self.project.processes()
            if (words := _words(process)) and home in " ".join(words)
            and Path(words[0]).name in ("postgres", "valkey-server")
        ]  # fmt: skip

    def fill_disk(self) -> bool:
        """To the last byte, whoever else writes there."""
        with (self.target_home / "filler").open("wb", buffering=0) as file:
            for size in (1 << 20, 1 << 12):
                with contextlib.suppress(OSError):
                    while file.write(bytes(size)):
                        pass
        return True

    def mend_disk(self) -> None:
        (self.target_home / "filler").unlink(missing_ok=True)


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def sampled(steps: int, count: int) -> list[int | str]:
    """Moments spread over the whole, none at its very ends."""
    return [max(1, round(steps * (number + 0.5) / count)) for number in range(count)]


def _kill_command(stage: FaultStage, process: subprocess.Popen[str]) -> bool:
    process.kill()
    return True


def _interrupt_command(stage: FaultStage, process: subprocess.Popen[str]) -> bool:
    process.send_signal(signal.SIGINT)
    return True


def _kill_servers(region: str) -> Callable[[FaultStage, subprocess.Popen[str]], bool]:
    def strike(stage: FaultStage, process: subprocess.Popen[str]) -> bool:
        victims = stage.servers(region)
        for victim in victims:
            with contextlib.suppress(psutil.NoSuchProcess):
                victim.kill()
        return bool(victims)

    return strike


def _cut_connections(stage: FaultStage, process: subprocess.Popen[str]) -> bool:
    """Every connection of a copy, at either end, at once: what a link between the regions does that is cut."""
    cut = 0
    for region, app in (("us", "echo"), ("eu", FORK)):
        with contextlib.suppress(ProviderError):
            server = postgres_server(stage.project, region)
            if server is not None:
                with server.connect("postgres") as connection:
                    ended = connection.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'dpaas copy'"
                    )
                    cut += len(ended.fetchall())
        with contextlib.suppress(ProviderError, ServerError, OSError, ValueError):
            session = key_value_session(stage.project, region, app)
            killed = session.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            cut += killed if isinstance(killed, int) else 0
            session.close()
    return cut > 0


FAULTS = (
    Fault("command killed", _kill_command),
    Fault("command interrupted", _interrupt_command),
    Fault("source's servers killed", _kill_servers("us")),
    Fault("target's servers killed", _kill_servers("eu")),
    Fault("connections cut", _cut_connections),
)
DISK_FULL = Fault("target's disk full", lambda stage, process: stage.fill_disk(), FaultStage.mend_disk)
"""For a stage with a disk of its own."""
