"""Which dyno answers, what it is told about the client, and what the client sees when no dyno answers."""

from __future__ import annotations

import json

import pytest
from router_stage import Stage

from declarative_paas.providers.router.errors import RouteConflictError


@pytest.fixture
def shop(stage: Stage) -> Stage:
    """An app `shop` with one dyno, at shop.test and at its own port, and an app `blog` with another."""
    router = stage.start()
    for number, app in enumerate(("shop", "blog")):
        router.set_route(app, (f"{app}.test", f"www.{app}.test"), stage.app_port(number))
        router.switch(app, (stage.server(stage.dyno(f"web.1-{app}")),))
    return stage


def test_requests_are_routed_by_host_whatever_its_case_and_port(shop: Stage) -> None:
    for host, name in (
        ("shop.test", "web.1-shop"),
        ("www.shop.test", "web.1-shop"),
        ("BLOG.test:8080", "web.1-blog"),
    ):
        assert json.loads(shop.request(host=host).body)["name"] == name


def test_an_apps_own_port_needs_no_host(shop: Stage) -> None:
    assert json.loads(shop.request(port=shop.app_port(1)).body)["name"] == "web.1-blog"
    assert json.loads(shop.request(port=shop.app_port(0), host="blog.test").body)["name"] == "web.1-shop"


def test_an_unknown_host_and_a_free_port_answer_404(shop: Stage) -> None:
    for answer in (shop.request(host="nobody.test"), shop.request(port=shop.app_port(5), host="shop.test")):
        assert answer.status == 404
        assert "No such app" in answer.body


def test_the_dyno_is_told_about_the_client(shop: Stage) -> None:
    answer = shop.request(path="/a?b=c", host="shop.test", headers={"X-Forwarded-For": "192.0.2.7"})
    seen = json.loads(answer.body)
    assert seen["target"] == "/a?b=c"
    assert seen["headers"]["x-forwarded-for"] == "192.0.2.7, 127.0.0.1"
    assert seen["headers"]["x-forwarded-proto"] == "http"
    assert seen["headers"]["x-forwarded-port"] == str(shop.settings.port)
    assert seen["headers"]["x-request-start"].isdigit()
    assert seen["headers"]["via"] == "1.1 dpaas-router"
    assert answer.headers["via"] == "1.1 dpaas-router"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("A" * 20, True),
        ("01234567-89ab+cdef/==", True),
        ("x" * 200, True),
        ("x" * 19, False),
        ("x" * 201, False),
        ("contains a space 0123456789", False),
        ("dots.are.not.allowed.here", False),
        (None, False),
    ],
)
def test_a_request_id_is_kept_when_well_formed_and_else_replaced(shop: Stage, sent: str | None, kept: bool) -> None:
    headers = {} if sent is None else {"X-Request-ID": sent}
    given = json.loads(shop.request(host="shop.test", headers=headers).body)["headers"]["x-request-id"]
    assert (given == sent) is kept
    assert 20 <= len(given) <= 200


def test_an_app_without_dynos_answers_503_and_logs_h14(shop: Stage) -> None:
    shop.start_sink()
    shop.router.switch("shop", ())
    answer = shop.request(host="shop.test")
    assert (answer.status, "Application error" in answer.body) == (503, True)
    assert 'at=error code=H14 desc="No web processes running"' in shop.log("shop", 1)[-1]


def test_maintenance_answers_503_with_its_own_page_and_ends_without_a_deploy(shop: Stage) -> None:
    shop.start_sink()
    shop.router.set_route("shop", ("shop.test",), shop.app_port(0), maintenance=True)
    answer = shop.request(host="shop.test")
    assert (answer.status, "Offline for maintenance" in answer.body) == (503, True)
    assert shop.request(host="blog.test").status == 200
    shop.router.set_route("shop", ("shop.test",), shop.app_port(0), maintenance=False)
    assert shop.request(host="shop.test").status == 200
    first, last = shop.log("shop", 2)
    assert 'at=info code=H80 desc="Maintenance mode"' in first
    assert "at=info method=GET" in last
    assert "dyno=web.1-shop connect=" in last


def test_hosts_and_ports_belong_to_one_app(shop: Stage) -> None:
    with pytest.raises(RouteConflictError, match=r"blog\.test is a host of blog"):
        shop.router.set_route("shop", ("shop.test", "blog.test"), shop.app_port(0))
    with pytest.raises(RouteConflictError, match="is the port of blog"):
        shop.router.set_route("shop", ("shop.test",), shop.app_port(1))
    with pytest.raises(RouteConflictError, match="not one of the router's ports"):
        shop.router.set_route("shop", ("shop.test",), shop.settings.port)
    assert shop.router.problems() == ()


def test_a_removed_route_answers_404_and_frees_its_host(shop: Stage) -> None:
    shop.router.remove_route("blog")
    assert shop.request(host="blog.test").status == 404
    shop.router.set_route("shop", ("shop.test", "blog.test"), shop.app_port(1))
    assert json.loads(shop.request(host="blog.test").body)["name"] == "web.1-shop"
    assert shop.router.problems() == ()
