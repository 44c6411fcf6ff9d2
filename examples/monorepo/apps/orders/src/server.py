"""Takes orders: POST / with {"sku": "mug", "quantity": 2}."""

from __future__ import annotations

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg


def latest() -> list[dict[str, object]]:
    with psycopg.connect(os.environ["DATABASE_URL"], connect_timeout=5) as connection:
        rows = connection.execute("SELECT id, sku, quantity FROM orders ORDER BY id DESC LIMIT 10").fetchall()
    return [{"id": order, "sku": sku, "quantity": quantity} for order, sku, quantity in rows]


def place(order: dict[str, object]) -> int:
    with psycopg.connect(os.environ["DATABASE_URL"], connect_timeout=5) as connection:
        row = connection.execute(
            "INSERT INTO orders (sku, quantity) VALUES (%s, %s) RETURNING id", (order["sku"], order["quantity"])
        ).fetchone()
    assert row is not None
    return int(row[0])


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/healthz":
            self.answer(200, {"ok": True})
        elif self.path == "/":
            self.answer(200, {"latest": latest()})
        else:
            self.answer(404, {"error": "not found"})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            self.answer(201, {"id": place(json.loads(body))})
        except (ValueError, KeyError, TypeError, psycopg.DataError, psycopg.IntegrityError):
            self.answer(400, {"error": 'expected {"sku": "mug", "quantity": 2}'})

    def answer(self, status: int, body: object) -> None:
        content = json.dumps(body).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


if __name__ == "__main__":
    ThreadingHTTPServer(("0.0.0.0", int(os.environ["PORT"])), Handler).serve_forever()
