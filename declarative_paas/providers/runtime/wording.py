"""The words of Heroku's platform log lines, which people and log tools search for. Pure."""

from __future__ import annotations

import re

R14 = "Error R14 (Memory quota exceeded)"
R15 = "Error R15 (Memory quota vastly exceeded)"
STOPPING_SIGTERM = "Stopping all processes with SIGTERM"
STOPPING_SIGKILL = "Stopping process with SIGKILL"
RESTARTING = "Restarting"
CYCLING_LEFTOVERS = "Stopping what an earlier run of this dyno left behind with SIGKILL"


def starting(command: str, port: int | None) -> str:
    """Shows the command with its port filled in, as Heroku does, and no other variable: those may be secret."""
    shown = re.sub(r"\$(?:PORT\b|\{PORT\})", str(port), command) if port is not None else command
    return f"Starting process with command `{shown}`"


def state_changed(before: str, after: str) -> str:
    return f"State changed from {before} to {after}"


def exited(status: int) -> str:
    return f"Process exited with status {status}"


def boot_timeout(seconds: float) -> str:
    return f"Error R10 (Boot timeout) -> Web process failed to bind to $PORT within {seconds:g} seconds of launch"


def exit_timeout(seconds: float) -> str:
    return f"Error R12 (Exit timeout) -> Process failed to exit within {seconds:g} seconds of SIGTERM"


def memory_running(used_mb: float, quota_mb: int) -> str:
    return f"Process running mem={used_mb:.0f}M({100 * used_mb / quota_mb:.1f}%)"


def dropped(lines: int) -> str:
    """Heroku's L-codes say that log lines were lost; ours are lost when the log cannot be written."""
    return f"Error L10 (output buffer overflow): {lines} messages dropped"
