"""What a plan asks of an engine: as many questions for many dynos as for one."""

from __future__ import annotations

from docker_project import DockerProject
from docker_rig import DockerRig
from engine_doors import counting_door

MOST_CALLS = 12


def test_a_plan_asks_as_much_for_many_dynos_as_for_one(echo: DockerProject, rig: DockerRig):
    path = echo.directory / "engine.sock"
    with counting_door(rig.us.url.removeprefix("unix://"), path) as asked:
        echo.regions["us"]["host"] = f"unix://{path}"
        counts: list[int] = []
        for quantity in (1, 8):
            echo.app("echo", formation={"web": {**echo.apps["echo"]["formation"]["web"], "quantity": quantity}})
            echo.apply()
            asked.clear()
            assert "No changes" in echo.dpaas("plan", "--detailed-exitcode").stdout
            counts.append(len(asked))
    assert counts[0] == counts[1], asked
    assert 0 < counts[1] <= MOST_CALLS, asked
