"""Whether a dyno is healthy: asked by the router's container, which alone reaches it."""

from __future__ import annotations

from typing import Final

from declarative_paas.core.provider import ProviderError
from declarative_paas.providers.docker.engine import execute
from declarative_paas.providers.docker.engine.connection import Engine

PATIENCE_S: Final = 2.0
"""So long one question goes on asking: a command in a container costs more than many requests."""

_ASK: Final = """
import http.client, sys, time
address, port, host, path, patience = sys.argv[1:]
until = time.monotonic() + float(patience)
while True:
    connection = http.client.HTTPConnection(address, int(port), timeout=5)
    try:
        connection.request("GET", path, headers={"Host": host, "User-Agent": "dpaas-health"})
        status = connection.getresponse().status
        answer = "" if 200 <= status < 400 else "status %d" % status
    except (OSError, http.client.HTTPException) as problem:
        answer = type(problem).__name__
    connection.close()
    if not answer or time.monotonic() > until:
        break
    time.sleep(0.05)
print(answer)
"""


def health(engine: Engine, router: str, *, address: str, port: int, host: str, path: str) -> str:
    """Empty as soon as it answers 2xx or 3xx, else what came back last within `PATIENCE_S`."""
    argv = ["python3", "-I", "-c", _ASK, address, str(port), host, path, str(PATIENCE_S)]
    try:
        done = execute.run(engine, router, argv, timeout_s=30)
    except ProviderError as problem:
        return problem.summary
    if done.status != 0:
        return "no answer: the router could not ask"
    return done.stdout.decode("utf-8", "replace").strip()
