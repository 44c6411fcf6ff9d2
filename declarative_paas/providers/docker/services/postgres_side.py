"""A database in a container as data that can be copied."""

from __future__ import annotations

from typing import Final

from declarative_paas.core.values import Sensitive
from declarative_paas.providers.addons.postgres_client import Account, PostgresPrograms
from declarative_paas.providers.addons.postgres_config import ADMIN
from declarative_paas.providers.addons.postgres_port import PostgresPort
from declarative_paas.providers.docker.engine.containers import last_lines
from declarative_paas.providers.docker.services.exec_runner import ExecRunner
from declarative_paas.providers.docker.services.psql import SOCKET, PsqlServer

LAST_LINES: Final = 300
"""So many of a server's log are looked at."""


def container_port(server: PsqlServer, database: str, tcp_port: int, password: Sensitive) -> PostgresPort:
    """Over the server's unix socket, which `tcp_port` names, by its own programs.

    `password` is the app's role's, and is told to nobody.
    """
    owner = Account(role=database, password=password, host=SOCKET, port=tcp_port)
    return PostgresPort(
        programs=PostgresPrograms(runner=ExecRunner(server.engine, server.name), bin_dir=""),
        database=database,
        owner=owner,
        administrator=Account(role=ADMIN, password=password, host=SOCKET, port=tcp_port),
        log=lambda: last_lines(server.engine, server.name, LAST_LINES),
    )
