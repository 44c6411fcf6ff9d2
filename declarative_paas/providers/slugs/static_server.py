"""Serves a directory on $PORT: HTTP/1.1 with keep-alive, ETag, no listings, no dotfiles.

    python3 static_server.py [DIRECTORY [ADDRESS]]

Copied into static slugs and run by whatever python3 the stack has (3.9 or later): standard library only.
"""

import contextlib
import hashlib
import mimetypes
import os
import shutil
import signal
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Optional
from urllib.parse import quote, unquote, urlsplit

STOP_TIMEOUT_S = 25.0
"""For requests that run at SIGTERM; the platform sends SIGKILL after 30."""

ALLOWED = "GET, HEAD"
PUBLIC_DOT_NAME = ".well-known"
"""RFC 8615: the one hidden name that is meant to be seen."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "dpaas-static"
    sys_version = ""
    timeout = 75
    # Headers and body leave together: apart, the kernel holds the second back until the first is acknowledged.
    wbufsize = -1
    disable_nagle_algorithm = True

    @property
    def site(self) -> "StaticServer":
        assert isinstance(self.server, StaticServer)
        return self.server

    def do_GET(self) -> None:
        with self.site.counted():
            self._answer(with_body=True)
            self.wfile.flush()

    def do_HEAD(self) -> None:
        with self.site.counted():
            self._answer(with_body=False)
            self.wfile.flush()

    def __getattr__(self, name: str) -> Any:
        """Every other method is known and not allowed; the base class looks them up by name."""
        if name.startswith("do_"):
            return self._refuse
        raise AttributeError(name)

    def _refuse(self) -> None:
        # The body is not read, so the connection cannot be used again.
        self._send(HTTPStatus.METHOD_NOT_ALLOWED, b"method not allowed\n", Allow=ALLOWED, Connection="close")

    def _answer(self, with_body: bool) -> None:
        url = urlsplit(self.path)
        parts = [part for part in unquote(url.path).split("/") if part]
        found = self.site.find(parts)
        if found is not None and found.is_dir():
            if not url.path.endswith("/"):
                # Made from the parts, never from the request's text: "//host" would lead to another site.
                where = "/" + quote("/".join(parts)) + "/" + (f"?{url.query}" if url.query else "")
                self._send(HTTPStatus.MOVED_PERMANENTLY, b"", Location=where)
                return
            found = self.site.find([*parts, "index.html"])
        status = HTTPStatus.OK
        if found is None or not found.is_file():
            found, status = self.site.find(["404.html"]), HTTPStatus.NOT_FOUND
        if found is None or not found.is_file():
            self._send(status, b"not found\n" if with_body else b"", length=len(b"not found\n"))
            return
        self._send_file(found, status, with_body)

    def _send_file(self, path: Path, status: HTTPStatus, with_body: bool) -> None:
        try:
            file = path.open("rb")
        except OSError:
            self._send(HTTPStatus.NOT_FOUND, b"not found\n" if with_body else b"", length=len(b"not found\n"))
            return
        with file:
            tag = self.site.tag(file)
            if status is HTTPStatus.OK and _is_known(tag, self.headers.get("If-None-Match")):
                self.send_response(HTTPStatus.NOT_MODIFIED)
                self._end(ETag=tag)
                return
            kind, encoding = mimetypes.guess_type(path.name)
            if kind is None or encoding is not None:
                kind = "application/octet-stream"
            self.send_response(status)
            self.send_header("Content-Type", f"{kind}; charset=utf-8" if kind.startswith("text/") else kind)
            self.send_header("Content-Length", str(os.fstat(file.fileno()).st_size))
            # A slug's files have no times of their own, and without this a browser would guess how long they last.
            self._end(**{"Cache-Control": "no-cache", "ETag": tag} if status is HTTPStatus.OK else {})
            if with_body:
                # A client may leave at any time; a router's health check leaves as soon as it has the status.
                with contextlib.suppress(ConnectionError, TimeoutError):
                    shutil.copyfileobj(file, self.wfile, 1 << 18)

    def _send(self, status: HTTPStatus, body: bytes, length: Optional[int] = None, **headers: str) -> None:  # noqa: UP045 (Python 3.9 may run this)
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self._end(**headers)
        with contextlib.suppress(ConnectionError, TimeoutError):
            self.wfile.write(body)

    def _end(self, **headers: str) -> None:
        if self.site.is_stopping.is_set():
            headers["Connection"] = "close"
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """The router logs requests."""


class StaticServer(ThreadingHTTPServer):
    """Serves what is below `root`."""

    request_queue_size = 128

    def __init__(self, address: "tuple[str, int]", root: Path) -> None:
        super().__init__(address, Handler)
        self.root = root
        self.is_stopping = threading.Event()
        self._running = 0
        self._changed = threading.Condition()
        self._tags: dict[tuple[int, int, int, int], str] = {}

    def find(self, parts: "list[str]") -> Optional[Path]:  # noqa: UP045
        """The file or directory that a path means; None for anything hidden, missing or outside the root."""
        if any(_is_hidden(part) or "\0" in part for part in parts):
            return None
        try:
            path = self.root.joinpath(*parts).resolve(strict=True)
            below = path.relative_to(self.root)
        except (OSError, ValueError, RuntimeError):
            return None
        # Again, for what links led to.
        return None if any(_is_hidden(part) for part in below.parts) else path

    def tag(self, file: Any) -> str:
        """Of the content: two releases' files have one time and may have one length."""
        found = os.fstat(file.fileno())
        key = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
        if key not in self._tags:
            digest = hashlib.sha256()
            while chunk := file.read(1 << 20):
                digest.update(chunk)
            file.seek(0)
            self._tags[key] = f'"{digest.hexdigest()[:32]}"'
        return self._tags[key]

    @contextlib.contextmanager
    def counted(self) -> Any:
        with self._changed:
            self._running += 1
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def wait_for_requests(self, timeout_s: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._running == 0, timeout_s)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error of ours."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


def _is_hidden(part: str) -> bool:
    return part.startswith(".") and part != PUBLIC_DOT_NAME


def _is_known(tag: str, header: Optional[str]) -> bool:  # noqa: UP045
    """Whether If-None-Match names the tag (RFC 9110, 13.1.2: compared weakly)."""
    known = {one.strip() for one in (header or "").split(",")}
    return "*" in known or not known.isdisjoint({tag, f"W/{tag}"})


def main(arguments: "list[str]") -> None:
    root = Path(arguments[0] if arguments else ".").resolve()
    address = arguments[1] if len(arguments) > 1 else "0.0.0.0"
    server = StaticServer((address, int(os.environ["PORT"])), root)

    def stop(number: int, frame: object) -> None:
        server.is_stopping.set()
        # Not here: it waits for the loop that this handler interrupts.
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    print(f"serving {root}", flush=True)
    server.serve_forever(poll_interval=0.1)
    server.server_close()
    server.wait_for_requests(STOP_TIMEOUT_S)
    # Idle keep-alive connections have threads that would hold an ordinary exit.
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
