"""A platform of its own on the rig's engines: the local tests' project, with Docker regions."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "local"))

from docker_rig import PORTS, DockerRig, RigHost, free_ports, fresh_platform, remove_platform
from project import Project


def region_on(host: RigHost, jurisdiction: str, **options: Any) -> dict[str, Any]:
    """A region as a manifest declares it."""
    port = free_ports(host.ip)
    return {
        "provider": "docker",
        "jurisdiction": jurisdiction,
        "host": host.url,
        "port": port,
        "options": {
            "address": host.ip,
            "app_ports": f"{port + 1}-{port + PORTS - 1}",
            "drain_timeout_s": 15,
            "stop_timeout_s": 10,
            **options,
        },
    }


class DockerProject(Project):
    """Everything that it made is removed by `close`, also what a failed test left."""

    def __init__(self, rig: DockerRig) -> None:
        super().__init__(fresh_platform())
        self.rig = rig
        self.regions = {"us": region_on(rig.us, "US"), "eu": region_on(rig.eu, "EU")}

    def left(self) -> dict[str, list[str]]:
        """Whatever bears the platform's label, by engine."""
        return {host.name: self.left_on(host) for host in self.rig.hosts}

    def left_on(self, host: RigHost) -> list[str]:
        mine = {"label": [f"dpaas.platform={self.name}"]}
        with host.open() as engine:
            api: Any = engine.api
            return [
                *(f"container {item['Names'][0]}" for item in api.containers(all=True, filters=mine)),
                *(f"network {item['Name']}" for item in api.networks(filters=mine)),
                *(f"volume {item['Name']}" for item in api.volumes(filters=mine)["Volumes"] or []),
                *(f"image {item['RepoTags']}" for item in api.images(filters=mine)),
            ]

    def until_it_serves(self, app: str, timeout_s: float = 60.0) -> None:
        """Returns when it answers 200."""
        deadline = time.monotonic() + timeout_s
        status = 0
        while status != 200:
            assert time.monotonic() < deadline, f"{app} answers {status}"
            try:
                status = self.get(app)[0]
            except OSError:
                status = 0
            time.sleep(0.05)

    def close(self) -> None:
        for host in self.rig.hosts:
            remove_platform(host, self.name)
        super().close()


def echo_project(rig: DockerRig) -> DockerProject:
    """The echo app on the first engine: two web dynos, a config var; not applied yet."""
    project = DockerProject(rig)
    del project.regions["eu"]
    project.copy_source("echo")
    web = {"command": "exec python3 server.py", "size": "standard-1x", "quantity": 2, "health": "/healthz"}
    project.app("echo", source={"path": "./echo"}, config={"GREETING": "hello"}, formation={"web": web})
    return project
