"""Asks the gateway every $INTERVAL_SECONDS seconds and logs how it is."""

from __future__ import annotations

import os
import signal
import threading
import urllib.request


def beat(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=15) as response:
            return f"status={response.status}"
    except OSError as problem:
        return f"status=down reason={str(problem)!r}"


if __name__ == "__main__":
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    while not stopping.is_set():
        print(f"gateway {beat(os.environ['GATEWAY_URL'])}", flush=True)
        stopping.wait(float(os.environ["INTERVAL_SECONDS"]))
