"""The router container's own output, a JSON object a request, as Heroku's router lines. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

from declarative_paas.providers import logfile
from declarative_paas.providers.router import heroku_log


def router_line(text: str) -> tuple[str, str] | None:
    """(app, `2026-11-24T10:00:00.000000+00:00 heroku[router]: at=info …`); None for what is no request of an app."""
    record = heroku_log.parse(text)
    if record is None:
        return None
    at = datetime.fromtimestamp(record.at_ms / 1000, UTC)
    return record.app, logfile.log_line(at, "heroku", "router", heroku_log.message(record))
