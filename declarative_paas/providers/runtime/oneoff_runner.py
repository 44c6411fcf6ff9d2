"""Keeps one one-off dyno: `python -m declarative_paas.providers.runtime.oneoff_runner FD PARENT MODE [TIMEOUT]`.

FD delivers the spec, PARENT is the pid of the command whose dyno it is: when that ends, however it ends,
the dyno is stopped. MODE is `foreground` or `captured`.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from declarative_paas.providers.runtime import instance, launch, tree, wording
from declarative_paas.providers.runtime.dynolog import DynoLog
from declarative_paas.providers.runtime.instance import Instance, StartError
from declarative_paas.providers.runtime.lines import LineSplitter
from declarative_paas.providers.runtime.loop import Loop
from declarative_paas.providers.runtime.oneoff import CANNOT_START, TIMED_OUT
from declarative_paas.providers.runtime.quota import QuotaWatch
from declarative_paas.providers.runtime.spec import DynoSpec
from declarative_paas.providers.runtime.status import DynoStatus, write_status
from declarative_paas.providers.runtime.terminal import JoinedTerminal

_SAMPLE_S = 1.5
_CHUNK = 65536


@dataclass(frozen=True, slots=True, kw_only=True)
class _Capture:
    """The dyno's output: a pipe, cut into lines, logged and printed."""

    pipe: int
    lines: LineSplitter
    log: DynoLog

    def read(self) -> bool:
        """One chunk; False when there is none for now or for good."""
        try:
            chunk = os.read(self.pipe, _CHUNK)
        except BlockingIOError:
            return False
        self.say(self.lines.feed(chunk))
        return bool(chunk)

    def say(self, lines: list[str]) -> None:
        self.log.output(lines)
        data = "".join(f"{line}\n" for line in lines).encode()
        # Nobody reads any more: the command has gone, and its death stops us in a moment.
        with suppress(BrokenPipeError):
            while data:
                data = data[os.write(1, data) :]


