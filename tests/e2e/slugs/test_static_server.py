"""The packaged static server over real HTTP, copied and started as a slug does."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from declarative_paas.providers.slugs import static_server

FILES: dict[str, bytes] = {
    "index.html": b"<p>home</p>",
    "style.css": b"p { color: red }",
    "docs/index.html": b"<p>docs</p>",
    "empty/none.txt": b"",
    "a b/\xc3\xbc.txt".encode("latin-1").decode("utf-8"): b"unicode",
    "data.tar.gz": b"gz",
    ".env": b"SECRET=1",
    ".git/config": b"x",
    ".well-known/security.txt": b"Contact: x",
    "big.bin": bytes(range(256)) * 20_000,
}


class Site:
    def __init__(self, root: Path) -> None:
        self.root = root
        for name, content in FILES.items():
            (root / "site" / name).parent.mkdir(parents=True, exist_ok=True)
            (root / "site" / name).write_bytes(content)
        (root / "outside.txt").write_text("outside")
        (root / "site" / "leak").symlink_to("../outside.txt")
        (root / "site" / "leak-env").symlink_to(".env")
        (root / "site" / "loop").symlink_to("loop")
        (root / "server").mkdir()
        shutil.copy(static_server.__file__, root / "server" / "static_server.py")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.process = subprocess.Popen(
            [sys.executable, str(root / "server" / "static_server.py"), str(root / "site"), "127.0.0.1"],
            env={"PORT": str(self.port)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline().startswith("serving ")

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)

    def request(
        self, path: str, method: str = "GET", headers: Mapping[str, str] | None = None
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        with contextlib.closing(self.connect()) as connection:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in {"Host": "x", **(headers or {})}.items():
                connection.putheader(name, value)
            connection.endheaders()
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()

    def close(self) -> str:
        """What it wrote to its standard error."""
        self.process.kill()
        return self.process.communicate()[1]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    assert made.close() == ""


@pytest.mark.parametrize(
    ("path", "name", "kind"),
    [
        ("/", "index.html", "text/html; charset=utf-8"),
        ("/index.html?v=1#x", "index.html", "text/html; charset=utf-8"),
        ("/style.css", "style.css", "text/css; charset=utf-8"),
        ("/docs/", "docs/index.html", "text/html; charset=utf-8"),
        ("//docs///index.html", "docs/index.html", "text/html; charset=utf-8"),
        ("/a%20b/%C3%BC.txt", "a b/ü.txt", "text/plain; charset=utf-8"),
        ("/empty/none.txt", "empty/none.txt", "text/plain; charset=utf-8"),
        ("/data.tar.gz", "data.tar.gz", "application/octet-stream"),
        ("/.well-known/security.txt", ".well-known/security.txt", "text/plain; charset=utf-8"),
        ("/big.bin", "big.bin", "application/octet-stream"),
    ],
)
def test_a_file_is_served_with_its_type_and_length(path: str, name: str, kind: str, site: Site) -> None:
    status, headers, body = site.request(path)
    assert (status, headers["Content-Type"], body) == (200, kind, FILES[name])
    assert headers["Content-Length"] == str(len(FILES[name]))
    # Files of a slug have no time of their own: a guess from one would cache for years.
    assert headers["Cache-Control"] == "no-cache"
    assert "Last-Modified" not in headers
    status, headers, body = site.request(path, "HEAD")
    assert (status, headers["Content-Length"], body) == (200, str(len(FILES[name])), b"")


@pytest.mark.parametrize(
    "path",
    [
        "/missing",
        "/empty/",
        "/.env",
        "/.git/config",
        "/%2eenv",
        "/docs/../.env",
        "/../outside.txt",
        "/%2e%2e/outside.txt",
        "/docs/%2e%2e%2f%2e%2e%2foutside.txt",
        "/leak",
        "/leak-env",
        "/loop",
        "/index.html/x",
        "/%00",
        "/" + "x" * 5000,
        "/\\..\\outside.txt",
    ],
)
def test_nothing_hidden_missing_or_outside_is_served(path: str, site: Site) -> None:
    status, _, body = site.request(path)
    assert (status, body) == (404, b"not found\n")


def test_a_404_page_is_shown_in_its_place(site: Site) -> None:
    (site.root / "site" / "404.html").write_text("<p>lost")
    status, headers, body = site.request("/missing")
    assert (status, headers["Content-Type"], body) == (404, "text/html; charset=utf-8", b"<p>lost")


def test_a_known_tag_answers_304_and_a_changed_file_has_another(site: Site) -> None:
    _, headers, _ = site.request("/style.css")
    tag = headers["ETag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        status, headers, body = site.request("/style.css", headers={"If-None-Match": known})
        assert (status, headers["ETag"], body) == (304, tag, b"")
    assert site.request("/style.css", headers={"If-None-Match": '"other"'})[0] == 200
    file = site.root / "site" / "style.css"
    # The next release's file: as long, and with the same fixed time.
    fresh = file.with_name("fresh")
    fresh.write_bytes(FILES["style.css"].replace(b"red", b"tan"))
    os.utime(fresh, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns))
    fresh.replace(file)
    status, _, body = site.request("/style.css", headers={"If-None-Match": tag})
    assert (status, body) == (200, b"p { color: tan }")


def test_a_directory_without_its_slash_is_redirected_within_the_site(site: Site) -> None:
    status, headers, _ = site.request("/docs?a=1")
    assert (status, headers["Location"]) == (301, "/docs/?a=1")
    (site.root / "site" / "example.com").mkdir()
    status, headers, _ = site.request("//example.com")
    # Two slashes would lead the browser to another host.
    assert (status, headers["Location"]) == (301, "/example.com/")


def test_one_connection_serves_many_requests(site: Site) -> None:
    with contextlib.closing(site.connect()) as connection:
        addresses: set[object] = set()
        for path in ("/", "/style.css", "/missing", "/docs/", "/big.bin") * 3:
            connection.request("GET", path)
            connection.getresponse().read()
            assert connection.sock is not None
            addresses.add(connection.sock.getsockname())
        assert len(addresses) == 1


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "BREW"])
def test_other_methods_are_not_allowed_and_end_the_connection(method: str, site: Site) -> None:
    status, headers, _ = site.request("/", method)
    assert (status, headers["Allow"], headers["Connection"]) == (405, "GET, HEAD", "close")


def test_a_client_that_leaves_in_the_middle_harms_nobody(site: Site) -> None:
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", site.port)) as client:
            client.sendall(b"GET /big.bin HTTP/1.1\r\nHost: x\r\n\r\n")
            client.recv(100)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert site.request("/")[0] == 200


def test_sigterm_lets_a_running_answer_finish_and_idle_connections_do_not_hold_it(site: Site) -> None:
    with (site.root / "site" / "huge.bin").open("wb") as sparse:
        sparse.truncate(64 * 1024 * 1024)
    idle, busy = site.connect(), site.connect()
    try:
        idle.request("GET", "/")
        idle.getresponse().read()
        busy.request("GET", "/huge.bin")
        answer = busy.getresponse()
        received = len(answer.read(1000))
        site.process.send_signal(signal.SIGTERM)
        while _accepts(site.port):
            pass
        received += len(answer.read())
        assert received == 64 * 1024 * 1024
        assert site.process.wait(timeout=20) == 0
    finally:
        idle.close()
        busy.close()


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


def test_many_clients_at_once_are_served(site: Site) -> None:
    answers: list[int] = []

    def ask() -> None:
        answers.extend(site.request(path)[0] for path in ("/", "/big.bin", "/missing"))

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200] * 40 + [404] * 20


def test_it_uses_nothing_newer_than_python_3_9() -> None:
    """By its syntax; the names it imports are as old."""
    import ast

    text = Path(static_server.__file__).read_text()
    ast.parse(text, feature_version=(3, 9))
    # Evaluated when the module is loaded, and new in 3.10.
    assert not re.search(r"^\s*def .*[:>] *\w+ \| ", text, re.MULTILINE)
