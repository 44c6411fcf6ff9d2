"""What a person sees and types on a terminal, and what Ctrl-C does."""

from __future__ import annotations

import signal
import subprocess

from cli_case import Stage


def test_an_apply_asks_and_takes_only_yes_for_a_yes(stage: Stage) -> None:
    screen = stage.on_terminal(["apply"], [("Only `yes` is a yes:", "y")], expect=1)
    assert "Nothing was changed." in screen
    assert stage.world.call("audit")["effects"] == 0
    screen = stage.on_terminal(["apply"], [("Only `yes` is a yes:", "yes")], expect=0)
    assert "Applied: 8 created" in screen
    assert stage.run("state", "list").stdout.count("\n") == 8


def test_without_a_terminal_nobody_can_agree(stage: Stage) -> None:
    refused = stage.run("apply", expect=1, stdin="yes\n")
    assert "no-consent" in refused.stderr
    assert "--auto-approve" in refused.stderr
    assert stage.world.call("audit")["effects"] == 0


def test_a_destroy_asks_for_the_name_of_the_platform(stage: Stage) -> None:
    stage.apply()
    command = ["destroy", "--confirm", "addon.shop/DATABASE"]
    stage.on_terminal(command, [("platform's name (acme)", "yes")], expect=1)
    assert stage.run("state", "list").stdout.count("\n") == 8
    stage.on_terminal(command, [("platform's name (acme)", "acme")], expect=0)
    assert stage.run("state", "list").stdout == ""


def test_running_steps_are_shown_in_place_on_a_terminal(stage: Stage) -> None:
    stage.options["latency_s"] = 1.0
    stage.write()
    screen = stage.on_terminal(["apply", "--auto-approve"], [], expect=0)
    assert "of 8 steps done" in screen
    assert "\x1b[J" in screen
    assert "formation.shop: created" in screen


def test_colour_is_for_terminals_whose_person_did_not_decline_it(stage: Stage) -> None:
    assert "\x1b[1m" in stage.on_terminal(["plan"], [], expect=0, colour=True)
    assert "\x1b[" not in stage.on_terminal(["plan", "--no-color"], [], expect=0, colour=True)
    assert "\x1b[" not in stage.on_terminal(["plan"], [], expect=0)


def test_a_secret_typed_on_a_terminal_is_not_shown(stage: Stage) -> None:
    screen = stage.on_terminal(["secrets", "set", "shop/token"], [("Value of shop/token:", "hunter2hunter2")], expect=0)
    assert "Stored shop/token, version 1." in screen
    assert "hunter2" not in screen


def interrupted(stage: Stage, *numbers: signal.Signals, until: bytes) -> tuple[int, str]:
    """Starts an apply, and sends the signals once a line says `until`, each after the answer to the one before."""
    running = stage.start("apply", "--auto-approve")
    assert running.stdout is not None
    assert running.stderr is not None
    try:
        for line in iter(running.stdout.readline, b""):
            if until in line:
                break
        told = b""
        for number in numbers:
            running.send_signal(number)
            told += running.stderr.readline()
        out, err = running.communicate(timeout=60)
    except BaseException:
        running.kill()
        running.communicate()
        raise
    return running.returncode, (told + out + err).decode()


def test_the_first_ctrl_c_lets_running_steps_finish_and_starts_no_other(stage: Stage) -> None:
    stage.options["latency_s"] = 1.0
    stage.write()
    code, told = interrupted(stage, signal.SIGINT, until=b"addon.shop/DATABASE: creating")
    assert code == 130
    assert "Stopping: running steps finish" in told
    assert "addon.shop/DATABASE: created" in told
    assert "release.shop" not in told.split("Stopping")[1]
    assert "Interrupted:" in told
    assert "formation.shop" not in stage.run("state", "list").stdout
    stage.options["latency_s"] = 0
    stage.write()
    stage.apply()
    stage.run("plan", "--detailed-exitcode")
    assert stage.world.call("audit")["duplicates"] == []


def test_the_second_ctrl_c_stops_now_and_the_next_apply_recovers(stage: Stage) -> None:
    stage.options["latency_s"] = 30.0
    stage.write()
    code, told = interrupted(stage, signal.SIGINT, signal.SIGINT, until=b"app.shop: creating")
    assert code == 130
    assert "Stopping now." in told
    stage.options["latency_s"] = 0
    stage.write()
    stage.apply()
    stage.run("plan", "--detailed-exitcode")
    audit = stage.world.call("audit")
    assert audit["duplicates"] == []
    assert audit["things"] == 7


def test_a_termination_is_an_interruption_too(stage: Stage) -> None:
    stage.options["latency_s"] = 1.0
    stage.write()
    code, told = interrupted(stage, signal.SIGTERM, until=b"app.shop: creating")
    assert code == 130
    assert "Stopping: running steps finish" in told
    assert "locked" not in stage.apply().stderr


def test_a_killed_apply_is_taken_up_by_the_next(stage: Stage) -> None:
    stage.options["latency_s"] = 30.0
    stage.write()
    running: subprocess.Popen[bytes] = stage.start("apply", "--auto-approve")
    assert running.stdout is not None
    try:
        for line in iter(running.stdout.readline, b""):
            if b"app.shop: creating" in line:
                break
    finally:
        running.kill()
        running.communicate()
    stage.options["latency_s"] = 0
    stage.write()
    assert "app.shop" in stage.run("plan").stdout
    stage.apply()
    stage.run("plan", "--detailed-exitcode")
    audit = stage.world.call("audit")
    assert audit["duplicates"] == []
    assert audit["things"] == 7
