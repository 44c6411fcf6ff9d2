"""`dpaas history` of what did not end well: what was done, what is unknown, what never began; and `down` meanwhile."""

from __future__ import annotations

import json
import signal
import subprocess
from typing import Any

from cli_case import Stage


def newest(stage: Stage) -> dict[str, Any]:
    entry: dict[str, Any] = json.loads(stage.run("history", "--json").stdout)[0]
    return entry


def slow_apply(stage: Stage, *, until: str, step_s: float = 0.5) -> subprocess.Popen[bytes]:
    """An apply whose every step takes a while, once it has told of an event of this kind."""
    stage.options["latency_s"] = step_s
    stage.write()
    process = stage.start("apply", "--auto-approve", "--json", "--parallelism", "1")
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line)["kind"] == until:
            return process
    raise AssertionError(f"the apply ended without {until}")


def test_a_killed_apply_tells_what_it_did_and_what_nobody_knows(stage: Stage) -> None:
    process = slow_apply(stage, until="step_succeeded")
    assert process.stdout is not None
    # The commit that tells of the first step is the one that the second begins with.
    assert json.loads(process.stdout.readline())["kind"] == "step_started"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    killed = newest(stage)
    done, unknown = killed["summary"]["create"], killed["under_way"]
    assert (killed["outcome"], killed["failures"], killed["steps"]) == ("interrupted", [], 8)
    assert done >= 1
    assert unknown
    made = stage.world.call("audit")["things"] + ("secret.shop" in stage.run("state", "list").stdout)
    assert done <= made <= done + len(unknown)
    shown = stage.run("history").stdout.splitlines()[1]
    assert f"{done} create, {len(unknown)} unknown ({', '.join(unknown)})" in shown
    assert (f"{8 - done - len(unknown)} not begun" in shown) == (done + len(unknown) < 8)


def test_a_failed_apply_tells_what_failed_and_what_waited_for_it(stage: Stage) -> None:
    stage.world.call("fail_on", "release.shop", summary="not today")
    stage.apply(expect=1)
    entry = newest(stage)
    assert (entry["under_way"], entry["failures"]) == ([], ["release.shop: not today"])
    done = entry["summary"]["create"]
    assert f"{done} create, 1 failed, {entry['steps'] - done - 1} not begun" in stage.run("history").stdout


def test_one_that_was_killed_with_everything_done_does_not_run_for_ever(stage: Stage) -> None:
    process = slow_apply(stage, until="apply_finished")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert newest(stage)["outcome"] in ("interrupted", "succeeded")
    assert "No changes" in stage.run("plan").stdout
    assert "running" not in stage.run("history").stdout
    # An apply that finds nothing to do ends it, and then there is nothing to go on with.
    assert "No changes" in stage.apply().stdout
    assert "nothing-to-resume" in stage.run("apply", "--resume", expect=1).stderr


def test_nothing_is_stopped_under_an_apply(stage: Stage) -> None:
    process = slow_apply(stage, until="step_started", step_s=60)
    try:
        running = newest(stage)
        assert (running["outcome"], running["under_way"]) == ("running", ["create app.shop"])
        assert "1 under way (create app.shop), 7 not begun" in stage.run("history").stdout
        refused = stage.run("down", expect=1)
        assert "the state is locked by" in refused.stderr
        assert "stopped" not in refused.stdout
    finally:
        process.kill()
        process.communicate()
    assert "nothing to stop" in stage.run("down").stdout
