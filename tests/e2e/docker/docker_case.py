"""One region on one engine, without the provider above it: dynos, add-on containers and probes for the tests."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from declarative_paas.providers.docker.engine import containers, execute, networks
from declarative_paas.providers.docker.engine.connection import Engine
from declarative_paas.providers.docker.engine.dyno_container import PORT, Dyno, create_dyno, start_dyno
from declarative_paas.providers.docker.engine.labels import Labels, object_name
from declarative_paas.providers.docker.engine.slug_build import build_slug
from declarative_paas.providers.docker.engine.slug_image import SlugImage
from declarative_paas.providers.docker.engine.stack import StackImage, find_stack
from declarative_paas.providers.slugs.source import source_digest

SERVER = """
import http.server, os, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello")
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Answer).serve_forever()
"""
SERVE = "exec python3 server.py 0.0.0.0 $PORT"
PROBE = """
import socket, sys
try:
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), 1.5) as found:
        found.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
        print("reachable" if found.makefile("rb").read() else "closed")
except OSError:
    print("unreachable")
"""
WAIT = """
import socket, sys, time
until = time.monotonic() + 30
while True:
    try:
        socket.create_connection((sys.argv[1], int(sys.argv[2])), 2).close()
        break
    except OSError:
        if time.monotonic() > until:
            raise
        time.sleep(0.02)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a container listens: its name, its address on a network of ours, that network's name."""

    name: str
    ip: str
    network: str


class Case:
    """Everything it makes bears the owner's labels; the `owner` fixture removes it."""

    def __init__(self, engine: Engine, owner: Labels, server_slug: SlugImage | None = None) -> None:
        self.engine = engine
        self.owner = owner
        self.pool = networks.Pool()
        self.stack: StackImage = find_stack(engine)
        self.printed: list[str] = []
        self._server_slug = server_slug

    def source(self, files: Mapping[str, str]) -> Path:
        """A source directory; `close` removes it."""
        directory = Path(tempfile.mkdtemp(prefix="dpaas-source-"))
        for path, text in files.items():
            (directory / path).parent.mkdir(parents=True, exist_ok=True)
            (directory / path).write_text(text)
        return directory

    def build(self, files: Mapping[str, str], *, build: str | None = None, timeout_s: float = 60) -> SlugImage:
        directory = self.source(files)
        try:
            return build_slug(
                self.engine,
                self.owner,
                self.stack,
                directory,
                expected_digest=source_digest(directory),
                build=build,
                pool=self.pool,
                on_line=self.printed.append,
                timeout_s=timeout_s,
            )
        finally:
            shutil.rmtree(directory)

    def server_slug(self) -> SlugImage:
        """Of an app that answers `hello`: that of the whole run, or the region's own."""
        if self._server_slug is None:
            self._server_slug = self.build({"server.py": SERVER})
        return self._server_slug

    def dyno(self, slug: SlugImage, name: str, command: str = SERVE, **changed: Any) -> Dyno:
        """A dyno of app `shop`, with its network; not made yet."""
        full = object_name(self.owner, "shop", name, "v1")
        networks.ensure_network(self.engine, full, self.owner.with_(role="dyno-network", app="shop"), self.pool)
        made = Dyno(
            name=full,
            image=slug.id,
            command=command,
            labels=self.owner.with_(role="dyno", app="shop"),
            environment={"DYNO": name},
            network=full,
            memory_mb=64,
            memory_kill_mb=128,
            cpu_share=1,
            pids=64,
            port=PORT,
        )
        return replace(made, **changed)

    def start(self, dyno: Dyno, *, listening: bool = True) -> Place:
        create_dyno(self.engine, dyno)
        start_dyno(self.engine, dyno.name)
        if listening:
            self.wait_listening(self.place(dyno.name, str(dyno.network)), PORT)
        return self.place(dyno.name, str(dyno.network))

    def wait_listening(self, where: Place, port: int) -> None:
        """Until it answers on an address that others reach."""
        argv = ["python3", "-c", WAIT, where.ip or "127.0.0.1", str(port)]
        done = execute.run(self.engine, where.name, argv, timeout_s=40)
        assert done.status == 0, done.stderr

    def listener(self, name: str, network: str, port: int) -> Place:
        """A server of the region's own on one network: what an add-on is."""
        full = object_name(self.owner, name)
        config: dict[str, Any] = {
            "Image": self.stack.id,
            "Cmd": ["python3", "-c", SERVER, "0.0.0.0", str(port)],
            "HostConfig": {"NetworkMode": network, "CapDrop": ["ALL"]},
        }
        containers.create(self.engine, full, config, self.owner.with_(role="addon"))
        containers.start(self.engine, full)
        found = self.place(full, network)
        self.wait_listening(found, port)
        return found

    def host(self) -> str:
        """A container in the network of the engine's host: what is asked there is asked as the host."""
        full = object_name(self.owner, "host")
        if containers.inspected(self.engine, full, self.owner) is None:
            config: dict[str, Any] = {
                "Image": self.stack.id,
                "Cmd": ["sleep", "3600"],
                "HostConfig": {"NetworkMode": "host", "CapAdd": ["NET_ADMIN"], "Init": True},
            }
            containers.create(self.engine, full, config, self.owner.with_(role="host"))
            containers.start(self.engine, full)
        return full

    def host_service(self, port: int) -> str:
        """A server on all addresses of the engine's host; the container that it is in."""
        return self.listener(f"host{port}", "host", port).name

    def rules(self) -> str:
        """The packet filter rules of the engine's host that could be ours."""
        return self.shell(self.host(), "iptables-save -t mangle")

    def place(self, container: str, network: str) -> Place:
        found: Any = self.engine.api.inspect_container(container)
        return Place(name=container, ip=found["NetworkSettings"]["Networks"][network]["IPAddress"], network=network)

    def probe(self, container: str, host: str, port: int) -> str:
        """`reachable`, `closed` or `unreachable`, from inside the container as its user."""
        done = execute.run(self.engine, container, ["python3", "-c", PROBE, host, str(port)], timeout_s=20)
        assert done.status == 0, done.stderr
        return done.stdout.decode().strip()

    def shell(self, container: str, script: str, **options: Any) -> str:
        done = execute.run(self.engine, container, ["/bin/sh", "-c", script], timeout_s=60, **options)
        return done.stdout.decode()
