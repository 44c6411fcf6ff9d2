"""An add-on that is replaced with `create_before_destroy`: two real servers' databases for a while, then one."""

from __future__ import annotations

import json

from project import Project


def test_the_app_is_moved_to_the_new_one_before_the_old_one_is_deleted(echo: Project):
    addon = {"plan": "redis:premium-0", "as": "CACHE", "lifecycle": {"create_before_destroy": True}}
    echo.app("echo", addons=[addon])
    echo.apply()
    before = echo.state("addon.echo/CACHE")
    old_url = echo.dpaas("config", "get", "echo", "CACHE_URL").stdout
    done = echo.apply("--json", "--replace", "addon.echo/CACHE", "--confirm", "addon.echo/CACHE")
    steps = [
        f"{event['operation']} {event['address']}"
        for event in map(json.loads, done.stdout.splitlines())
        if event["kind"] == "step_succeeded"
    ]
    assert steps == [
        "create addon.echo/CACHE",
        "update attachment.echo/CACHE",
        "update release.echo",
        "update formation.echo",
        "delete addon.echo/CACHE",
    ]
    after = echo.state("addon.echo/CACHE")
    assert after["instance"] != before["instance"]
    assert after["status"] == "current"
    assert echo.dpaas("config", "get", "echo", "CACHE_URL").stdout != old_url
    assert echo.get("echo")[0] == 200
    assert "No changes" in echo.dpaas("plan", "--detailed-exitcode").stdout
