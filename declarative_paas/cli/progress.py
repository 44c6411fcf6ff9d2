"""An apply as it runs: in place on a terminal, a line a step elsewhere, one JSON event a line for programs."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TextIO

from declarative_paas.cli.terminal import is_terminal, safe, wants_colour, width_of
from declarative_paas.core.event import Event, EventKind, EventSink

REDRAW_S = 0.2
MAX_RUNNING_LINES = 10
_DOING = {
    "create": "creating",
    "rename": "renaming",
    "update": "updating",
    "promote": "promoting",
    "delete": "deleting",
    "forget": "forgetting",
}
_DONE = {
    "create": "created",
    "rename": "renamed",
    "update": "updated",
    "promote": "promoted",
    "delete": "deleted",
    "forget": "forgotten",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """`sink` takes an apply's events; `notify` says a sentence, also from a signal handler."""

    sink: EventSink
    notify: Callable[[str], None]


@contextmanager
def progress(*, as_json: bool, no_color: bool, stream: TextIO | None = None) -> Generator[Progress]:
    """Shows an apply. A reader that goes away never stops the apply: then nobody is told."""
    out: TextIO = stream or sys.stdout
    if as_json:
        yield Progress(sink=_forgiving(lambda event: _write(out, json.dumps(event.to_json()))), notify=_to_stderr)
    elif is_terminal(out):
        live = LiveProgress(out, colour=wants_colour(out, no_color=no_color))
        with live.drawing():
            yield Progress(sink=live, notify=live.notify)
    else:
        yield Progress(sink=_forgiving(lambda event: _write_lines(out, event)), notify=_to_stderr)


def _to_stderr(sentence: str) -> None:
    # Not print: a signal may arrive in the middle of one, and buffered streams refuse to be entered twice.
    with contextlib.suppress(OSError):
        os.write(2, f"{sentence}\n".encode())


def line_of(event: Event) -> str | None:
    """The one line that tells an event for good; None for those that only progress shows."""
    number = f"[{event.done}/{event.total}]"
    operation = event.operation or ""
    took = seconds(event.elapsed_s or 0.0)
    match event.kind:
        case EventKind.STEP_STARTED:
            return f"{number} {event.address}: {_DOING.get(operation, operation)}"
        case EventKind.STEP_PROGRESS | EventKind.STEP_RETRIED:
            return f"{number} {event.address}: {_one_line(event.message)}"
        case EventKind.STEP_SUCCEEDED:
            return f"{number} {event.address}: {_DONE.get(operation, operation)} after {took}"
        case EventKind.STEP_FAILED:
            code = f" [{event.code}]" if event.code else ""
            return f"{number} {event.address}: FAILED after {took}: {_one_line(event.message)}{code}"
        case EventKind.STEP_SKIPPED:
            return f"{number} {event.address}: skipped: {_one_line(event.message)}"
        case EventKind.APPLY_STARTED | EventKind.INTERRUPTED | EventKind.APPLY_FINISHED:
            return None


def _one_line(message: str | None) -> str:
    """What a platform says, on one line: a block that is drawn in place must have as many as were counted."""
    return safe(message or "").replace("\n", " ")


def seconds(elapsed_s: float) -> str:
    """`0.4s`, `12s`, `3m05s`."""
    if elapsed_s < 10:
        return f"{elapsed_s:.1f}s"
    minutes, rest = divmod(round(elapsed_s), 60)
    return f"{minutes}m{rest:02}s" if minutes else f"{rest}s"


def _write(stream: TextIO, line: str) -> None:
    print(line, file=stream, flush=True)


def _write_lines(stream: TextIO, event: Event) -> None:
    line = line_of(event)
    if line is not None:
        _write(stream, line)


def _forgiving(write: Callable[[Event], None]) -> EventSink:
    lock = threading.Lock()

    def sink(event: Event) -> None:
        with lock, contextlib.suppress(BrokenPipeError):
            write(event)

    return sink


@dataclass(slots=True)
class _Running:
    label: str
    since: float
    message: str = ""


class LiveProgress:
    """Running steps with their seconds below, ended ones above. Draws from a thread of its own."""

    def __init__(
        self, stream: TextIO, *, colour: bool, width: int | None = None, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream = stream
        self._colour = colour
        self._width = width
        self._now = now
        self._lock = threading.Lock()
        self._running: dict[str, _Running] = {}
        self._ended: list[str] = []
        self._notices: deque[str] = deque()
        self._done = 0
        self._total = 0
        self._drawn = 0

    def __call__(self, event: Event) -> None:
        with self._lock:
            self._done, self._total = event.done, event.total
            key = event.step_id or ""
            match event.kind:
                case EventKind.STEP_STARTED:
                    label = f"{event.address} {_DOING.get(event.operation or '', '')}"
                    self._running[key] = _Running(label=label, since=self._now())
                case EventKind.STEP_PROGRESS | EventKind.STEP_RETRIED:
                    if key in self._running:
                        self._running[key].message = _one_line(event.message)
                case EventKind.STEP_SUCCEEDED | EventKind.STEP_FAILED | EventKind.STEP_SKIPPED:
                    self._running.pop(key, None)
                    self._ended.append(self._ended_line(event))
                case EventKind.APPLY_STARTED | EventKind.INTERRUPTED | EventKind.APPLY_FINISHED:
                    pass

    def notify(self, sentence: str) -> None:
        """Takes no lock: the thread that a signal interrupts may hold it."""
        self._notices.append(sentence)

    @contextmanager
    def drawing(self) -> Generator[None]:
        """Redraws until left; then only what ended stays on the screen."""
        finished = threading.Event()

        def draw_until_finished() -> None:
            while not finished.wait(REDRAW_S):
                self.draw()

        thread = threading.Thread(target=draw_until_finished, name="progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            finished.set()
            thread.join()
            with self._lock:
                self._running.clear()
                self._total = 0
            self.draw()

    def draw(self) -> None:
        """One frame: takes back the last one's running block, writes what ended, and the block anew."""
        with self._lock:
            while self._notices:
                self._ended.append(self._notices.popleft())
            width = self._width or width_of(self._stream)
            block = [line[: width - 1] for line in self._block()]
            erase = f"\x1b[{self._drawn}A\x1b[J" if self._drawn else ""
            frame = erase + "".join(f"{line}\n" for line in [*self._ended, *block])
            self._ended.clear()
            self._drawn = len(block)
        with contextlib.suppress(OSError):  # the terminal went away; the apply goes on
            self._stream.write(frame)
            self._stream.flush()

    def _block(self) -> list[str]:
        if not self._total:
            return []
        now = self._now()
        # The longest running first: that is what everything waits for.
        running = sorted(self._running.values(), key=lambda item: item.since)
        lines = [
            f"  {item.label} {seconds(now - item.since)}{f'  {item.message}' if item.message else ''}"
            for item in running[:MAX_RUNNING_LINES]
        ]
        hidden = len(running) - MAX_RUNNING_LINES
        if hidden > 0:
            lines.append(f"  and {hidden} more")
        return [*lines, f"{self._done} of {self._total} steps done, {len(running)} running"]

    def _ended_line(self, event: Event) -> str:
        line = line_of(event) or ""
        number, _, text = line.partition("] ")
        colour = {EventKind.STEP_FAILED: "31", EventKind.STEP_SKIPPED: "33"}.get(event.kind, "32")
        return f"{number}] \x1b[{colour}m{text}\x1b[0m" if self._colour else line
