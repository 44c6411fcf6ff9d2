"""The storefront on two regions of this machine, and customers who follow its host name from one to the other."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from project import Project

EXAMPLE = Path(__file__).parents[3] / "examples" / "storefront"
HOST = "shop.example.com"
CONFIRMED = ("--confirm", "addon.storefront/DATABASE", "--confirm", "addon.storefront/REDIS")


class MovingShop(Project):
    """The example as it is, but for the ports of its regions' routers: customers must know them beforehand."""

    def start(self) -> None:
        shutil.copytree(EXAMPLE / "shop", self.directory / "shop", ignore=shutil.ignore_patterns("__pycache__"))
        self.ports = dict(zip(("us", "eu"), _free_ports(2), strict=True))
        self.lay_out("us")
        self.apply()

    def lay_out(self, region: str, move: Mapping[str, str] | None = None) -> None:
        """Writes the manifests with the storefront in a region, and how its data comes along."""
        platform, shop = yaml.safe_load_all((EXAMPLE / "dpaas.yaml").read_text(encoding="utf-8"))
        for name, port in self.ports.items():
            platform["spec"]["regions"][name]["port"] = port
        shop["spec"]["region"] = region
        if move is not None:
            shop["spec"]["move"] = dict(move)
        (self.directory / "dpaas.yaml").write_text(yaml.safe_dump_all([platform, shop]), encoding="utf-8")

    def orders(self) -> set[int]:
        """The numbers of all orders in the database of the side that serves."""
        query = "SELECT id FROM orders"
        done = self.dpaas("pg", "psql", "storefront", "--", "-qAtX", "-v", "ON_ERROR_STOP=1", "-c", query)
        return {int(line) for line in done.stdout.split()}

    def status(self, region: str) -> int:
        """What a request to the shop is answered by a region's router."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[region], timeout=30)
        try:
            connection.request("GET", "/healthz", headers={"Host": HOST})
            return connection.getresponse().status
        finally:
            connection.close()

    def dyno_count(self, region: str) -> int:
        """The shop's processes that run in a region."""
        marks = (str(self.directory / ".dpaas" / "regions" / region), "shop:app", "worker.py")
        found = 0
        for process in self.processes():
            words = " ".join(process.cmdline())
            found += (marks[1] in words or marks[2] in words) and marks[0] in f"{process.cwd()} {words}"
        return found


@dataclass
class Customers:
    """Threads that order without a pause. One who is refused goes to the other region, as a name server would
    have it, and orders again: a refused order is a failed request, and never counted as placed."""

    ports: list[int]
    placed: list[int] = field(default_factory=list)
    failed: int = 0
    longest_gap_s: float = 0.0
    _last: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self, count: int = 3) -> Customers:
        self._threads = [threading.Thread(target=self._order, daemon=True) for _ in range(count)]
        for thread in self._threads:
            thread.start()
        return self

    def wait_for(self, count: int, timeout_s: float = 60) -> None:
        """Until so many more orders are placed than are now."""
        wanted, until = len(self.placed) + count, time.monotonic() + timeout_s
        while len(self.placed) < wanted and time.monotonic() < until:
            time.sleep(0.05)
        assert len(self.placed) >= wanted, f"{len(self.placed)} of {wanted} orders, {self.failed} refused"

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=40)

    def _order(self) -> None:
        turn = 0
        while not self._stop.is_set():
            order = _place(self.ports[turn % 2])
            with self._lock:
                if order is None:
                    self.failed += 1
                else:
                    now = time.monotonic()
                    self.longest_gap_s = max(self.longest_gap_s, now - self._last)
                    self._last = now
                    self.placed.append(order)
            turn += order is None
            time.sleep(0.1 if order is None else 0.02)


def _place(port: int) -> int | None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        body = json.dumps({"items": {"mug": 1}})
        connection.request("POST", "/orders", body, {"Host": HOST, "Content-Type": "application/json"})
        answer = connection.getresponse()
        content = answer.read()
        return int(json.loads(content)["id"]) if answer.status == 201 else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()
