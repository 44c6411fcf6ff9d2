"""HAProxy's log line -> record -> Heroku's router line with its H-codes. Pure.

HAProxy tells how a session ended by two letters (configuration manual 8.5, "Session state at
disconnection"): who ended it, and in which phase. Heroku's codes and their meaning: Dev Center "Error codes".
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from urllib.parse import quote

from declarative_paas.providers.router.names import dyno_name
from declarative_paas.providers.router.routes import APP_NAME

SWITCHING_PROTOCOLS = 101
# HAProxy's own answers to a request that it gave up (the dyno may have said nothing at all).
_NO_RESPONSE = (-1, 0, 400, 408)


@dataclass(frozen=True, slots=True, kw_only=True)
class HCode:
    """One H-code: its text, what the client was told, and the level it is logged at."""

    code: str
    description: str
    status: int = 503
    at: str = "error"


H_CODES = {
    error.code: error
    for error in (
        HCode(code="H10", description="App crashed"),
        HCode(code="H12", description="Request timeout"),
        HCode(code="H13", description="Connection closed without response"),
        HCode(code="H14", description="No web processes running"),
        HCode(code="H15", description="Idle connection"),
        HCode(code="H17", description="Poorly formatted HTTP response"),
        HCode(code="H18", description="Server Request Interrupted"),
        HCode(code="H19", description="Backend connection timeout"),
        HCode(code="H20", description="App boot timeout"),
        HCode(code="H21", description="Backend connection refused"),
        HCode(code="H27", description="Client Request Interrupted", status=499, at="warning"),
        HCode(code="H28", description="Client Connection Idle", status=499, at="warning"),
        HCode(code="H80", description="Maintenance mode", at="info"),
        HCode(code="H99", description="Platform error"),
    )
}

# Who ended the session and when, `*` for any phase; exact entries win. C client, S server, c and s their
# timeouts, P the proxy refused, R resources, I internal, K killed by us, D server found down.
_BEFORE_A_RESPONSE = {
    "SC": "H21",
    "SQ": "H21",
    "SH": "H13",
    "sC": "H19",
    "sQ": "H20",
    "sH": "H12",
    "PH": "H17",
    "C*": "H27",
    "c*": "H28",
    "S*": "H13",
    "s*": "H12",
    "K*": "H18",
    "D*": "H18",
    "R*": "H99",
    "I*": "H99",
    "P*": "H99",
}
_IN_A_RESPONSE = {
    "S*": "H18",
    "s*": "H15",
    "P*": "H17",
    "K*": "H18",
    "D*": "H18",
    "R*": "H99",
    "I*": "H99",
}
# Either side may end a WebSocket at any time, and a deploy ends it after its drain: only silence is an error.
_IN_A_TUNNEL = {"s*": "H15", "c*": "H15"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRecord:
    """One request as HAProxy logged it. Times in milliseconds, -1 where the phase was not reached."""

    at_ms: int
    app: str
    code: str
    method: str
    path: str
    host: str
    request_id: str
    fwd: str
    server: str
    termination: str
    status: int
    bytes: int
    receive_ms: int
    queue_ms: int
    connect_ms: int
    active_ms: int

    @property
    def has_server(self) -> bool:
        return bool(self.server) and not self.server.startswith("<")


def parse(line: str) -> RequestRecord | None:
    """The record of a log line; None when it is no request of an app (HAProxy's own messages, unknown hosts)."""
    try:
        fields = json.loads(line)
        record = RequestRecord(
            at_ms=int(fields["at_ms"]),
            app=_text(fields["app"]),
            code=_text(fields["code"]),
            method=_text(fields["method"]),
            path=_text(fields["path"]),
            host=_text(fields["host"]),
            request_id=_text(fields["request_id"]),
            fwd=_text(fields["fwd"]),
            server=_text(fields["server"]),
            termination=_text(fields["termination"]),
            status=int(fields["status"]),
            bytes=int(fields["bytes"]),
            receive_ms=int(fields["receive_ms"]),
            queue_ms=int(fields["queue_ms"]),
            connect_ms=int(fields["connect_ms"]),
            active_ms=int(fields["active_ms"]),
        )
    except (ValueError, TypeError, KeyError):
        return None
    # The name becomes a file's name, and anyone on this machine can send a datagram.
    return record if APP_NAME.fullmatch(record.app) else None


def _text(value: object) -> str:
    """HAProxy writes `-` for a variable that was never set."""
    return "" if value == "-" else str(value)


def h_code(record: RequestRecord) -> str | None:
    """The H-code of a request, None for one that went well."""
    if record.code:
        return record.code
    if record.termination.startswith(("-", "L")):
        return None
    if record.status == SWITCHING_PROTOCOLS:
        return _look_up(_IN_A_TUNNEL, record.termination)
    if record.termination[1:2] in ("D", "L") and record.status not in _NO_RESPONSE:
        return _look_up(_IN_A_RESPONSE, record.termination)
    if record.termination.startswith("S") and not record.has_server:
        return "H10"
    return _look_up(_BEFORE_A_RESPONSE, record.termination) or "H99"


def _look_up(table: dict[str, str], termination: str) -> str | None:
    return table.get(termination[:2]) or table.get(f"{termination[:1]}*")


def message(record: RequestRecord) -> str:
    """Heroku's line: `at=info method=GET path="/" host=… request_id=… fwd="…" dyno=web.1 connect=1ms …`.

    A refused request has no connect, service and bytes, as in Heroku's own lines.
    """
    code = h_code(record)
    error = H_CODES.get(code) if code else None
    head = f'at={error.at} code={error.code} desc="{error.description}"' if error else "at=info"
    reached = record.has_server and record.connect_ms >= 0
    waited = max(record.receive_ms, 0) + max(record.queue_ms, 0) + max(record.connect_ms, 0)
    connect = f"{record.connect_ms}ms" if reached else ""
    service = f"{max(record.active_ms - waited, 0)}ms" if reached else ""
    size = str(record.bytes) if reached else ""
    return (
        f'{head} method={_word(record.method)} path="{_word(record.path)}" host={_word(record.host)}'
        f' request_id={_word(record.request_id)} fwd="{_quoted(record.fwd)}" dyno={dyno_name(record.server)}'
        f" connect={connect} service={service} status={error.status if error else record.status}"
        f" bytes={size} protocol=http"
    )


def _word(text: str) -> str:
    """Nothing a client sends may break the line into other fields: spaces, quotes and controls as %XX."""
    return quote(text, safe="!#$%&'()*+,/:;=?@[]~-._|{}^`<>\\")


def _quoted(text: str) -> str:
    return quote(text, safe=" !#$%&'()*+,/:;=?@[]~-._|{}^`<>\\")
