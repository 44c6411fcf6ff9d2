"""Runs one dyno for as long as it is wanted: `python -m declarative_paas.providers.runtime.runner SPEC.json`.

supervisord runs one of these a dyno. It starts the command, watches it boot (R10), measures it (R14, R15),
logs what it says, restarts it when it crashes, and on SIGTERM stops it (R12) and ends. SIGUSR1 restarts it.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from declarative_paas.providers.runtime import instance, launch, tree, wording
from declarative_paas.providers.runtime.dynolog import DynoLog
from declarative_paas.providers.runtime.instance import Instance, StartError
from declarative_paas.providers.runtime.lines import LineSplitter
from declarative_paas.providers.runtime.load import LoadAverage, metrics_lines
from declarative_paas.providers.runtime.loop import Loop
from declarative_paas.providers.runtime.memory import Memory
from declarative_paas.providers.runtime.quota import QuotaWatch
from declarative_paas.providers.runtime.spec import DynoSpec, SpecError
from declarative_paas.providers.runtime.status import DynoState, DynoStatus, write_status

_SAMPLE_S = 1.5
_BOOT_POLL_S = 0.1
_CHUNK = 65536


class Runner:
    """One dyno: `starting` → `up` → `crashed` → `starting` …, and `down` at the end."""

    def __init__(self, spec: DynoSpec, loop: Loop) -> None:
        self._spec = spec
        self._loop = loop
        self._log = DynoLog(spec.log, spec.name)
        self._status = DynoStatus(
            name=spec.name,
            release=spec.release,
            state="down",
            since=_iso_now(),
            port=spec.port,
            runner_pid=os.getpid(),
            runner_started=instance.own_start_time(),
        )
        self._instance: Instance | None = None
        self._output = -1
        self._lines = LineSplitter()
        self._up_at: float | None = None
        self._exit_code: int | None = None
        self._stopping = False
        self._restarting = False
        self._ended = False
        self._load = LoadAverage()
        self._memory = Memory()
        self._sampled_at = 0.0
        self._quota = self._new_quota()

    def run(self) -> None:
        """Returns when the dyno has been stopped."""
        launch.adopt_orphans()
        self._loop.on_signal(signal.SIGTERM, self._stop)
        self._loop.on_signal(signal.SIGINT, self._stop)
        self._loop.on_signal(signal.SIGUSR1, self._restart)
        self._loop.on_signal(signal.SIGCHLD, self._child_ended)
        if tree.kill_leftovers(self._spec.id):
            self._log.platform(wording.CYCLING_LEFTOVERS)
        self._start()
        self._loop.run_until(lambda: self._ended)

    # --- starting ---

    def _start(self) -> None:
        spec = self._spec
        self._change("starting", next_start_at=None)
        self._lines, self._quota = LineSplitter(), self._new_quota()
        self._load, self._memory = LoadAverage(), Memory()
        self._up_at = None
        self._exit_code = None
        self._restarting = False
        self._log.platform(wording.starting(spec.command, spec.port))
        reading, writing = os.pipe()
        with Path(os.devnull).open("rb") as nothing:
            try:
                self._instance = Instance.start(spec, (nothing.fileno(), writing, writing))
            except StartError as wrong:
                os.close(reading)
                self._log.platform(str(wrong))
                self._crashed(None)
                return
            finally:
                os.close(writing)
        os.set_blocking(reading, False)
        self._output = reading
        self._loop.watch(reading, self._read_output)
        self._status = replace(self._status, pid=self._instance.pid)
        self._sampled_at = self._loop.now()
        self._loop.after("sample", _SAMPLE_S, self._sample)
        self._loop.after("metrics", spec.metrics_interval_s, self._report_metrics)
        if spec.port is None:
            self._up()
        else:
            self._write_status()
            self._loop.after("boot timeout", spec.boot_timeout_s, self._boot_timeout)
            self._loop.after("boot poll", _BOOT_POLL_S, self._poll_boot)

    def _poll_boot(self) -> None:
        if self._instance is not None and self._instance.listens():
            self._up()
        else:
            self._loop.after("boot poll", _BOOT_POLL_S, self._poll_boot)

    def _boot_timeout(self) -> None:
        self._fail("R10", wording.boot_timeout(self._spec.boot_timeout_s))

    def _up(self) -> None:
        self._loop.cancel("boot timeout", "boot poll")
        self._up_at = self._loop.now()
        self._change("up", error=None)

    # --- watching ---

    def _read_output(self) -> None:
        """One chunk a call, so that a dyno that never pauses cannot starve the timers."""
        self._read_chunk()

    def _read_chunk(self) -> bool:
        """Logs one chunk; False when there is none for now or for good."""
        try:
            chunk = os.read(self._output, _CHUNK)
        except BlockingIOError:
            return False
        if not chunk:
            self._loop.unwatch(self._output)
            return False
        self._log.output(self._lines.feed(chunk))
        return True

    def _sample(self) -> None:
        if self._instance is None:
            return
        now = self._loop.now()
        self._memory = self._instance.memory()
        self._load = self._load.observe(self._instance.running_threads(), now - self._sampled_at)
        self._sampled_at = now
        verdict = self._quota.observe(self._memory.total_mb, now)
        if verdict.kill:
            self._fail(verdict.error, *verdict.lines)
            return
        self._log.platform(*verdict.lines)
        if verdict.error != self._status.error and not self._stopping:
            self._status = replace(self._status, error=verdict.error, memory_mb=round(self._memory.total_mb, 2))
            self._write_status()
        # Asking about a process of many gigabytes is slow; never spend more than a twentieth of a CPU.
        self._loop.after("sample", max(_SAMPLE_S, 20 * (self._loop.now() - now)), self._sample)

    def _report_metrics(self) -> None:
        self._log.platform(
            *metrics_lines(
                dyno=self._spec.name,
                identifier=self._spec.id,
                load=self._load,
                memory=self._memory,
                quota_mb=self._spec.memory_mb,
            )
        )
        self._status = replace(self._status, memory_mb=round(self._memory.total_mb, 2))
        self._write_status()
        self._loop.after("metrics", self._spec.metrics_interval_s, self._report_metrics)

    def _fail(self, error: str | None, *lines: str) -> None:
        """Kills a dyno that broke a rule; its end then counts as a crash."""
        if self._instance is None:
            return
        self._status = replace(self._status, error=error)
        self._log.platform(*lines, wording.STOPPING_SIGKILL)
        self._loop.cancel("sample", "metrics", "boot poll", "boot timeout")
        self._instance.kill()
        self._child_ended()

    # --- ending ---

    def _child_ended(self) -> None:
        ended = instance.reap()
        if self._instance is None:
            return
        self._exit_code = ended.get(self._instance.pid, self._exit_code)
        if self._exit_code is None:
            return
        # Asked to end, each process has its 30 seconds: a shell that dies at once must not take with it
        # the server it started, which may still have requests to answer.
        if not (self._stopping or self._restarting) or not self._instance.pids():
            self._command_ended(self._instance, self._exit_code)

    def _command_ended(self, command: Instance, status: int) -> None:
        self._loop.cancel("sample", "metrics", "boot poll", "boot timeout", "exit timeout")
        # Its helpers go before its output is read to the end: one of them may hold the pipe open.
        command.kill()
        self._loop.unwatch(self._output)
        while self._read_chunk():
            pass
        self._log.output(self._lines.flush())
        os.close(self._output)
        self._log.platform(wording.exited(status))
        command.clear_up()
        self._instance = None
        if self._stopping:
            self._down(status)
        elif self._restarting:
            self._status = replace(self._status, exit_code=status, pid=None, error=None)
            self._start()
        else:
            self._crashed(status)

    def _crashed(self, status: int | None) -> None:
        backoff = self._spec.backoff
        up_s = self._loop.now() - self._up_at if self._up_at is not None else None
        crashes = backoff.crashes_after(self._status.crashes, up_s)
        delay = backoff.delay_s(crashes)
        when = (datetime.now(UTC) + timedelta(seconds=delay)).isoformat(timespec="milliseconds")
        self._change("crashed", exit_code=status, crashes=crashes, pid=None, memory_mb=0.0, next_start_at=when)
        self._loop.after("start", delay, self._start)

    def _stop(self) -> None:
        if self._stopping:
            return
        self._stopping = True
        self._end_command()

    def _restart(self) -> None:
        if self._stopping or self._restarting:
            return
        self._log.platform(wording.RESTARTING)
        self._restarting = True
        self._status = replace(self._status, crashes=0)
        self._end_command()

    def _end_command(self) -> None:
        self._loop.cancel("start", "boot poll", "boot timeout")
        if self._instance is None:
            if self._stopping:
                self._down(self._status.exit_code)
            else:
                self._start()
            return
        self._log.platform(wording.STOPPING_SIGTERM)
        self._loop.after("exit timeout", self._spec.stop_timeout_s, self._exit_timeout)
        self._instance.terminate()

    def _exit_timeout(self) -> None:
        self._fail("R12", wording.exit_timeout(self._spec.stop_timeout_s))

    def _down(self, status: int | None) -> None:
        self._change("down", exit_code=status, pid=None, memory_mb=0.0, next_start_at=None)
        self._ended = True

    # --- telling ---

    def _change(self, state: DynoState, **fields: object) -> None:
        before = self._status.state
        self._status = replace(self._status, state=state, since=_iso_now(), **fields)  # type: ignore[arg-type]
        # The log first: whoever sees the new state finds in the log how it came about.
        if before != state:
            self._log.platform(wording.state_changed(before, state))
        self._write_status()

    def _write_status(self) -> None:
        # A full disk must not take the dyno down; the next change or metrics sample writes it again.
        with suppress(OSError):
            write_status(self._spec.status, self._status)

    def _new_quota(self) -> QuotaWatch:
        return QuotaWatch(quota_mb=self._spec.memory_mb, kill_mb=self._spec.memory_kill_mb)


def _iso_now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: python -m declarative_paas.providers.runtime.runner SPEC.json", file=sys.stderr)
        return 2
    try:
        spec = DynoSpec.load(Path(arguments[0]))
    except SpecError as wrong:
        print(wrong, file=sys.stderr)
        return 2
    Runner(spec, Loop()).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
