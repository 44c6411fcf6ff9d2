"""A step on a follower that is killed: `python killed_follower.py ARGUMENTS.json OPERATION`.

It tells on a line wherever it gets, and goes on when it is answered with a line.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from following_world import World

from declarative_paas.core.copy_result import CopyIdentity
from declarative_paas.core.plan import Operation
from declarative_paas.core.values import Sensitive
from declarative_paas.providers.addons.local_runner import LocalRunner
from declarative_paas.providers.addons.postgres_client import Account, PostgresPrograms
from declarative_paas.providers.addons.postgres_port import PostgresPort


def arrive(place: str) -> None:
    print(place, flush=True)
    sys.stdin.readline()


@dataclass(frozen=True, slots=True, kw_only=True)
class HaltingPort(PostgresPort):
    """Tells of what is between two statements of our own, where a kill is another one than between two steps."""

    def unstreamed(self) -> Any:
        arrive("in the promotion")
        return PostgresPort.unstreamed(self)

    def relieve(self, identity: CopyIdentity) -> None:
        arrive("following")
        PostgresPort.relieve(self, identity)

    def unpublish(self, identity: CopyIdentity) -> None:
        arrive("unpublishing")
        PostgresPort.unpublish(self, identity)


@dataclass(frozen=True, slots=True)
class _Named:
    key: str


@dataclass(frozen=True, slots=True)
class _Server:
    port: int


@dataclass(frozen=True, slots=True)
class _Running:
    server: _Server


class ToldDatabase:
    """A database of a server that another process started."""

    def __init__(self, found: dict[str, Any]) -> None:
        self.spec, self.running = _Named(found["key"]), _Running(_Server(found["port"]))

        def account(role: str, password: str) -> Account:
            return Account(role=role, password=Sensitive(password), host=found["host"], port=found["port"])

        self.port = HaltingPort(
            programs=PostgresPrograms(runner=LocalRunner(), bin_dir=found["bin_dir"]),
            database=found["name"],
            owner=account(found["name"], found["password"]),
            administrator=account("dpaas_admin", found["administrator"]),
        )

    def fresh(self) -> None:
        raise AssertionError("nothing was begun here before")


def main() -> None:
    told = json.loads(Path(sys.argv[1]).read_text())
    world = World(
        source=ToldDatabase(told["source"]),  # type: ignore[arg-type]
        target=ToldDatabase(told["target"]),  # type: ignore[arg-type]
        on_report=arrive,
    )
    world.step(Operation[sys.argv[2]])
    arrive("done")


if __name__ == "__main__":
    main()
