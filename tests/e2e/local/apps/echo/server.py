"""A web process for tests: tells which dyno and release answered, can be slow, echoes bodies and WebSockets.

Only the standard library, so that a slug needs no build.
"""

import base64
import contextlib
import hashlib
import json
import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

VERSION = "one"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def handle(self):
        # A health check leaves as soon as it has the status.
        with contextlib.suppress(ConnectionError):
            super().handle()

    def do_GET(self):
        parts = urlsplit(self.path)
        if parts.path == "/slow":
            time.sleep(float(parse_qs(parts.query).get("seconds", ["2"])[0]))
        if parts.path == "/ws":
            return self.websocket()
        if parts.path == "/hog":
            Handler.hog = bytearray(int(parse_qs(parts.query)["mb"][0]) * 1024 * 1024)
        if parts.path == "/exit":
            os.kill(os.getpid(), signal.SIGKILL)
        return self.answer(
            {
                "version": VERSION,
                "dyno": os.environ.get("DYNO"),
                "release": os.environ.get("HEROKU_RELEASE_VERSION"),
                "greeting": os.environ.get("GREETING"),
                "pid": os.getpid(),
                "path": self.path,
                "environment": sorted(os.environ),
            }
        )

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer({"version": VERSION, "received": len(body), "sha": hashlib.sha256(body).hexdigest()})

    def answer(self, content):
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.wfile.write(body)

    def websocket(self):
        """RFC 6455, text frames below 126 bytes, echoed until the client closes."""
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", accept)
        self.end_headers()
        while True:
            head = self.rfile.read(2)
            if len(head) < 2 or head[0] & 0x0F == 8:
                break
            length = head[1] & 0x7F
            mask = self.rfile.read(4)
            data = bytes(byte ^ mask[i % 4] for i, byte in enumerate(self.rfile.read(length)))
            self.wfile.write(bytes([0x81, len(data)]) + data)
        self.close_connection = True

    def log_message(self, form, *values):
        print(form % values, flush=True)


class Server(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True


def main():
    server = Server(("0.0.0.0", int(os.environ["PORT"])), Handler)

    def stop(number, frame):
        # Requests that run are finished: block_on_close joins their threads.
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    print(f"listening, version {VERSION}", flush=True)
    server.serve_forever(poll_interval=0.05)
    Server.daemon_threads = True
    server.socket.close()
    sys.stdout.flush()
    # Idle keep-alive connections would hold the join for their timeout: the drain is the router's work.
    os._exit(0)


if __name__ == "__main__":
    main()
