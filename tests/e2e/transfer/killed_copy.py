"""A command that copies and is killed: `python killed_copy.py ARGUMENTS.json`; it tells each phase on a line."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from declarative_paas.core.copy_result import CopyIdentity
from declarative_paas.core.values import Sensitive
from declarative_paas.providers.addons.local_runner import LocalRunner
from declarative_paas.providers.addons.postgres_client import Account, PostgresPrograms
from declarative_paas.providers.addons.postgres_port import PostgresPort
from declarative_paas.transfer.copy import CopyRequest, copy_data
from declarative_paas.transfer.meter import CopyProgress


class Clock:
    monotonic = staticmethod(time.monotonic)

    def now(self) -> Any:
        raise AssertionError("a copy needs no time of day")


def port(found: dict[str, Any]) -> PostgresPort:
    return PostgresPort(
        programs=PostgresPrograms(runner=LocalRunner(), bin_dir=found["bin_dir"]),
        database=found["name"],
        owner=Account(
            role=found["name"], password=Sensitive(found["password"]), host=found["host"], port=found["port"]
        ),
    )


def report(progress: CopyProgress) -> None:
    print(progress.phase, flush=True)


def fresh() -> None:
    raise AssertionError("nothing was begun here before")


def main() -> None:
    told = json.loads(Path(sys.argv[1]).read_text())
    identity = CopyIdentity(source_instance=told["source"]["key"], target_instance=told["target"]["key"])
    copy_data(
        CopyRequest(
            identity=identity,
            source=port(told["source"]),
            target=port(told["target"]),
            fresh=fresh,
            parallelism=2,
            clock=Clock(),
            report=report,
        )
    )


if __name__ == "__main__":
    main()
