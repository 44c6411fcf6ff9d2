"""The router container's program, its options on their way into the container, and its log lines."""

from __future__ import annotations

import io
import json
import zipfile

from declarative_paas.providers.docker.services.router import RouterOptions
from declarative_paas.providers.docker.services.router_code import router_code
from declarative_paas.providers.docker.services.router_inside import answer, settings_of
from declarative_paas.providers.docker.services.router_logs import router_line
from declarative_paas.providers.router.config import render
from declarative_paas.providers.router.router import Router
from declarative_paas.providers.router.routes import RouteTable
from declarative_paas.providers.router.settings import Checks, Timeouts

OPTIONS = RouterOptions(
    port=8080, app_ports=(9000, 9009), timeouts=Timeouts(first_byte_s=7.0), checks=Checks(failures=5)
)


def test_the_program_is_the_same_bytes_every_time_and_named_by_its_content() -> None:
    first = router_code()
    router_code.cache_clear()
    again = router_code()
    assert again == first and again is not first
    assert first.path.startswith("/dpaas/router-") and first.path.endswith(".pyz")


def test_the_program_holds_every_module_that_it_imports() -> None:
    names = set(zipfile.ZipFile(io.BytesIO(router_code().content)).namelist())
    assert {"__main__.py", "declarative_paas/__init__.py", "declarative_paas/providers/router/router.py"} <= names
    for name in names:
        text = zipfile.ZipFile(io.BytesIO(router_code().content)).read(name).decode()
        for line in text.splitlines():
            if line.startswith("from declarative_paas"):
                module = line.split()[1].replace(".", "/")
                assert f"{module}.py" in names or f"{module}/__init__.py" in names, f"{name}: {line}"


def test_options_reach_the_router_in_the_container_unchanged() -> None:
    settings = settings_of(json.loads(json.dumps(OPTIONS.to_json())), "/usr/local/bin/haproxy")
    assert (settings.port, settings.bind, settings.app_ports) == (8080, "0.0.0.0", (9000, 9009))
    assert (settings.timeouts, settings.checks) == (OPTIONS.timeouts, OPTIONS.checks)
    text = render(settings, RouteTable(slot_count=1))
    assert "    log stdout len 65535 format raw local0 info" in text
    assert "    bind 0.0.0.0:8080\n    bind 0.0.0.0:9000-9009" in text


def test_without_app_ports_only_the_port_is_bound() -> None:
    settings = settings_of(json.loads(json.dumps(RouterOptions().to_json())), "/usr/local/bin/haproxy")
    binds = [line.strip() for line in render(settings, RouteTable(slot_count=1)).splitlines() if "bind " in line]
    assert binds == ["bind 0.0.0.0:80"]


def test_a_mistake_in_the_container_is_an_answer_with_its_name() -> None:
    router = Router(settings_of(json.loads(json.dumps(RouterOptions().to_json())), "/usr/local/bin/haproxy"))
    arguments = {"app": "shop", "hosts": [], "app_port": 9001, "maintenance": False}
    told = answer(router, {"operation": "set_route", "arguments": arguments})
    assert told["error"] == "RouteConflictError" and "it has none for apps" in told["text"]


def test_a_line_of_the_container_becomes_the_apps_router_line() -> None:
    record = {
        "at_ms": 1772366400000,
        "app": "shop",
        "code": "",
        "method": "GET",
        "path": "/cart",
        "host": "shop.test",
        "request_id": "r1",
        "fwd": "10.0.0.9",
        "backend": "slot1.tcp",
        "server": "web.1-v3:10.210.0.2:5000",
        "termination": "--",
        "status": 200,
        "bytes": 12,
        "receive_ms": 0,
        "queue_ms": 0,
        "connect_ms": 1,
        "active_ms": 9,
    }
    assert router_line(json.dumps(record)) == (
        "shop",
        '2026-03-01T12:00:00.000000+00:00 heroku[router]: at=info method=GET path="/cart" host=shop.test'
        ' request_id=r1 fwd="10.0.0.9" dyno=web.1 connect=1ms service=8ms status=200 bytes=12 protocol=http',
    )


def test_haproxys_own_messages_are_no_requests() -> None:
    assert router_line("[NOTICE]   (1) : New worker (14) forked") is None
    assert router_line(json.dumps({"app": "../etc"})) is None
