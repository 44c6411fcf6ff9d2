"""The pages a visitor sees when no dyno answers, and the files HAProxy reads them from. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

APPLICATION_ERROR = "application-error.html"
NO_SUCH_APP = "no-such-app.html"
MAINTENANCE = "maintenance.html"

ERROR_RESPONSE = "application-error.http"
"""A whole HTTP response: what `errorfile` wants. 503 for every failure, as Heroku's router says it."""

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font-family: system-ui, sans-serif; color: #333; background: #f7f7f9; margin: 0; }}
main {{ max-width: 34rem; margin: 18vh auto 0; padding: 0 1.5rem; text-align: center; }}
h1 {{ font-size: 1.6rem; font-weight: 600; }}
p {{ line-height: 1.5; }}
</style>
</head>
<body><main><h1>{title}</h1><p>{text}</p></main></body>
</html>
"""

_TEXTS = {
    APPLICATION_ERROR: (
        "Application error",
        "An error occurred in the application and your page could not be served. "
        "If you are the application's owner, its logs tell the reason.",
    ),
    NO_SUCH_APP: (
        "No such app",
        "There is no app here. Check the address, or add this host to an app's domains.",
    ),
    MAINTENANCE: (
        "Offline for maintenance",
        "This application is undergoing maintenance right now. Please check back later.",
    ),
}


def page(name: str) -> str:
    title, text = _TEXTS[name]
    return _PAGE.format(title=escape(title), text=escape(text))


def page_files() -> Mapping[str, str]:
    """File name -> content, of all pages."""
    files = {name: page(name) for name in _TEXTS}
    body = files[APPLICATION_ERROR]
    head = (
        "HTTP/1.1 503 Service Unavailable",
        "Content-Type: text/html; charset=utf-8",
        "Cache-Control: no-cache, no-store",
        f"Content-Length: {len(body.encode())}",
    )
    files[ERROR_RESPONSE] = "\r\n".join(head) + "\r\n\r\n" + body
    return files
