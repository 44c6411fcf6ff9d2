"""`dpaas gc` on this machine: a slug that no release needs is shown and goes; what runs, goes on."""

from __future__ import annotations

import shutil
import uuid

from project import Project


def test_a_slug_that_no_release_needs_goes_and_the_app_goes_on(project: Project):
    project.copy_source("echo")
    web = {"command": "exec python3 server.py", "size": "standard-1x", "quantity": 1}
    project.app("echo", source={"path": "./echo"}, formation={"web": web})
    project.apply()
    assert "Nothing is left over." in project.dpaas("gc").stdout
    slugs = project.directory / ".dpaas" / "regions" / "us" / "slugs"
    known, stray = next(slugs.glob("*.json")).stem, uuid.uuid4().hex
    for ending in ("tar.gz", "json"):
        shutil.copyfile(slugs / f"{known}.{ending}", slugs / f"{stray}.{ending}")

    shown = project.dpaas("gc", "--region", "us").stdout
    assert [line.split()[:3] for line in shown.splitlines()[1:]] == [["us", "slug", stray]]
    assert "Removed: 1." in project.dpaas("gc", "--region", "us", "--prune").stdout
    assert "Nothing is left over." in project.dpaas("gc").stdout
    assert (slugs / f"{known}.tar.gz").exists()
    assert project.get("echo")[0] == 200
    assert "unknown-region" in project.dpaas("gc", "--region", "mars", expect=1).stderr
