"""How many customers there are: for who knows $API_TOKEN."""

from __future__ import annotations

import hmac
import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CUSTOMERS = ("ada", "grace", "edsger")


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/healthz":
            self.answer(200, {"ok": True})
        elif self.path == "/":
            given = self.headers.get("Authorization", "").encode()
            if hmac.compare_digest(given, f"Bearer {os.environ['API_TOKEN']}".encode()):
                self.answer(200, {"customers": len(CUSTOMERS)})
            else:
                self.answer(401, {"error": "the token is missing or wrong"})
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
