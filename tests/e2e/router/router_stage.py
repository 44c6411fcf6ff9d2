"""A real router and its log sink, on free ports in a folder of their own."""

from __future__ import annotations

import http.client
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from router_dyno import Dyno, Loop
from router_load import Load

from declarative_paas.providers.router.control import Master
from declarative_paas.providers.router.router import Router
from declarative_paas.providers.router.routes import Server
from declarative_paas.providers.router.settings import RouterSettings, haproxy_binary

PORTS = 12


def free_ports() -> int:
    """The first of PORTS free ports in a row, below the range the kernel takes for outgoing connections."""
    for _ in range(200):
        first = random.randrange(12000, 32000, PORTS)
        with suppress(OSError):
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                for port in range(first, first + PORTS):
                    with socket.socket(socket.AF_INET, kind) as probe:
                        probe.bind(("127.0.0.1", port))
            return first
    raise RuntimeError("no free ports")


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: str


class Stage:
    """Everything it starts ends with `close`."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="router-"))
        self.folder.chmod(0o755)
        self.logs = self.folder / "logs"
        self.logs.mkdir()
        first = free_ports()
        self.settings = RouterSettings(
            directory=self.folder / "router, with a comma",
            run_directory=self.folder / "run",
            binary=haproxy_binary(),
            port=first,
            app_ports=(first + 1, first + PORTS - 2),
            log_port=first + PORTS - 1,
            user="nobody" if os.getuid() == 0 else None,
        )
        self.loop = Loop()
        self.process: subprocess.Popen[bytes] | None = None
        self._sink: subprocess.Popen[bytes] | None = None
        self._dynos: list[Dyno] = []

    def start(self, **changes: object) -> Router:
        """The router runs and answers."""
        self.settings = replace(self.settings, **changes)  # type: ignore[arg-type]
        self.router.prepare()
        self.run()
        return self.router

    def run(self) -> None:
        with (self.folder / "haproxy.log").open("ab") as log:
            self.process = subprocess.Popen(self.router.command(), stderr=log, start_new_session=True)
        self.router.wait_ready(10)

    def start_sink(self) -> None:
        module = "declarative_paas.providers.router.logsink"
        command = [sys.executable, "-m", module, "--port", str(self.settings.log_port), "--logs", str(self.logs)]
        self._sink = subprocess.Popen(command)
        while not self._sink_listens():
            assert self._sink.poll() is None

    def _sink_listens(self) -> bool:
        """Loopback tells at once that nobody took a datagram: the next one is refused."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("127.0.0.1", self.settings.log_port))
            try:
                probe.send(b"?")
                probe.send(b"?")
            except ConnectionRefusedError:
                return False
            return True

    def stop_sink(self) -> None:
        if self._sink is not None:
            self._sink.terminate()
            assert self._sink.wait(10) == 0
            self._sink = None

    def log(self, app: str, count: int) -> list[str]:
        """The app's router lines, once there are `count`. HAProxy logs a request a moment after the client has gone."""
        path = self.logs / f"{app}.log"
        pause = threading.Event()
        while not path.exists() or path.read_text().count("\n") < count:
            pause.wait(0.01)
        self.stop_sink()
        return path.read_text().splitlines()

    @property
    def router(self) -> Router:
        """As another process would see it: nothing is shared but files and sockets."""
        return Router(self.settings)

    @property
    def worker_pids(self) -> list[int]:
        return [worker.pid for worker in Master(self.settings.socket).workers()]

    def app_port(self, number: int) -> int:
        return self.settings.app_ports[0] + number

    def dyno(self, name: str) -> Dyno:
        dyno = Dyno(self.loop, name)
        self._dynos.append(dyno)
        return dyno

    def server(self, dyno: Dyno, check_path: str | None = None) -> Server:
        return Server(name=dyno.name, address="127.0.0.1", port=dyno.port, check_path=check_path)

    def load(self, host: str) -> Load:
        return Load(self.loop, self.settings.port, host)

    def request(
        self,
        method: str = "GET",
        path: str = "/",
        *,
        host: str | None = None,
        port: int | None = None,
        headers: dict[str, str] | None = None,
        body: str | None = None,
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", port or self.settings.port, timeout=30)
        try:
            connection.request(method, path, body=body, headers={**(headers or {}), **({"Host": host} if host else {})})
            response = connection.getresponse()
            got = {key.lower(): value for key, value in response.getheaders()}
            return Answer(response.status, got, response.read().decode())
        finally:
            connection.close()

    def kill(self) -> None:
        """kill -9 to the master and all its workers, which are a process group of ours."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)
            self.process = None

    def close(self) -> None:
        self.kill()
        try:
            self.stop_sink()
        finally:
            for dyno in self._dynos:
                dyno.kill()
            self.loop.close()
            shutil.rmtree(self.folder)
