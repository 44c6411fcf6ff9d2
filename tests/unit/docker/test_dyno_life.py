"""What the engine tells of a dyno, in Heroku's words."""

from __future__ import annotations

from typing import Any

import pytest

from declarative_paas.providers.docker.life import event_line, killed_lines, life_lines


def described(**state: Any) -> dict[str, Any]:
    usual = {
        "Running": True,
        "Restarting": False,
        "ExitCode": 0,
        "OOMKilled": False,
        "StartedAt": "2026-11-24T10:00:00.5Z",
        "FinishedAt": "0001-01-01T00:00:00Z",
    }
    return {
        "State": {**usual, **state},
        "Config": {"Cmd": ["/bin/sh", "-c", "…", "dyno", "serve --port $PORT"]},
        "NetworkSettings": {"Networks": {}},
        "RestartCount": 0,
    }


def test_a_start_is_told_with_the_port_filled_in():
    assert life_lines(described(), "web.1", ends_are_told=False) == [
        "2026-11-24T10:00:00.500000+00:00 heroku[web.1]: Starting process with command `serve --port 61000`"
    ]


def test_a_dyno_s_first_start_is_told_before_its_first_words_and_later_ones_when_they_were():
    made = {**described(), "Created": "2026-11-24T09:59:58Z"}
    (line,) = life_lines(made, "web.1", ends_are_told=False)
    assert line.startswith("2026-11-24T09:59:58.000000+00:00 ")
    for later in ({**made, "RestartCount": 1}, {**made, "Created": "2026-11-24T08:00:00Z"}):
        (line,) = life_lines(later, "web.1", ends_are_told=False)
        assert line.startswith("2026-11-24T10:00:00.500000+00:00 ")


def test_an_end_is_told_once():
    ended = described(Running=False, ExitCode=137, OOMKilled=True, FinishedAt="2026-11-24T10:00:09Z")
    assert [line.partition("]: ")[2] for line in life_lines(ended, "web.1", ends_are_told=False)][1:] == [
        "Error R15 (Memory quota vastly exceeded)",
        "Process exited with status 137",
    ]
    assert len(life_lines(ended, "web.1", ends_are_told=True)) == 1


@pytest.mark.parametrize(
    ("action", "text"),
    [("oom", "Error R15 (Memory quota vastly exceeded)"), ("die", "Process exited with status 9"), ("exec_die", None)],
)
def test_an_event_is_told_in_heroku_s_words_or_not_at_all(action: str, text: str | None):
    event = {"Action": action, "timeNano": 1_795_514_400_000_000_000, "Actor": {"Attributes": {"exitCode": "9"}}}
    told = [line.partition("]: ")[2] for line in event_line(event, "web.1")]
    assert told == ([] if text is None else [text])


def test_a_start_is_told_only_where_it_is_known_what_was_started():
    event = {"Action": "start", "timeNano": 1_795_514_400_000_000_000, "Actor": {"Attributes": {}}}
    assert event_line(event, "web.1") == []
    (line,) = event_line(event, "web.1", described())
    assert line.endswith("heroku[web.1]: Starting process with command `serve --port 61000`")


def test_a_command_that_no_shell_runs_is_told_as_its_words():
    by_itself = {**described(), "Config": {"Cmd": ["/httpd", "-h", "/the site"]}}
    (line,) = life_lines(by_itself, "web.1", ends_are_told=False)
    assert line.endswith("`/httpd -h '/the site'`")


def test_an_exit_timeout_is_told_before_the_end_that_it_led_to():
    ended = described(Running=False, ExitCode=137, FinishedAt="2026-11-24T10:00:09Z")
    lines = [*killed_lines(ended, "web.1", 30), *life_lines(ended, "web.1", ends_are_told=False)]
    assert [line.partition("]: ")[2] for line in sorted(lines)][1:] == [
        "Error R12 (Exit timeout) -> Process failed to exit within 30 seconds of SIGTERM",
        "Stopping process with SIGKILL",
        "Process exited with status 137",
    ]
