"""Real failures, and the H-code each leaves in the app's log."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable

import pytest
from router_dyno import Dyno
from router_stage import Stage

from declarative_paas.providers.router.settings import Checks, Timeouts

IMPATIENT = Timeouts(first_byte_s=0.3, idle_s=0.6, connect_s=0.3)


@pytest.fixture
def dyno(stage: Stage) -> Dyno:
    """The only dyno of `shop`, behind an impatient router with a log sink."""
    router = stage.start(timeouts=IMPATIENT, checks=Checks(fast_interval_s=0.05))
    stage.start_sink()
    router.set_route("shop", ("shop.test",), None)
    dyno = stage.dyno("web.1-v12")
    router.switch("shop", (stage.server(dyno),))
    return dyno


def until(is_so: Callable[[], object]) -> None:
    pause = threading.Event()
    while not is_so():
        pause.wait(0.01)


def test_a_good_request_is_logged_in_herokus_form(stage: Stage, dyno: Dyno) -> None:
    headers = {"X-Request-ID": "0123456789abcdef0123", "X-Forwarded-For": "192.0.2.1"}
    stage.request(path='/a"b?c=d', host="shop.test", headers=headers)
    (line,) = stage.log("shop", 1)
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00 heroku\[router\]: at=info method=GET path=\"/a%22b\?c=d\""
        r" host=shop\.test request_id=0123456789abcdef0123 fwd=\"192\.0\.2\.1, 127\.0\.0\.1\" dyno=web\.1"
        r" connect=\d+ms service=\d+ms status=200 bytes=\d+ protocol=http",
        line,
    )


@pytest.mark.parametrize(
    ("path", "code", "description"),
    [
        ("/silent", "H12", "Request timeout"),
        ("/close", "H13", "Connection closed without response"),
    ],
)
def test_a_dyno_that_says_nothing(stage: Stage, dyno: Dyno, path: str, code: str, description: str) -> None:
    answer = stage.request(path=path, host="shop.test")
    assert (answer.status, "Application error" in answer.body) == (503, True)
    (line,) = stage.log("shop", 1)
    assert f'at=error code={code} desc="{description}" method=GET path="{path}"' in line
    assert "dyno=web.1 connect=" in line
    assert "status=503" in line


@pytest.mark.parametrize(("path", "code"), [("/half", "H18"), ("/stall", "H15")])
def test_a_response_that_never_ends(stage: Stage, dyno: Dyno, path: str, code: str) -> None:
    with socket.create_connection(("127.0.0.1", stage.settings.port)) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: shop.test\r\n\r\n".encode())
        while client.recv(4096):
            pass
    (line,) = stage.log("shop", 1)
    assert f"at=error code={code} " in line


def test_a_silent_tunnel_is_h15_and_a_closed_one_is_not(stage: Stage, dyno: Dyno) -> None:
    upgrade = b"GET /ws HTTP/1.1\r\nHost: shop.test\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"
    with socket.create_connection(("127.0.0.1", stage.settings.port)) as client:
        client.sendall(upgrade)
        assert b" 101 " in client.recv(4096)
    until(lambda: not dyno.is_busy)
    with socket.create_connection(("127.0.0.1", stage.settings.port)) as client:
        client.sendall(upgrade)
        while client.recv(4096):
            pass
    closed, silent = stage.log("shop", 2)
    assert "at=info method=GET" in closed
    assert "status=101" in closed
    assert "code=H15" in silent


def test_a_client_that_goes_away_is_h27(stage: Stage, dyno: Dyno) -> None:
    with socket.create_connection(("127.0.0.1", stage.settings.port)) as client:
        client.sendall(b"GET /silent HTTP/1.1\r\nHost: shop.test\r\n\r\n")
        until(lambda: dyno.seen("/silent"))
    until(lambda: not dyno.is_busy)
    (line,) = stage.log("shop", 1)
    assert 'at=warning code=H27 desc="Client Request Interrupted"' in line
    assert "status=499" in line


def test_a_crashed_app_is_h10(stage: Stage, dyno: Dyno) -> None:
    dyno.kill()
    until(stage.router.problems)
    assert stage.router.problems() == ("server web.1-v12 of shop is down",)
    answer = stage.request(host="shop.test")
    assert (answer.status, "Application error" in answer.body) == (503, True)
    (line,) = stage.log("shop", 1)
    assert 'at=error code=H10 desc="App crashed"' in line
    assert "dyno= connect= service= status=503 bytes=" in line


def test_a_head_request_gets_no_body_from_the_error_pages(stage: Stage, dyno: Dyno) -> None:
    with socket.create_connection(("127.0.0.1", stage.settings.port)) as client:
        client.sendall(b"HEAD / HTTP/1.1\r\nHost: nobody.test\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: client.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert answer.endswith(b"\r\n\r\n")


def test_an_event_stream_may_be_silent_for_longer_than_a_page(stage: Stage, dyno: Dyno) -> None:
    stream = {"Accept": "text/event-stream"}
    assert stage.request(path="/slow?s=0.45", host="shop.test", headers=stream).status == 200
    assert stage.request(path="/slow?s=0.45", host="shop.test").status == 503
