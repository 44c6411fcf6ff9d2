"""The same kill loop on `terraform`, where there is one: what a SIGKILL in mid-apply leaves behind.

100 `terraform_data` resources. The effect of each on the world is a line that its `local-exec` writes, so that what
was made can be asked of the world and not of the state.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

RESOURCES, KILLS = 100, 8

MAIN_TF = """
resource "terraform_data" "item" {{
  count = {count}
  input = count.index
  provisioner "local-exec" {{
    command = "echo ${{count.index}} >> world.txt"
  }}
}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """After one kill, and after the next apply."""

    killed_after_s: float
    made: int
    recorded: int | None  # None: the state cannot be read
    lock_file: bool
    next_apply: str
    made_twice: int
    never_made: int

    def __str__(self) -> str:
        recorded = "unreadable" if self.recorded is None else str(self.recorded)
        lock = "left" if self.lock_file else "none"
        return (
            f"{self.killed_after_s:>8.2f} s{self.made:>7}{recorded:>12}{lock:>11}{self.next_apply:>13}"
            f"{self.made_twice:>12}{self.never_made:>12}"
        )


def run_terraform() -> None:
    """Prints the loop's table, or that there is no terraform to compare with."""
    if shutil.which("terraform") is None:
        print("terraform: not on PATH, not compared")
        return
    version = json.loads(_output(Path.cwd(), "version", "-json"))["terraform_version"]
    print(f"terraform {version}, {RESOURCES} terraform_data, killed at {KILLS} moments of an apply")
    print(
        f"{'killed after':<12}{'made':>5}{'recorded':>12}{'lock file':>11}{'next apply':>13}"
        f"{'made twice':>12}{'never made':>12}"
    )
    total = [_kill_once(share) for share in _shares(_whole_apply_s())]
    for left in total:
        print(left)
    lost = sum(left.made_twice for left in total)
    failed = sum(left.next_apply != "ok" for left in total)
    missing = sum(left.never_made for left in total)
    print(
        f"made twice: {lost}; recorded and never made: {missing}; "
        f"applies that failed after a kill: {failed} of {len(total)}"
    )


def _shares(whole_s: float) -> list[float]:
    return [whole_s * (number + 0.5) / KILLS for number in range(KILLS)]


def _whole_apply_s() -> float:
    with tempfile.TemporaryDirectory(prefix="terraform-") as name:
        directory = _project(Path(name))
        started = time.monotonic()
        _output(directory, *_APPLY)
        return time.monotonic() - started


_APPLY = ("apply", "-auto-approve", "-input=false", "-no-color", "-lock-timeout=5s")


def _kill_once(after_s: float) -> Left:
    with tempfile.TemporaryDirectory(prefix="terraform-") as name:
        directory = _project(Path(name))
        process = subprocess.Popen(
            ["terraform", *_APPLY],
            cwd=directory,
            env=_environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            process.wait(after_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        made = _world(directory)
        recorded = _recorded(directory)
        lock_file = (directory / ".terraform.tfstate.lock.info").exists()
        again = subprocess.run(["terraform", *_APPLY], cwd=directory, env=_environment(), capture_output=True)
        after = _world(directory)
        return Left(
            killed_after_s=after_s,
            made=len(made),
            recorded=recorded,
            lock_file=lock_file,
            next_apply="ok" if again.returncode == 0 else "failed",
            made_twice=sum(count > 1 for count in after.values()),
            never_made=RESOURCES - len(after),
        )


def _project(directory: Path) -> Path:
    (directory / "main.tf").write_text(MAIN_TF.format(count=RESOURCES))
    _output(directory, "init", "-input=false", "-no-color")
    return directory


def _output(directory: Path, *arguments: str) -> str:
    return subprocess.run(
        ["terraform", *arguments], cwd=directory, env=_environment(), capture_output=True, text=True, check=True
    ).stdout


def _environment() -> dict[str, str]:
    return {**os.environ, "CHECKPOINT_DISABLE": "1"}


def _world(directory: Path) -> Counter[str]:
    """How often each was made."""
    file = directory / "world.txt"
    return Counter(file.read_text().split()) if file.exists() else Counter()


def _recorded(directory: Path) -> int | None:
    file = directory / "terraform.tfstate"
    if not file.exists():
        return 0
    try:
        resources = json.loads(file.read_text())["resources"]
    except ValueError:
        return None
    return sum(len(resource["instances"]) for resource in resources)
