"""Asks the other apps, at the URLs in its environment, and sums up."""

from __future__ import annotations

import concurrent.futures
import json
import os
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SERVICES = ("accounts", "catalog", "inventory", "orders", "pricing", "reports")


def ask(service: str) -> dict[str, object]:
    """What the service says; its failure is an answer too."""
    asked = urllib.request.Request(os.environ[f"{service.upper()}_URL"])
    if service == "accounts":
        asked.add_header("Authorization", f"Bearer {os.environ['ACCOUNTS_TOKEN']}")
    try:
        with urllib.request.urlopen(asked, timeout=10) as response:
            return {"ok": True, **json.load(response)}
    except (OSError, ValueError) as problem:
        return {"ok": False, "error": str(problem)}


def summary() -> tuple[int, dict[str, object]]:
    with concurrent.futures.ThreadPoolExecutor(len(SERVICES)) as pool:
        answers = dict(zip(SERVICES, pool.map(ask, SERVICES), strict=True))
    status = 200 if all(answer["ok"] for answer in answers.values()) else 502
    return status, {"dyno": os.environ.get("DYNO"), "services": answers}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/healthz":
            self.answer(200, {"ok": True})
        elif self.path == "/":
            self.answer(*summary())
        else:
            self.answer(404, {"error": "not found"})

    def answer(self, status: int, body: object) -> None:
        content = json.dumps(body).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


if __name__ == "__main__":
    ThreadingHTTPServer(("0.0.0.0", int(os.environ["PORT"])), Handler).serve_forever()
