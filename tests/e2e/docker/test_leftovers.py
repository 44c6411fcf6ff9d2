"""`dpaas gc` on an engine: what belongs to nothing is shown and goes; data, and other people's things, stay."""

from __future__ import annotations

from typing import Any

from docker_project import DockerProject

from declarative_paas.providers.docker.engine.connection import Engine


def test_what_belongs_to_nothing_goes_and_recorded_data_stays(echo: DockerProject, engine: Engine):
    echo.app("echo", addons=[{"plan": "redis:premium-0", "as": "REDIS"}])
    echo.apply()
    assert "Nothing is left over." in echo.dpaas("gc").stdout

    api: Any = engine.api
    ours = {"dpaas.platform": echo.name, "dpaas.region": "us"}
    lost, theirs = f"{echo.name}-lost", f"{echo.name}-theirs"
    api.create_volume(lost, labels=ours)
    api.create_volume(theirs, labels={"dpaas.platform": f"{echo.name}x", "dpaas.region": "us"})
    try:
        # The add-on's container is gone, its data is not: by the records it is no leftover.
        wanted = {"label": [f"dpaas.platform={echo.name}", "dpaas.role=addon"]}
        api.remove_container(api.containers(filters=wanted)[0]["Id"], force=True)
        assert [line.split()[:3] for line in echo.dpaas("gc").stdout.splitlines()[1:]] == [["us", "volume", lost]]
        assert "Removed: 1." in echo.dpaas("gc", "--prune").stdout
        names = {volume["Name"] for volume in api.volumes()["Volumes"]}
        assert lost not in names
        assert theirs in names
        assert "Nothing is left over." in echo.dpaas("gc").stdout
    finally:
        api.remove_volume(theirs)
    echo.apply()
    assert "No changes" in echo.dpaas("plan", "--detailed-exitcode").stdout
