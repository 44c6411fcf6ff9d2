"""Whether dynos listen, asked by one command on the engine's host for all of them."""

from __future__ import annotations

import threading
import time

import pytest
from docker_case import Case, Place

from declarative_paas.core.provider import ProviderError
from declarative_paas.providers.docker.doors import Doors
from declarative_paas.providers.docker.engine.dyno_container import PORT


def _started(case: Case, name: str, command: str) -> Place:
    return case.start(case.dyno(case.server_slug(), name, command), listening=False)


def _commands(case: Case) -> int:
    return int(case.shell(case.host(), "pgrep -fc '[d]ef knock' || true"))


def test_dynos_that_listen_where_others_reach_them_are_open_and_one_command_asked_them_all(case: Case) -> None:
    doors = Doors(case.engine, case.host())
    late = _started(case, "web.1", "while ! test -e /tmp/go; do sleep 0.05; done; exec python3 server.py 0.0.0.0 $PORT")
    others = [_started(case, f"web.{number}", "exec python3 server.py 0.0.0.0 $PORT") for number in (2, 3)]
    # The router could not reach it: R10.
    hidden = _started(case, "web.4", "exec python3 server.py 127.0.0.1 $PORT")
    assert not doors.wait_open(late.ip, PORT, timeout_s=0.3)
    for dyno in others:
        assert doors.wait_open(dyno.ip, PORT, timeout_s=30)
    assert not doors.wait_open(hidden.ip, PORT, timeout_s=0.3)
    assert case.probe(hidden.name, "127.0.0.1", PORT) == "reachable"
    assert _commands(case) == 1
    case.shell(late.name, "touch /tmp/go")
    assert doors.wait_open(late.ip, PORT, timeout_s=30)
    # What was open once is asked again: another dyno may have its address by now.
    case.engine.api.stop(late.name, timeout=0)
    assert not doors.wait_open(late.ip, PORT, timeout_s=0.3)
    deadline = time.monotonic() + 30
    while _commands(case):
        assert time.monotonic() < deadline, "the command goes on, with nobody who wants to know"


def test_everybody_who_waits_is_told_when_nothing_can_be_asked(case: Case) -> None:
    doors = Doors(case.engine, case.host())
    dyno = _started(case, "web.1", "exec sleep 100")
    told: list[str] = []

    def wait() -> None:
        with pytest.raises(ProviderError) as raised:
            doors.wait_open(dyno.ip, PORT, timeout_s=60)
        told.append(raised.value.summary)

    waiting = [threading.Thread(target=wait) for _ in range(2)]
    assert not doors.wait_open(dyno.ip, PORT, timeout_s=0.5)
    for thread in waiting:
        thread.start()
    case.engine.api.remove_container(case.host(), force=True)
    for thread in waiting:
        thread.join(30)
    assert len(told) == 2
    assert all("ended while dynos were waited for" in text for text in told)
