from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from declarative_paas.providers.router.config import LOG_FIELDS
from declarative_paas.providers.router.heroku_log import H_CODES, h_code, message, parse
from declarative_paas.providers.router.logsink import format_batch, write_batch

GOOD: dict[str, Any] = {
    "at_ms": 1700000000123,
    "app": "shop",
    "code": "-",
    "method": "GET",
    "path": "/cart?id=7",
    "host": "shop.test",
    "request_id": "8601b555-6a83-4c12-8269-97c8e32cdb22",
    "fwd": "192.0.2.7",
    "backend": "slot1.tcp",
    "server": "web.1-v12:127.0.0.1:7001",
    "termination": "--",
    "status": 200,
    "bytes": 415,
    "receive_ms": 2,
    "queue_ms": 0,
    "connect_ms": 1,
    "active_ms": 21,
}


def line(**changes: Any) -> str:
    return json.dumps({**GOOD, **changes})


def logged(**changes: Any) -> str:
    record = parse(line(**changes))
    assert record is not None
    return message(record)


def code(**changes: Any) -> str | None:
    record = parse(line(**changes))
    assert record is not None
    return h_code(record)


def test_the_log_format_has_exactly_the_fields_that_are_read() -> None:
    assert LOG_FIELDS.keys() == GOOD.keys()


def test_a_good_request_reads_as_on_heroku() -> None:
    assert logged() == (
        'at=info method=GET path="/cart?id=7" host=shop.test request_id=8601b555-6a83-4c12-8269-97c8e32cdb22'
        ' fwd="192.0.2.7" dyno=web.1 connect=1ms service=18ms status=200 bytes=415 protocol=http'
    )


def test_a_request_that_no_dyno_could_take_has_empty_fields_as_on_heroku() -> None:
    text = logged(code="H14", server="<NOSRV>", termination="LR", status=503, connect_ms=-1, receive_ms=0)
    assert text == (
        'at=error code=H14 desc="No web processes running" method=GET path="/cart?id=7" host=shop.test'
        ' request_id=8601b555-6a83-4c12-8269-97c8e32cdb22 fwd="192.0.2.7" dyno= connect= service= status=503'
        " bytes= protocol=http"
    )


@pytest.mark.parametrize(
    ("expected", "changes"),
    [
        ("H10", {"termination": "SC", "server": "<NOSRV>", "status": 503, "connect_ms": -1}),
        ("H12", {"termination": "sH", "status": 504}),
        ("H13", {"termination": "SH", "status": 502}),
        ("H14", {"code": "H14", "termination": "LR", "server": "<NOSRV>", "status": 503}),
        ("H15", {"termination": "sD", "status": 200}),
        ("H15", {"termination": "cD", "status": 101}),
        ("H15", {"termination": "sD", "status": 101}),
        ("H17", {"termination": "PH", "status": 502}),
        ("H18", {"termination": "SD", "status": 200}),
        ("H19", {"termination": "sC", "status": 503, "connect_ms": -1}),
        ("H20", {"termination": "sQ", "status": 503, "connect_ms": -1, "server": "<NOSRV>"}),
        ("H21", {"termination": "SC", "status": 503, "connect_ms": -1}),
        ("H27", {"termination": "CH", "status": 400}),
        ("H27", {"termination": "CD", "status": -1}),
        ("H27", {"termination": "CQ", "status": 400, "server": "<NOSRV>"}),
        ("H28", {"termination": "cR", "status": 408, "server": "<NOSRV>"}),
        ("H80", {"code": "H80", "termination": "LR", "server": "<NOSRV>", "status": 503}),
        ("H99", {"termination": "RC", "status": 500}),
        ("H99", {"termination": "??", "status": 500}),
    ],
)
def test_how_a_session_ended_gives_its_h_code(expected: str, changes: dict[str, Any]) -> None:
    assert code(**changes) == expected
    error = H_CODES[expected]
    assert logged(**changes).startswith(f'at={error.at} code={expected} desc="{error.description}" method=GET ')
    assert f" status={error.status} " in logged(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"status": 503},  # the app's own 503 is no error of the router
        {"status": 101, "termination": "CD"},
        {"status": 101, "termination": "SD"},
        {"status": 101, "termination": "KD"},  # cut off when its drain timed out
        {"status": 200, "termination": "CD"},  # the client left in the middle of its answer
    ],
)
def test_an_ordinary_end_has_no_h_code(changes: dict[str, Any]) -> None:
    assert code(**changes) is None
    assert logged(**changes).startswith("at=info method=")


def test_the_levels_and_statuses_are_herokus() -> None:
    assert {name: (error.at, error.status) for name, error in H_CODES.items() if error.at != "error"} == {
        "H27": ("warning", 499),
        "H28": ("warning", 499),
        "H80": ("info", 503),
    }
    assert {"H10", "H12", "H13", "H14", "H15", "H18", "H19", "H20", "H21", "H27", "H80"} <= H_CODES.keys()


def test_a_client_cannot_forge_fields_or_lines() -> None:
    text = logged(path='/"x" status=200', host="a b\nheroku[router]: at=info", fwd='1" dyno=web.9')
    assert "\n" not in text
    assert len(re.findall(" status=", text)) == 1
    assert len(re.findall(r"dyno=", text.replace("%22 dyno=", ""))) == 1
    assert 'path="/%22x%22%20status=200"' in text


@pytest.mark.parametrize(
    "text",
    [
        "Server slot1.tcp/web.1 is DOWN.",
        "",
        "[]",
        "7",
        line(app="-"),
        line(app="../../etc/passwd"),
        line(app="SHOP"),
        line(status="many"),
        json.dumps({"app": "shop"}),
    ],
)
def test_what_is_no_request_of_an_app_is_dropped(text: str) -> None:
    assert parse(text) is None
    assert format_batch([text.encode()]) == {}


def test_a_batch_is_written_to_each_apps_file_in_order(tmp_path: Path) -> None:
    write_batch(tmp_path, [line(path="/1").encode(), b"\xff\xfe", line(app="blog").encode(), line(path="/2").encode()])
    lines = (tmp_path / "shop.log").read_text().splitlines()
    assert [text.split(" ", 2)[:2] for text in lines] == [["2023-11-14T22:13:20.123000+00:00", "heroku[router]:"]] * 2
    assert 'path="/1"' in lines[0]
    assert 'path="/2"' in lines[1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["blog.log", "shop.log"]


def test_a_log_that_cannot_be_written_does_not_stop_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "shop.log").mkdir()
    write_batch(tmp_path, [line().encode(), line(app="blog").encode()])
    assert (tmp_path / "blog.log").exists()
    assert "1 router lines of shop are lost" in capsys.readouterr().err
