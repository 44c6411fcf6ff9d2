"""The example on two engines: `dpaas apply --env docker`, a rolling deploy under load, and nothing left in the end."""

from __future__ import annotations

import http.client
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from docker_project import DockerProject
from docker_rig import PORTS, DockerRig, free_ports

EXAMPLE = Path(__file__).parents[3] / "examples" / "storefront"
CONFIRMED = (
    "addon.storefront/DATABASE",
    "addon.storefront/REDIS",
    "addon.storefront-eu/DATABASE",
    "addon.storefront-eu/REDIS",
)


class Storefront(DockerProject):
    """The example as it is, under a platform's name of its own; and the same app once more, in region eu."""

    def __init__(self, rig: DockerRig) -> None:
        super().__init__(rig)
        shutil.copytree(EXAMPLE, self.directory, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".dpaas"))
        self._rename(self.directory / "dpaas.yaml")
        self._rename(self.directory / "overlays" / "docker" / "regions.yaml")
        self._add_the_other_region()
        self.ports = {host.name: free_ports(host.ip) for host in rig.hosts}
        self._set_ports()
        self.variables = [
            f"--var={host.name}_{name}={value}"
            for host in rig.hosts
            for name, value in (("engine", host.url), ("address", host.ip))
        ]

    def on_docker(self, *arguments: str, expect: int = 0) -> str:
        done = self.dpaas(*arguments, "--env", "docker", *self.variables, expect=expect, timeout=600)
        return done.stdout + done.stderr

    def apply(self, *arguments: str, expect: int = 0) -> Any:
        return self.on_docker("apply", "--auto-approve", *arguments, expect=expect)

    def ask(self, app: str, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        connection = http.client.HTTPConnection(urlsplit(self.address(app)).netloc, timeout=30)
        try:
            headers = {"Content-Type": "application/json"}
            connection.request(method, path, body=None if body is None else json.dumps(body), headers=headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def address(self, app: str) -> str:
        if app not in self._urls:
            shown = json.loads(self.on_docker("state", "show", f"app.{app}"))
            self._urls[app] = str(shown["outputs"]["url"])
        return self._urls[app]

    def _rename(self, file: Path) -> None:
        file.write_text(file.read_text().replace("{name: acme}", f"{{name: {self.name}}}"))

    def _add_the_other_region(self) -> None:
        documents = list(yaml.safe_load_all((self.directory / "dpaas.yaml").read_text()))
        app = next(document for document in documents if document["kind"] == "App")
        app["metadata"]["name"] = "storefront-eu"
        app["spec"] |= {"region": "eu", "domains": ["eu.shop.example.com"]}
        (self.directory / "storefront-eu.yaml").write_text(yaml.safe_dump(app, sort_keys=False))

    def _set_ports(self) -> None:
        """Other tests have regions on these hosts at the same time."""
        file = self.directory / "overlays" / "docker" / "regions.yaml"
        overlay = yaml.safe_load(file.read_text())
        for name, port in self.ports.items():
            region = overlay["spec"]["regions"][name]
            region["port"] = port
            region["options"]["app_ports"] = f"{port + 1}-{port + PORTS - 1}"
        file.write_text(yaml.safe_dump(overlay, sort_keys=False))


@pytest.fixture
def storefront(rig: DockerRig) -> Iterator[Storefront]:
    found = Storefront(rig)
    try:
        yield found
    finally:
        found.close()


def test_the_storefront_on_two_engines_from_nothing_to_nothing_left(storefront: Storefront):
    storefront.apply()
    for app in ("storefront", "storefront-eu"):
        status, order = storefront.ask(app, "POST", "/orders", {"items": {"mug": 2}})
        assert status == 201, order
        assert storefront.ask(app, "GET", f"/orders/{order['id']}")[0] == 200
    # Each region has its own database: an order of us is none of eu.
    storefront.ask("storefront", "POST", "/orders", {"items": {"mug": 1}})
    orders = [storefront.ask(app, "GET", "/orders/2")[0] for app in ("storefront", "storefront-eu")]
    assert orders == [200, 404]
    assert "No changes" in storefront.on_docker("plan", "--detailed-exitcode")

    refused = storefront.on_docker("destroy", "--auto-approve", expect=1)
    assert "--confirm addon.storefront/DATABASE" in refused
    confirmed = [word for address in CONFIRMED for word in ("--confirm", address)]
    storefront.on_docker("destroy", "--auto-approve", *confirmed)
    assert storefront.left() == {"us": [], "eu": []}
