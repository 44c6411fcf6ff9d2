"""What was sold for how much, from the orders app's database and the prices of pricing."""

from __future__ import annotations

import json
import os
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg


def quantities() -> dict[str, int]:
    with psycopg.connect(os.environ["ORDERS_URL"], connect_timeout=5) as connection:
        try:
            return dict(connection.execute("SELECT sku, sum(quantity) FROM orders GROUP BY sku").fetchall())
        except psycopg.errors.UndefinedTable:
            return {}  # the orders app has had no release yet


def report() -> dict[str, object]:
    with urllib.request.urlopen(os.environ["PRICING_URL"], timeout=5) as response:
        cents = json.load(response)["cents"]
    sold = quantities()
    revenue = sum(cents.get(sku, 0) * quantity for sku, quantity in sold.items())
    return {"sold": sold, "revenue_cents": revenue, "currency": os.environ["CURRENCY"]}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/healthz":
            self.answer(200, {"ok": True})
        elif self.path == "/":
            try:
                self.answer(200, report())
            except (OSError, psycopg.OperationalError) as problem:
                self.answer(502, {"error": f"no report now: {type(problem).__name__}"})
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
