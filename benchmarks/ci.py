"""`dpaas ci plan` over a repository of 200 apps in which one line changed, beside the tool's own whole plan."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from benchmarks.engine import DPAAS, RUNS, Row
from benchmarks.measure import median_of, run_once
from benchmarks.shapes import World, write_repository
from benchmarks.world import memory_world

APPS = 200
_TOKEN = "measured"


def ci_rows(apps: int = APPS) -> Iterator[Row]:
    """The whole plan, then the job with all of its requests: to a forge that answers at once."""
    with tempfile.TemporaryDirectory(prefix="dpaas-bench-") as name:
        directory = Path(name) / "work"
        directory.mkdir()
        socket = Path(name) / "world.sock"
        changed = write_repository(directory, apps, World(socket=str(socket)))
        (directory / ".dpaas").mkdir()
        (directory / ".dpaas" / "secret.key").write_bytes(base64.urlsafe_b64encode(os.urandom(32)) + b"\n")
        (directory / ".gitignore").write_text(".dpaas/\n", encoding="utf-8")
        _git(directory, "init", "--quiet", "-b", "main")
        base = _commit(directory)
        with memory_world(socket), forge_at(base) as address:
            run_once([DPAAS, "apply", "--auto-approve"], directory)
            text = changed.read_text(encoding="utf-8")
            _git(directory, "checkout", "--quiet", "-b", "change")
            changed.write_text(text.replace("LOG_LEVEL: info", "LOG_LEVEL: debug"), encoding="utf-8")
            head = _commit(directory)
            _git(directory, "checkout", "--quiet", "main")
            _git(directory, "merge", "--quiet", "--no-ff", "-m", "merge", "change")
            job = _job(directory, address, head)
            plan = [DPAAS, "plan"]
            yield Row(
                what=f"plan (one line changed), {apps} apps in as many files",
                ours=median_of(RUNS, lambda: run_once(plan, directory)),
            )
            for more in ([], ["--affected"]):
                command = [DPAAS, "ci", "plan", *more]
                yield Row(
                    what=f"{' '.join(['ci plan', *more])} (one line changed), {apps} apps, comment and status posted",
                    ours=median_of(RUNS, lambda command=command: run_once(command, directory, environment=job)),
                )


def _job(directory: Path, address: str, head: str) -> Mapping[str, str]:
    repository = {"id": 1}
    told = {
        "number": 1,
        "head": {"sha": head, "repo": repository},
        "base": {"ref": "main", "repo": repository},
    }
    event = directory.parent / "event.json"
    event.write_text(json.dumps({"pull_request": told}), encoding="utf-8")
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_PATH": str(event),
        "GITHUB_REPOSITORY": "acme/apps",
        "GITHUB_SERVER_URL": address,
        "GITHUB_API_URL": address,
        "GITHUB_SHA": _git(directory, "rev-parse", "HEAD"),
        "GITHUB_TOKEN": _TOKEN,
    }


@contextmanager
def forge_at(base: str) -> Iterator[str]:
    """As much of a forge as is asked: a branch that stands still, and lists that are empty."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            branch = {"commit": {"sha": base}}
            told = branch if "/branches/" in self.path else {"id": 1} if self.path == "/user" else []
            data = json.dumps(told).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = _answer

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _commit(directory: Path) -> str:
    _git(directory, "add", "--all")
    _git(directory, "commit", "--quiet", "-m", "measured")
    return _git(directory, "rev-parse", "HEAD")


def _git(directory: Path, *arguments: str) -> str:
    who = ["-c", "user.name=bench", "-c", "user.email=bench@example.com"]
    done = subprocess.run(["git", *who, *arguments], cwd=directory, check=True, capture_output=True, text=True)
    return done.stdout.strip()
