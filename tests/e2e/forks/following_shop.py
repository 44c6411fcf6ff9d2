"""A shop on one engine and one on this machine, and forks of both that follow through links."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from docker_project import DockerProject
from docker_rig import RigHost, free_ports
from fork_project import ADDONS, ForkProject

WRITE = "INSERT INTO orders (item) VALUES ('{}')"
LOCAL = {"provider": "local", "jurisdiction": "US", "options": {"drain_timeout_s": 15, "stop_timeout_s": 10}}
WEB = {"command": "exec python3 server.py", "size": "standard-1x", "quantity": 1, "health": "/healthz"}


class FollowingShop(ForkProject, DockerProject):
    """One app on the first engine and one on this machine, each with a database; the second engine is empty."""

    def start(self, rows: int = 2000) -> None:
        self.link_port = free_ports(self.rig.us.ip)
        self.regions["us"]["options"]["link_address"] = f"{self.rig.us.ip}:{self.link_port}"
        here = {**LOCAL["options"], "link_address": f"{self.rig.outside}:{free_ports(self.rig.outside)}"}
        self.regions["here"] = {**LOCAL, "options": here}
        self.copy_source("echo")
        for name, region in (("echo", "us"), ("plain", "here")):
            self.app(name, region=region, source={"path": "./echo"}, formation={"web": WEB}, addons=ADDONS[:1])
        self.apply()
        for name in ("echo", "plain"):
            self.sql(
                name,
                "CREATE TABLE orders (id bigserial PRIMARY KEY, item text NOT NULL);"
                f"INSERT INTO orders (item) SELECT md5(i::text) FROM generate_series(1, {rows}) i",
            )

    def fork(self, source: str, region: str, name: str) -> str:
        follow = ("--data", "DATABASE=follow", "--apply", "--auto-approve")
        return self.dpaas("fork", source, "--region", region, "--to", name, *follow, timeout=300).stdout

    def until_it_is_seen(self, source: str, fork: str, words: str, within_s: float = 60.0) -> None:
        """Writes at the source, and waits for it in the fork."""
        self.sql(source, WRITE.format(words))
        seen(lambda: self.checksum(fork) == self.checksum(source), words, within_s)

    def follower(self, fork: str) -> dict[str, Any]:
        (found,) = [copy["follower"] for copy in self.copies(fork) if copy["alias"] == "DATABASE"]
        return dict(found)

    def of_links(self, host: RigHost) -> list[str]:
        """What an engine has for links, by label."""
        with host.open() as engine:
            api: Any = engine.api
            mine = {"label": [f"dpaas.platform={self.name}"]}
            found = [*api.containers(all=True, filters=mine), *api.networks(filters=mine)]
            return [item["Labels"]["dpaas.role"] for item in found if "link" in item["Labels"]["dpaas.role"]]

    @contextmanager
    def cut(self) -> Iterator[None]:
        """Nothing of the other engine's host reaches the listener, and nobody says so."""
        rule = ["PREROUTING", "-s", self.rig.eu.ip, "-p", "tcp", "--dport", str(self.link_port), "-j", "DROP"]
        filtering = ["iptables", "-w", "-t", "raw"]
        assert self.rig.us.on_host([*filtering, "-I", *rule]).wait() == 0
        try:
            yield
        finally:
            assert self.rig.us.on_host([*filtering, "-D", *rule]).wait() == 0


def seen(check: Callable[[], bool], what: str, within_s: float = 60.0) -> None:
    until = time.monotonic() + within_s
    while not check():
        assert time.monotonic() < until, f"not within {within_s:.0f} s: {what}"
        time.sleep(0.2)
