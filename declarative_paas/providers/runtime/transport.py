"""XML-RPC over a unix socket. Apart from `rpc`, so that the HTTP client is imported only for a call."""

from __future__ import annotations

import http.client
import socket
import xmlrpc.client
from typing import Any


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path
        self._timeout_s = timeout_s

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self._timeout_s)
        self.sock.connect(self._path)


class UnixTransport(xmlrpc.client.Transport):
    """As supervisor.xmlrpc.SupervisorTransport, with a time limit: a frozen supervisord never answers."""

    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__()
        self._path = path
        self._timeout_s = timeout_s

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        return _Connection(self._path, self._timeout_s)
