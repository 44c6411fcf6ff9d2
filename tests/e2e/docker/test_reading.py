"""What a plan asks of an engine: as many questions for many dynos as for a few."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from docker_project import DockerProject
from docker_rig import DockerRig
from engine_doors import counting_door

MOST_CALLS = 15
SOME, MANY = 4, 40


def _web(quantity: int) -> Mapping[str, Any]:
    return {"web": {"command": "exec python3 server.py", "size": "standard-1x", "quantity": quantity}}


def test_a_plan_asks_as_much_for_many_dynos_as_for_some(echo: DockerProject, rig: DockerRig):
    path = echo.directory / "engine.sock"
    try:
        with counting_door(rig.us.url.removeprefix("unix://"), path) as asked:
            echo.regions["us"]["host"] = f"unix://{path}"
            counts: list[int] = []
            for quantity in (SOME, MANY):
                echo.app("echo", formation=_web(quantity))
                echo.apply()
                asked.clear()
                assert "No changes" in echo.dpaas("plan", "--detailed-exitcode").stdout
                counts.append(len(asked))
        assert counts[0] == counts[1], asked
        assert 0 < counts[1] <= MOST_CALLS, asked
    finally:
        # Side by side, which is ten times as fast as one by one.
        echo.regions["us"]["host"] = rig.us.url
        echo.write()
        echo.destroy()
