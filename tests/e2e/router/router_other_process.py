"""What a second process does to the router: switches one app to and fro between two servers."""

from __future__ import annotations

from declarative_paas.providers.router.router import Router
from declarative_paas.providers.router.routes import Server
from declarative_paas.providers.router.settings import RouterSettings


def switch_to_and_fro(settings: RouterSettings, app: str, servers: tuple[Server, Server], times: int) -> None:
    router = Router(settings)
    for number in range(times):
        assert router.switch(app, (servers[number % 2],)).all_drained
