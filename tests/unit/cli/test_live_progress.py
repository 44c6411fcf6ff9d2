"""What an apply shows while it runs."""

from __future__ import annotations

import io
import json

import pytest

from declarative_paas.cli.progress import LiveProgress, line_of, progress, seconds
from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.event import Event, EventKind


def event(kind: EventKind, app: str = "shop", **fields: object) -> Event:
    given = {"operation": "create", "step_id": f"create {app}", "done": 0, "total": 3, **fields}
    return Event(kind=kind, at="2026-01-01T00:00:00+00:00", address=ResourceAddress("app", app), **given)  # type: ignore[arg-type]


def live(now: list[float], *, colour: bool = False, width: int = 60) -> tuple[LiveProgress, io.StringIO]:
    stream = io.StringIO()
    return LiveProgress(stream, colour=colour, width=width, now=lambda: now[0]), stream


def test_running_steps_show_their_seconds_and_the_whole_its_count() -> None:
    now = [10.0]
    shown, stream = live(now)
    shown(event(EventKind.STEP_STARTED))
    now[0] = 13.25
    shown(event(EventKind.STEP_PROGRESS, message="booting web.1"))
    shown.draw()
    assert stream.getvalue() == "  app.shop creating 3.2s  booting web.1\n0 of 3 steps done, 1 running\n"


def test_a_new_frame_takes_the_old_block_back_and_keeps_what_ended() -> None:
    shown, stream = live([0.0])
    shown(event(EventKind.STEP_STARTED))
    shown.draw()
    stream.truncate(0)
    stream.seek(0)
    shown(event(EventKind.STEP_SUCCEEDED, done=1, elapsed_s=1.0))
    shown.draw()
    assert stream.getvalue() == "\x1b[2A\x1b[J[1/3] app.shop: created after 1.0s\n1 of 3 steps done, 0 running\n"


def test_a_line_of_the_block_never_wraps() -> None:
    shown, stream = live([0.0], width=20)
    shown(event(EventKind.STEP_STARTED, message="x"))
    shown(event(EventKind.STEP_PROGRESS, message="x" * 100))
    shown.draw()
    assert max(len(line) for line in stream.getvalue().splitlines()) < 20


def test_what_a_platform_says_cannot_steer_the_terminal() -> None:
    shown, stream = live([0.0])
    shown(event(EventKind.STEP_STARTED))
    shown(event(EventKind.STEP_PROGRESS, message="two\nlines\x1b[2J"))
    shown.draw()
    first = stream.getvalue().splitlines()[0]
    assert first.startswith("  app.shop creating 0.0s  two lines")
    assert "\x1b" not in first


def test_the_longest_running_come_first_and_the_rest_is_counted() -> None:
    now = [0.0]
    shown, stream = live(now)
    for number in range(13):
        now[0] = float(number)
        shown(event(EventKind.STEP_STARTED, app=f"app{number:02}"))
    shown.draw()
    lines = stream.getvalue().splitlines()
    assert lines[0].startswith("  app.app00")
    assert lines[10] == "  and 3 more"


def test_nothing_stays_of_the_block_at_the_end() -> None:
    shown, stream = live([0.0])
    with shown.drawing():
        shown(event(EventKind.STEP_STARTED))
        shown.draw()
        shown(event(EventKind.STEP_FAILED, done=1, message="no luck", code="R10", elapsed_s=61.0))
    assert stream.getvalue().endswith("\x1b[2A\x1b[J[1/3] app.shop: FAILED after 1m01s: no luck [R10]\n")


def test_a_notice_stands_above_the_block() -> None:
    shown, stream = live([0.0])
    shown(event(EventKind.STEP_STARTED))
    shown.notify("Stopping.")
    shown.draw()
    assert stream.getvalue().startswith("Stopping.\n")


def test_without_a_terminal_a_step_is_a_line() -> None:
    stream = io.StringIO()
    with progress(as_json=False, no_color=False, stream=stream) as shown:
        shown.sink(event(EventKind.APPLY_STARTED))
        shown.sink(event(EventKind.STEP_STARTED))
        shown.sink(event(EventKind.STEP_SKIPPED, message="waits for app.api, which failed"))
    assert stream.getvalue() == "[0/3] app.shop: creating\n[0/3] app.shop: skipped: waits for app.api, which failed\n"


def test_as_json_an_event_is_a_line() -> None:
    stream = io.StringIO()
    with progress(as_json=True, no_color=False, stream=stream) as shown:
        shown.sink(event(EventKind.STEP_STARTED))
    assert json.loads(stream.getvalue())["kind"] == "step_started"


class Gone(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError


@pytest.mark.parametrize("as_json", [True, False])
def test_a_reader_that_went_away_does_not_stop_the_apply(as_json: bool) -> None:
    with progress(as_json=as_json, no_color=False, stream=Gone()) as shown:
        shown.sink(event(EventKind.STEP_STARTED))


@pytest.mark.parametrize(("elapsed", "text"), [(0.04, "0.0s"), (9.94, "9.9s"), (10.2, "10s"), (185, "3m05s")])
def test_seconds_are_told_as_people_say_them(elapsed: float, text: str) -> None:
    assert seconds(elapsed) == text


def test_every_kind_of_event_has_a_line_or_none() -> None:
    told = {kind: line_of(event(kind, message="m", elapsed_s=1.0)) for kind in EventKind}
    assert {kind for kind, line in told.items() if line is None} == {
        EventKind.APPLY_STARTED,
        EventKind.APPLY_FINISHED,
        EventKind.INTERRUPTED,
    }
