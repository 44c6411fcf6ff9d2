"""A region's router and add-ons on a real engine, and how a test reaches them."""

from __future__ import annotations

import http.client
import itertools
import os
import random
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from docker_rig import DockerRig
from router_dyno import Dyno, Loop
from router_load import Connection, Load

from declarative_paas.core.values import Sensitive
from declarative_paas.providers.addons.driver import AddonInstance, AddonReading
from declarative_paas.providers.addons.records import InstanceRecords, PlanFact
from declarative_paas.providers.docker.engine import containers, execute, networks
from declarative_paas.providers.docker.engine.connection import Engine
from declarative_paas.providers.docker.engine.labels import Labels, object_name
from declarative_paas.providers.docker.services.addons import ContainerAddons
from declarative_paas.providers.docker.services.images import ServiceImages
from declarative_paas.providers.docker.services.router import ContainerRouter, RouterOptions
from declarative_paas.providers.router.routes import Server
from declarative_paas.vault.keyring import Keyring

KEEP_RUNNING = ("sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done")


def wait_until(is_so: Callable[[], bool], what: str, timeout_s: float = 30.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < deadline, f"{what} did not come about in {timeout_s:g} s"
        time.sleep(0.05)


class RouterRegion:
    """A router on the engine's host, and dynos on this machine, which is outside of it and reachable for it."""

    def __init__(self, engine: Engine, owner: Labels, images: ServiceImages, rig: DockerRig) -> None:
        self.engine, self.owner, self.images, self.rig = engine, owner, images, rig
        self.options = RouterOptions(port=random.randrange(12_000, 28_000))
        self.loop = Loop()
        self._dynos: list[Dyno] = []

    @property
    def router(self) -> ContainerRouter:
        """As another process would see it: nothing is shared but the engine."""
        return ContainerRouter(self.engine, self.owner, self.images, self.options)

    @property
    def port(self) -> int:
        return self.options.port

    def start(self, **changes: Any) -> ContainerRouter:
        self.options = replace(self.options, **changes)
        self.router.ensure_running()
        return self.router

    def dyno(self, name: str) -> Dyno:
        dyno = Dyno(self.loop, name, self.rig.outside)
        self._dynos.append(dyno)
        return dyno

    def servers(self, dynos: Sequence[Dyno], check_path: str | None = None) -> tuple[Server, ...]:
        return tuple(
            Server(name=dyno.name, address=self.rig.outside, port=dyno.port, check_path=check_path) for dyno in dynos
        )

    def load(self, host: str) -> Load:
        return Load(self.loop, self.port, host, self.rig.us.ip)

    def connection(self, host: str) -> Connection:
        return Connection(self.port, host, self.rig.us.ip)

    def get(self, host: str, path: str = "/", port: int | None = None) -> tuple[int, str, Mapping[str, str]]:
        connection = http.client.HTTPConnection(self.rig.us.ip, port or self.port, timeout=30)
        try:
            connection.request("GET", path, headers={"Host": host})
            response = connection.getresponse()
            headers = {name.lower(): value for name, value in response.getheaders()}
            return response.status, response.read().decode(), headers
        finally:
            connection.close()

    def log(self) -> list[str]:
        return containers.last_lines(self.engine, self.router.name, 10_000)

    def close(self) -> None:
        try:
            self.router.remove()
        finally:
            for dyno in self._dynos:
                dyno.kill()
            self.loop.close()


class AddonRegion:
    """Add-ons of a region, and dynos, each on a network of its own, from which they are reached."""

    def __init__(self, engine: Engine, owner: Labels, images: ServiceImages, home: Path) -> None:
        self.engine, self.owner, self.images, self.home = engine, owner, images, home
        self.keyring = Keyring.load_or_create(home / "secret.key")
        self.records = InstanceRecords(home)
        self.on_networks: dict[str, list[str]] = {}
        self.told: list[str] = []
        self._numbers = itertools.count(1)

    @property
    def addons(self) -> ContainerAddons:
        """As another process would see it: nothing is shared but the engine and the records."""
        return ContainerAddons(
            self.engine,
            self.owner,
            self.keyring,
            self.records,
            self.images,
            addon_networks=lambda: self.on_networks,
            health_interval_s=1.0,
        )

    def instance(self, service: str, key: str = "", **plan: PlanFact) -> AddonInstance:
        usual: dict[str, PlanFact] = {"connection_limit": 20, "memory_mb": 256 if service == "postgres" else 25}
        alias = "DATABASE" if service == "postgres" else "REDIS"
        return AddonInstance(
            app="shop",
            alias=alias,
            key=key or f"shop-{alias.lower()}-{os.urandom(3).hex()}",
            service=service,
            plan={**usual, **plan},
            scope="acme/default",
            address=f"addon.shop/{alias}",
            instance="a1",
        )

    def provision(self, instance: AddonInstance) -> str:
        """The URL, password and all."""
        outputs = self.addons.provision(instance, self.told.append)
        url = outputs["url"]
        assert isinstance(url, Sensitive)
        return url.reveal()

    def reading(self, instance: AddonInstance) -> AddonReading:
        return self.addons.read_all()[instance.key]

    def wait_healthy(self, instance: AddonInstance) -> None:
        name = self.server(instance)

        def is_healthy() -> bool:
            api: Any = self.engine.api
            return bool(api.inspect_container(name)["State"]["Health"]["Status"] == "healthy")

        wait_until(is_healthy, f"health of {name}")

    def wait_problem(self, instance: AddonInstance) -> tuple[str, ...]:
        """What `read_all` names as soon as it names anything."""
        wait_until(lambda: bool(self.reading(instance).problems), "a problem")
        return self.reading(instance).problems

    def server(self, instance: AddonInstance) -> str:
        return self.addons.place.server(instance.key)

    def dyno(self, *keys: str) -> str:
        """A container on a network of its own, with the servers of these add-ons on it."""
        number = next(self._numbers)
        name = object_name(self.owner, f"dyno{number}")
        network = networks.ensure_network(self.engine, name, self.owner.with_(role="dyno"), networks.Pool())
        config = {
            "Image": self.images.postgres.id,
            "Cmd": list(KEEP_RUNNING),
            "User": containers.NOBODY,
            "HostConfig": {"NetworkMode": network.name, "CapDrop": ["ALL"]},
        }
        containers.create(self.engine, name, config, self.owner.with_(role="dyno"))
        containers.start(self.engine, name)
        for key in keys:
            self.addons.connect(key, network.name)
            self.on_networks.setdefault(key, []).append(network.name)
        return name

    def sql(self, dyno: str, url: str, statement: str) -> str:
        """psql in a dyno, as an app would connect; the answer, or the first line of the error."""
        command = ["psql", "-X", "-q", "-A", "-t", url, "-c", statement]
        done = execute.run(self.engine, dyno, command, timeout_s=60)
        return (done.stdout if done.status == 0 else done.stderr).decode().strip().split("\n", maxsplit=1)[0]

    def redis(self, dyno: str, url: str, *commands: Sequence[str]) -> list[bytes]:
        """Raw replies of a Redis client in a dyno, as an app would connect."""
        password, host = url.removeprefix("redis://:").split("@")
        name, _, port = host.partition("/")[0].partition(":")
        sent = [["AUTH", password], *commands, ["QUIT"]]
        program = (
            "import socket,sys\n"
            f"s=socket.create_connection(('{name}',{port}),5)\n"
            "s.sendall(sys.stdin.buffer.read())\n"
            "[sys.stdout.buffer.write(p) for p in iter(lambda:s.recv(65536),b'')]\n"
        )
        text = "".join(
            f"*{len(words)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in words) for words in sent
        )
        done = execute.run(self.engine, dyno, ["python3", "-c", program], stdin=text.encode(), timeout_s=30)
        assert done.status == 0, done.stderr.decode()
        return done.stdout.split(b"\r\n")[1:-2]


def can_connect(address: str, port: int) -> bool:
    with suppress(OSError), socket.create_connection((address, port), timeout=2):
        return True
    return False
