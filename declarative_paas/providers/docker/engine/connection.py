"""A connection to one Docker engine: pooled, with time limits, its API version negotiated, its errors told.

The SDK's low-level client is used throughout: its high-level one asks once for each thing of a list.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.docker.engine import errors
from declarative_paas.providers.docker.engine.endpoint import (
    TLS_PORT,
    Endpoint,
    EngineAddress,
    EngineTls,
    find_endpoint,
)
from declarative_paas.providers.docker.engine.tunnel import SshTunnel

if TYPE_CHECKING:
    from docker.api.client import APIClient
    from docker.tls import TLSConfig

__all__ = ["Engine", "EngineAddress", "EngineTls", "open_engine"]

OLDEST_API = (1, 41)
"""Docker 20.10: one-shot statistics, and unprivileged containers that may listen below 1024."""

CONNECT_TIMEOUT_S = 10.0
CALL_TIMEOUT_S = 60
LONG_CALL_TIMEOUT_S = 600
"""For calls that move images or wait for a container."""

POOL_SIZE = 32
"""Connections kept: more than the steps a region runs at once."""


class Engine:
    """An engine that answered. Usable from several threads. `where` names it in messages."""

    def __init__(self, endpoint: Endpoint, api: APIClient, tunnel: SshTunnel | None) -> None:
        self.endpoint = endpoint
        self.where = str(endpoint)
        # Any: the SDK's type stubs leave most of its answers unknown. Each is made a value of ours where it is asked.
        self.api: Any = api
        self._tunnel = tunnel

    def told(self, doing: str) -> AbstractContextManager[None]:
        """`with engine.told("create the network x"): engine.api.…` raises ProviderError and nothing else."""
        return errors.told(self.where, doing)

    def close(self) -> None:
        self.api.close()
        if self._tunnel is not None:
            self._tunnel.close()

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_engine(
    address: EngineAddress,
    *,
    environ: Mapping[str, str] = os.environ,
    home: Path | None = None,
    timeout_s: int = CALL_TIMEOUT_S,
) -> Engine:
    """Connects and negotiates the API version.

    Raises ProviderError: INVALID for an address or version that cannot work, UNAVAILABLE when nobody answers.
    """
    endpoint = find_endpoint(address, environ, home or Path.home())
    tunnel: SshTunnel | None = None
    doing = "connect"
    if urlsplit(endpoint.url).scheme == "ssh":
        tunnel = SshTunnel.open(endpoint.url, timeout_s=CONNECT_TIMEOUT_S)
    try:
        with errors.told(str(endpoint), doing):
            url = tunnel.local_url if tunnel is not None else endpoint.url
            _check_somebody_listens(url)
            api = _client(url, endpoint, timeout_s)
        _check_version(api.api_version, endpoint)
    except BaseException:
        if tunnel is not None:
            tunnel.close()
        raise
    return Engine(endpoint, api, tunnel)


def _client(url: str, endpoint: Endpoint, timeout_s: int) -> APIClient:
    from docker.api.client import APIClient

    oldest = ".".join(map(str, OLDEST_API))
    client: Any = APIClient(
        base_url=url, version=oldest, timeout=timeout_s, tls=_tls_of(endpoint), max_pool_size=POOL_SIZE
    )
    # Before the first request: REQUESTS_CA_BUNDLE would be put above the engine's own authority.
    client.trust_env = False
    client._version = client.version(api_version=False)["ApiVersion"]
    made: APIClient = client
    return made


def _check_somebody_listens(url: str) -> None:
    """Within seconds: the SDK's one time limit is that of the slowest call."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(CONNECT_TIMEOUT_S)
            probe.connect(parts.path)
    else:
        socket.create_connection((parts.hostname, parts.port or TLS_PORT), CONNECT_TIMEOUT_S).close()


def _tls_of(endpoint: Endpoint) -> TLSConfig | bool:
    from docker.tls import TLSConfig

    tls = endpoint.tls
    if tls is None or urlsplit(endpoint.url).scheme in ("unix", "ssh"):
        return False
    pair = (str(tls.cert), str(tls.key)) if tls.cert is not None and tls.key is not None else None
    return TLSConfig(client_cert=pair, ca_cert=str(tls.ca) if tls.ca is not None else None, verify=tls.verify)


def _check_version(version: str, endpoint: Endpoint) -> None:
    major, _, minor = version.partition(".")
    if (int(major), int(minor)) < OLDEST_API:
        needed = ".".join(map(str, OLDEST_API))
        raise ProviderError(
            ErrorKind.INVALID,
            f"{endpoint} speaks API {version}, which is too old: API {needed} (Docker 20.10) or newer is needed",
        )
