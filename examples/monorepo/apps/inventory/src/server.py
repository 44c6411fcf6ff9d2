"""How many are left of what the catalog app sells."""

from __future__ import annotations

import json
import os
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

STOCK = {"mug": 40, "notebook": 12}


def in_stock() -> dict[str, int]:
    with urllib.request.urlopen(os.environ["CATALOG_URL"], timeout=5) as response:
        products = json.load(response)["products"]
    return {sku: STOCK.get(sku, 0) for sku in products}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/healthz":
            self.answer(200, {"ok": True})
        elif self.path == "/":
            try:
                self.answer(200, {"in_stock": in_stock()})
            except OSError as problem:
                self.answer(502, {"error": f"the catalog does not answer: {problem}"})
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
