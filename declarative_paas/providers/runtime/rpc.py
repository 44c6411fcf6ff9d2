"""Calls to a supervisord over its unix socket."""

from __future__ import annotations

from pathlib import Path
from typing import Any

# Fault codes of supervisord (supervisor.xmlrpc.Faults).
BAD_NAME = 10
ALREADY_STARTED = 60
NOT_RUNNING = 70
ALREADY_ADDED = 90
STILL_RUNNING = 91
CANT_REREAD = 92

_TIMEOUT_S = 20.0


class Unreachable(Exception):
    """No supervisord answers at the socket."""


class Fault(Exception):
    """supervisord refused a call; `code` is one of its fault codes."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


def call(socket_path: Path, method: str, *arguments: object) -> Any:
    """One call in the `supervisor.` namespace. Raises Unreachable, or Fault when it is refused."""
    import http.client
    import xmlrpc.client

    from declarative_paas.providers.runtime.transport import UnixTransport

    transport = UnixTransport(str(socket_path), _TIMEOUT_S)
    try:
        with xmlrpc.client.ServerProxy("http://localhost/RPC2", transport=transport) as proxy:
            return getattr(proxy.supervisor, method)(*arguments)
    except xmlrpc.client.Fault as refused:
        raise Fault(int(refused.faultCode), str(refused.faultString)) from None
    except (OSError, http.client.HTTPException, xmlrpc.client.ProtocolError) as wrong:
        raise Unreachable(f"no supervisord answers at {socket_path}: {wrong}") from wrong


def call_unless(refused: int, socket_path: Path, method: str, *arguments: object) -> bool:
    """Like `call`, for one whose fault `refused` says that nothing needed doing; False then."""
    try:
        call(socket_path, method, *arguments)
    except Fault as fault:
        if fault.code != refused:
            raise
        return False
    return True
