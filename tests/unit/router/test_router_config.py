from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from declarative_paas.providers.router.config import render
from declarative_paas.providers.router.maps import map_text, render_maps
from declarative_paas.providers.router.pages import page_files
from declarative_paas.providers.router.routes import Route, RouteTable, Server
from declarative_paas.providers.router.settings import RouterSettings, haproxy_binary

TABLE = (
    RouteTable(slot_count=3)
    .with_route(
        Route(
            app="shop",
            hosts=("shop.test", "www.shop.test"),
            app_port=5001,
            servers=(
                Server(name="web.1-v3", address="127.0.0.1", port=7001, check_path="/healthz?a=b"),
                Server(name="web.2-v3", address="::1", port=7002, check_path="/healthz?a=b"),
            ),
        )
    )
    .with_route(
        Route(app="blog", servers=(Server(name="web.1-v9", address="10.0.0.2", port=5000),), maintenance=True),
    )
)


def settings(directory: Path = Path("/srv/router")) -> RouterSettings:
    return RouterSettings(
        directory=directory,
        run_directory=Path("/run/r"),
        binary=Path("haproxy"),
        port=5000,
        app_ports=(5001, 5010),
        log_port=5011,
    )


def section(text: str, head: str) -> str:
    return next(part for part in text.split("\n\n") if part.startswith(head))


def test_haproxy_accepts_the_config_without_a_warning(tmp_path: Path) -> None:
    directory = tmp_path / "a folder, with 'quotes'"
    directory.mkdir()
    config = directory / "haproxy.cfg"
    config.write_text(render(settings(directory), TABLE))
    for name, text in page_files().items():
        (directory / name).write_text(text, newline="")
    for name, entries in render_maps(TABLE).items():
        (directory / name).write_text(map_text(entries))
    checked = subprocess.run([haproxy_binary(), "-c", "-f", config], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr
    assert "WARNING" not in checked.stderr


def test_servers_stand_in_the_backend_that_checks_them_their_way() -> None:
    text = render(settings(), TABLE)
    intervals = "inter 1000ms fastinter 250ms downinter 250ms"
    options = f"check {intervals} rise 1 fall 2 observe layer4 error-limit 1 on-error fastinter"
    assert section(text, "backend slot1.tcp").splitlines()[1:] == []
    assert section(text, "backend slot1.http").splitlines()[1:] == [
        f"    server web.1-v3:127.0.0.1:7001 127.0.0.1:7001 {options}",
        f"    server web.2-v3:::1:7002 [::1]:7002 {options}",
    ]
    assert section(text, "backend slot2.tcp").splitlines()[1:] == [
        f"    server web.1-v9:10.0.0.2:5000 10.0.0.2:5000 {options}"
    ]


def test_every_slot_has_both_backends_and_none_is_beyond_the_table() -> None:
    names = re.findall(r"^backend (slot\S+)", render(settings(), TABLE), re.MULTILINE)
    assert names == ["slot1.tcp", "slot1.http", "slot2.tcp", "slot2.http", "slot3.tcp", "slot3.http"]


def test_only_requests_that_reached_no_dyno_are_tried_again() -> None:
    defaults = section(render(settings(), TABLE), "defaults common")
    assert "    retry-on conn-failure\n" in defaults
    assert "    option redispatch 1\n" in defaults
    assert "    option http-server-close\n" in defaults


def test_time_limits_are_herokus() -> None:
    defaults = section(render(settings(), TABLE), "defaults common")
    for line in (
        "timeout connect 5000ms",
        "timeout server 30000ms",
        "timeout client 55000ms",
        "timeout tunnel 55000ms",
        "timeout queue 75000ms",
    ):
        assert f"    {line}\n" in defaults


def test_the_router_and_every_app_port_are_bound() -> None:
    frontend = section(render(settings(), TABLE), "frontend web")
    assert re.findall(r"^    bind .*", frontend, re.MULTILINE) == [
        "    bind 127.0.0.1:5000",
        "    bind 127.0.0.1:5001-5010",
    ]


def test_workers_change_their_user_only_when_told() -> None:
    assert not re.search(r"^    (user|group) ", render(settings(), TABLE), re.MULTILINE)
    text = render(replace(settings(), user="nobody", group="nogroup"), TABLE)
    assert "    user nobody\n    group nogroup" in section(text, "global")


def test_an_app_without_servers_is_missing_from_the_backends_map() -> None:
    maps = render_maps(TABLE.with_route(Route(app="blog")))
    assert maps["backends.map"] == {"shop": "slot1.http"}
    assert maps["maintenance.map"] == {}
    assert maps["hosts.map"] == {"shop.test": "shop", "www.shop.test": "shop"}
    assert maps["ports.map"] == {"5001": "shop"}


def test_checks_go_to_each_servers_path_under_one_of_the_apps_hosts() -> None:
    maps = render_maps(TABLE)
    assert maps["check-paths.map"] == {
        "slot1.http/web.1-v3:127.0.0.1:7001": "/healthz?a=b",
        "slot1.http/web.2-v3:::1:7002": "/healthz?a=b",
    }
    assert maps["check-hosts.map"]["slot1.http"] == "shop.test"
    assert maps["check-hosts.map"]["slot2.tcp"] == "localhost"


def test_an_error_response_says_its_own_length() -> None:
    head, _, body = page_files()["application-error.http"].partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 503 ")
    assert f"Content-Length: {len(body.encode())}" in head


def test_settings_refuse_ports_that_overlap_and_sockets_the_kernel_cannot_name() -> None:
    with pytest.raises(ValueError, match="router's own port 5000"):
        replace(settings(), app_ports=(4990, 5010))
    with pytest.raises(ValueError, match="empty"):
        replace(settings(), app_ports=(5010, 5001))
    with pytest.raises(ValueError, match="too long for a unix socket"):
        replace(settings(), run_directory=Path("/" + "x" * 100))
