"""The router's own side of `ContainerRouter`: runs inside its container, where its files and sockets are.

`start` draws HAProxy's configuration from the volume and becomes HAProxy. `answer` reads requests from standard input,
one a line, and writes a line to each, until the input ends. Both work on `Router`, as a local region does: a whole
switch is one request, so its hundreds of looks at the runtime socket cost no way to the engine, and the locks are the
kernel's. What is begun goes on to its end, whoever asked may be gone.
The file goes into the container with the modules that it imports; nothing else may be imported here.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from declarative_paas.providers.router import errors
from declarative_paas.providers.router.router import Router
from declarative_paas.providers.router.routes import Route, Server
from declarative_paas.providers.router.settings import Checks, RouterSettings, Timeouts
from declarative_paas.providers.router.switching import DrainReport

DIRECTORY = Path("/router")
"""Where the volume is."""

PORT_TAKEN = 78
"""Exit status of `start` when another program has one of the ports."""


def settings_of(told: Mapping[str, Any], binary: str) -> RouterSettings:
    """The settings as `RouterOptions.to_json` tells them, in this container's places."""
    ports = told["app_ports"]
    return RouterSettings(
        directory=DIRECTORY,
        run_directory=DIRECTORY / "run",
        binary=Path(binary),
        port=told["port"],
        bind=told["bind"],
        app_ports=None if ports is None else (ports[0], ports[1]),
        log_port=None,
        spare_slots=told["spare_slots"],
        timeouts=Timeouts(**told["timeouts"]),
        checks=Checks(**told["checks"]),
    )


def start(settings: RouterSettings) -> None:
    """Becomes HAProxy, or exits with PORT_TAKEN."""
    first, last = settings.app_ports or (0, -1)
    for port in (settings.port, *range(first, last + 1)):
        _require_free(settings.bind, port)
    router = Router(settings)
    router.prepare()
    command = router.command()
    sys.stdout.flush()
    os.execv(command[0], command)


def _require_free(bind: str, port: int) -> None:
    """HAProxy would share the port with another HAProxy without a word (SO_REUSEPORT), and requests would stray."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((bind, port))
        except OSError as problem:
            print(f"port {port}: {problem.strerror}", file=sys.stderr, flush=True)
            sys.exit(PORT_TAKEN)


def answer(router: Router, request: Mapping[str, Any]) -> dict[str, Any]:
    """The result of one request, or the error that it ended in; both as `ContainerRouter` reads them."""
    operation: Callable[[Router, Mapping[str, Any]], Any] = OPERATIONS[request["operation"]]
    try:
        return {"result": operation(router, request["arguments"])}
    except errors.ServersNotUpError as problem:
        return {"error": type(problem).__name__, "text": str(problem), "app": problem.app, "reasons": problem.reasons}
    except (errors.RouterError, ValueError) as problem:
        return {"error": type(problem).__name__, "text": str(problem)}


def _ready(router: Router, arguments: Mapping[str, Any]) -> None:
    router.wait_ready(arguments["timeout_s"])


def _set_route(router: Router, arguments: Mapping[str, Any]) -> None:
    router.set_route(
        arguments["app"], tuple(arguments["hosts"]), arguments["app_port"], maintenance=arguments["maintenance"]
    )


def _remove_route(router: Router, arguments: Mapping[str, Any]) -> Any:
    return _report(router.remove_route(arguments["app"], drain_timeout_s=arguments["drain_timeout_s"]))


def _switch(router: Router, arguments: Mapping[str, Any]) -> Any:
    report = router.switch(
        arguments["app"],
        tuple(Server(**server) for server in arguments["servers"]),
        drain_timeout_s=arguments["drain_timeout_s"],
        up_timeout_s=arguments["up_timeout_s"],
    )
    return _report(report)


def _routes(router: Router, arguments: Mapping[str, Any]) -> Any:
    return [_route(route) for route in router.routes()]


def _problems(router: Router, arguments: Mapping[str, Any]) -> Any:
    return list(router.problems())


def _reading(router: Router, arguments: Mapping[str, Any]) -> Any:
    servers = {app: sorted(names) for app, names in router.desired_servers().items()}
    return {"problems": list(router.problems()), "servers": servers}


def _repair(router: Router, arguments: Mapping[str, Any]) -> None:
    router.repair()


def _report(report: DrainReport) -> list[dict[str, Any]]:
    return [asdict(server) for server in report.servers]


def _route(route: Route) -> dict[str, Any]:
    return asdict(route)


OPERATIONS: Mapping[str, Callable[[Router, Mapping[str, Any]], Any]] = {
    "ready": _ready,
    "set_route": _set_route,
    "remove_route": _remove_route,
    "switch": _switch,
    "routes": _routes,
    "problems": _problems,
    "reading": _reading,
    "repair": _repair,
}


def main() -> None:
    mode, told = sys.argv[1], json.loads(sys.argv[2])
    settings = settings_of(told, shutil.which("haproxy") or "/usr/local/bin/haproxy")
    if mode == "start":
        start(settings)
    else:
        router = Router(settings)
        for line in sys.stdin:
            print(json.dumps(answer(router, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
