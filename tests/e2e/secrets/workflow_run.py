"""`ci plan` and `ci apply` of the project on a fake forge, and all that they told it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "ci"))

from fake_forge import TOKEN, FakeForge, Pull


@contextmanager
def workflow(directory: Path) -> Iterator[tuple[FakeForge, dict[str, str]]]:
    """A forge that has merged what lies in the directory, and the environment of its job. Leaves no repository."""
    forge = FakeForge("github")
    try:
        _git(directory, "init", "--quiet", "-b", "main")
        _git(directory, "add", "dpaas.yaml")
        _git(directory, "commit", "--quiet", "-m", "base")
        forge.branches["main"] = _git(directory, "rev-parse", "HEAD")
        _git(directory, "checkout", "--quiet", "-b", "change")
        _git(directory, "commit", "--quiet", "--allow-empty", "-m", "change")
        head = _git(directory, "rev-parse", "HEAD")
        _git(directory, "checkout", "--quiet", "main")
        _git(directory, "merge", "--quiet", "--no-ff", "-m", "merge", "change")
        merged = _git(directory, "rev-parse", "HEAD")
        pull = forge.pulls[1] = Pull(1, head, "main", merged_as=merged)
        event = directory / "event.json"
        event.write_text(json.dumps({"pull_request": forge._pull(pull)}))
        yield (
            forge,
            {
                "GITHUB_ACTIONS": "true",
                "GITHUB_EVENT_PATH": str(event),
                "GITHUB_REPOSITORY": "acme/echo",
                "GITHUB_SERVER_URL": forge.origin,
                "GITHUB_API_URL": forge.api,
                "GITHUB_SHA": merged,
                "GITHUB_STEP_SUMMARY": str(directory / "summary.md"),
                "GITHUB_OUTPUT": str(directory / "output.txt"),
            },
        )
    finally:
        shutil.rmtree(directory / ".git", ignore_errors=True)
        forge.close()


def _git(directory: Path, *arguments: str) -> str:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
    done = subprocess.run(
        ["git", *who, *arguments],
        cwd=directory,
        check=True,
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "HOME": str(directory)},
    )
    return done.stdout.strip()


__all__ = ["TOKEN", "workflow"]
