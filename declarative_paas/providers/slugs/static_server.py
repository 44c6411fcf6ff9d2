"""Serves a directory on $PORT: HTTP/1.1 with keep-alive, ETag, no listings, no dotfiles.

Copied into static slugs and run by whatever python3 the stack has (3.9 or later): standard library only.
"""

import contextlib
import email.utils
import hashlib
import mimetypes
import os
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Optional
from urllib.parse import unquote, urlsplit


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "dpaas-static"
    sys_version = ""
    timeout = 75
    root: Path

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, with_body: bool) -> None:
        file = self._find(unquote(urlsplit(self.path).path))
        status = 200
        if file is None:
            file, status = self._find("/404.html"), 404
        body = b"not found\n" if file is None else file.read_bytes()
        kind = "text/plain" if file is None else mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        tag = '"' + hashlib.sha256(body).hexdigest()[:32] + '"'
        if status == 200 and self.headers.get("If-None-Match") == tag:
            self.send_response(304)
            self.send_header("ETag", tag)
            self.end_headers()
            return
        self.send_response(status)
        self.send_header("Content-Type", kind + ("; charset=utf-8" if kind.startswith("text/") else ""))
        self.send_header("Content-Length", str(len(body)))
        if file is not None and status == 200:
            self.send_header("ETag", tag)
            self.send_header("Last-Modified", email.utils.formatdate(file.stat().st_mtime, usegmt=True))
        self.end_headers()
        if with_body:
            # A client may leave at any time; a router's health check leaves as soon as it has the status.
            with contextlib.suppress(ConnectionError):
                self.wfile.write(body)

    def _find(self, path: str) -> Optional[Path]:  # noqa: UP045 (Python 3.9 may run this)
        """The file a path means; None for anything hidden, missing or outside the root."""
        parts = [part for part in path.split("/") if part]
        if any(part.startswith(".") or "\0" in part for part in parts):
            return None
        file = self.root.joinpath(*parts).resolve()
        if file != self.root and self.root not in file.parents:
            return None
        if file.is_dir():
            file = file / "index.html"
        return file if file.is_file() else None

    def log_message(self, format: str, *args: object) -> None:
        """The router logs requests."""


def main() -> None:
    Handler.root = Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    ThreadingHTTPServer.request_queue_size = 128
    server = ThreadingHTTPServer(("0.0.0.0", int(os.environ["PORT"])), Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"serving {Handler.root}", flush=True)
    server.serve_forever(poll_interval=0.1)
    os._exit(0)


if __name__ == "__main__":
    main()