class OneOffRunner:
    """Starts the dyno, waits, clears up; `run` returns the exit status."""

    def __init__(self, spec: DynoSpec, loop: Loop, *, captured: bool, timeout_s: float | None) -> None:
        self._spec = spec
        self._loop = loop
        self._captured = captured
        self._timeout_s = timeout_s
        self._log = DynoLog(spec.log, spec.name)
        self._quota = QuotaWatch(quota_mb=spec.memory_mb, kill_mb=spec.memory_kill_mb)
        self._capture: _Capture | None = None
        self._terminal: JoinedTerminal | None = None
        self._stopping = False
        self._timed_out = False
        self._exit_code: int | None = None

    def run(self) -> int:
        # From here on a signal waits for the loop: until now its default would end us, and nothing runs yet.
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            self._loop.note_signal(number)
        launch.adopt_orphans()
        tree.kill_leftovers(self._spec.id)
        self._log.platform(wording.state_changed("down", "starting"))
        self._log.platform(wording.starting(self._spec.command, self._spec.port))
        try:
            dyno = self._start()
        except StartError as wrong:
            self._log.platform(str(wrong), wording.state_changed("starting", "crashed"))
            print(wrong, file=sys.stdout if self._captured else sys.stderr, flush=True)
            return CANNOT_START
        self._watch(dyno)
        self._loop.run_until(lambda: self._exit_code is not None)
        return self._finish(dyno, self._exit_code or 0)

    def _start(self) -> Instance:
        if self._captured:
            return self._start_captured()
        if os.isatty(0) and os.isatty(1):
            return self._start_on_terminal()
        return Instance.start(self._spec, (0, 1, 2))

    def _start_captured(self) -> Instance:
        reading, writing = os.pipe()
        try:
            dyno = Instance.start(self._spec, (0, writing, writing))
        finally:
            os.close(writing)
        os.set_blocking(reading, False)
        self._capture = _Capture(pipe=reading, lines=LineSplitter(), log=self._log)
        self._loop.watch(reading, self._read_output)
        return dyno

    def _start_on_terminal(self) -> Instance:
        terminal = JoinedTerminal(self._loop)
        variables = {name: os.environ[name] for name in ("TERM", "COLORTERM") if name in os.environ}
        dyno = Instance.start(
            self._spec, (terminal.far, terminal.far, terminal.far), controlling_terminal=True, terminal=variables
        )
        terminal.join()
        self._terminal = terminal
        return dyno

    def _read_output(self) -> None:
        if self._capture is not None and not self._capture.read():
            self._loop.unwatch(self._capture.pipe)

    def _watch(self, dyno: Instance) -> None:
        self._loop.on_signal(signal.SIGCHLD, partial(self._child_ended, dyno))
        self._loop.on_signal(signal.SIGTERM, partial(self._stop, dyno))
        self._loop.on_signal(signal.SIGHUP, partial(self._stop, dyno))
        self._loop.on_signal(signal.SIGINT, partial(tree.signal_all, dyno.pid, signal.SIGINT))
        # What came while the dyno was being started waits in the loop for these handlers.
        self._loop.after("sample", _SAMPLE_S, partial(self._sample, dyno))
        if self._timeout_s is not None:
            self._loop.after("timeout", self._timeout_s, partial(self._time_out, dyno))
        self._log.platform(wording.state_changed("starting", "up"))
        with suppress(OSError):
            write_status(
                self._spec.status,
                DynoStatus(
                    name=self._spec.name,
                    release=self._spec.release,
                    state="up",
                    since=datetime.now(UTC).isoformat(timespec="milliseconds"),
                    pid=dyno.pid,
                    runner_pid=os.getpid(),
                    runner_started=instance.own_start_time(),
                ),
            )

    def _child_ended(self, dyno: Instance) -> None:
        self._exit_code = instance.reap().get(dyno.pid, self._exit_code)

    def _sample(self, dyno: Instance) -> None:
        verdict = self._quota.observe(dyno.memory().total_mb, self._loop.now())
        self._log.platform(*verdict.lines)
        if verdict.kill:
            self._log.platform(wording.STOPPING_SIGKILL)
            dyno.kill()
        self._loop.after("sample", _SAMPLE_S, partial(self._sample, dyno))

    def _time_out(self, dyno: Instance) -> None:
        self._timed_out = True
        self._stop(dyno)

    def _stop(self, dyno: Instance) -> None:
        if self._stopping:
            return
        self._stopping = True
        self._log.platform(wording.STOPPING_SIGTERM)
        self._loop.after("exit timeout", self._spec.stop_timeout_s, partial(self._exit_timeout, dyno))
        dyno.terminate()

    def _exit_timeout(self, dyno: Instance) -> None:
        self._log.platform(wording.exit_timeout(self._spec.stop_timeout_s), wording.STOPPING_SIGKILL)
        dyno.kill()

    def _finish(self, dyno: Instance, status: int) -> int:
        dyno.kill()
        if self._capture is not None:
            while self._capture.read():
                pass
            self._capture.say(self._capture.lines.flush())
        if self._terminal is not None:
            self._terminal.leave()
        dyno.clear_up()
        self._log.platform(wording.exited(status), wording.state_changed("up", "complete"))
        self._spec.status.unlink(missing_ok=True)
        # The command removes it too, unless it was killed: no secret is left lying about, not even a sealed one.
        self._spec.environment_file.unlink(missing_ok=True)
        return TIMED_OUT if self._timed_out else status


def main(arguments: list[str]) -> int:
    descriptor, parent, mode, *timeout = arguments
    launch.die_with(int(parent), signal.SIGTERM)
    with os.fdopen(int(descriptor), encoding="utf-8") as told:
        spec = DynoSpec.from_json(told.read())
    timeout_s = float(timeout[0]) if timeout else None
    return OneOffRunner(spec, Loop(), captured=mode == "captured", timeout_s=timeout_s).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
