"""A repository on a fake forge: a real git server, clones of it as a workflow's jobs get them, a memory platform."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml
from fake_forge import ME, TOKEN, FakeForge, Pull
from git_server import GitServer

from declarative_paas.providers.memory.remote import RemoteWorld

DPAAS = [sys.executable, "-m", "declarative_paas.cli"]
CONTEXT = "dpaas/acme/default/main"


class Workshop:
    """`remote` is what the git server holds; every job works in a clone of its own. Removed by `close`."""

    def __init__(self, platform: str) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="dpaas-ci-"))
        self.forge = FakeForge(platform)
        self.platform = platform
        self.world_process = subprocess.Popen(
            [sys.executable, "-m", "declarative_paas.providers.memory.remote", str(self.root / "world.sock")],
            stdout=subprocess.PIPE,
        )
        assert self.world_process.stdout is not None
        assert self.world_process.stdout.readline() == b"ready\n"
        self.remote, self.work = self.root / "remote.git", self.root / "work"
        self.state = self.root / "state.db"
        self.key = base64.urlsafe_b64encode(b"k" * 32)
        self.output = ""
        self._jobs = 0
        self.git("init", "--quiet", "--bare", "-b", "main", str(self.remote), cwd=self.root)
        self.git("init", "--quiet", "-b", "main", str(self.work), cwd=self.root)
        self.server = GitServer(self.root)
        self.git("remote", "add", "origin", f"{self.server.url}/remote.git")
        self.write_app("shop")
        self.commit("first")
        self.push("main")

    def close(self) -> None:
        self.server.close()
        self.forge.close()
        self.world_process.kill()
        self.world_process.wait()
        assert self.world_process.stdout is not None
        self.world_process.stdout.close()
        shutil.rmtree(self.root)

    def git(self, *arguments: str, cwd: Path | None = None) -> str:
        name = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
        done = subprocess.run(
            ["git", *name, *arguments],
            cwd=cwd or self.work,
            check=True,
            capture_output=True,
            text=True,
            env={"PATH": os.environ["PATH"], "HOME": str(self.root)},
        )
        return done.stdout.strip()

    def write_app(self, name: str, **spec: Any) -> None:
        """An app with a file and a source of its own, beside the Platform."""
        home = self.work / "apps" / name
        (home / "src").mkdir(parents=True, exist_ok=True)
        (home / "src" / "index.html").write_text(f"<h1>{name}</h1>\n")
        told = {"region": "us", "source": {"path": "./src"}, "config": {"LOG_LEVEL": "info"}, **spec}
        told.setdefault("formation", {"web": {"command": "./serve", "size": "standard-1x", "quantity": 1}})
        document = {"kind": "App", "metadata": {"name": name}, "spec": told}
        (home / "app.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
        options = {"socket": str(self.root / "world.sock")}
        platform = {
            "kind": "Platform",
            "metadata": {"name": "acme"},
            "spec": {
                "state": f"sqlite:{self.state}",
                "regions": {"us": {"provider": "memory", "options": options}},
            },
        }
        (self.work / "dpaas.yaml").write_text(yaml.safe_dump(platform, sort_keys=False))
        (self.work / ".gitignore").write_text(".dpaas/\n")

    def commit(self, message: str) -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def push(self, branch: str) -> None:
        self.git("push", "--quiet", "--force", "origin", f"HEAD:{branch}")
        self.forge.branches[branch] = self.git("rev-parse", "HEAD")

    def branch(self, name: str = "change") -> None:
        self.git("checkout", "--quiet", "-B", name, "origin/main")

    def propose(self, number: int = 1, *, is_fork: bool = False) -> Pull:
        """Pushes what is checked out as the pull request's branch."""
        self.push("change")
        head = self.git("rev-parse", "HEAD")
        pull = self.forge.pulls.setdefault(number, Pull(number, head, "main", is_fork))
        pull.head = head
        return pull

    def checkout_merge(self, pull: Pull, base: str = "origin/main") -> Path:
        """A job's clone with the merge of the pull request checked out, as the forge makes it."""
        self._jobs += 1
        clone = self.root / f"job{self._jobs}"
        self.git("clone", "--quiet", f"{self.server.url}/remote.git", str(clone), cwd=self.root)
        self.git("checkout", "--quiet", "--detach", base, cwd=clone)
        self.git("merge", "--quiet", "--no-ff", "-m", "merge", pull.head, cwd=clone)
        self._give_key(clone)
        return clone

    def merge(self, pull: Pull) -> Path:
        """Merges it into main; the clone of the job that runs then."""
        self.git("checkout", "--quiet", "-B", "main", "origin/main")
        self.git("merge", "--quiet", "--no-ff", "-m", "merge", pull.head)
        self.push("main")
        self.git("fetch", "--quiet", "origin")
        pull.merged_as = self.git("rev-parse", "HEAD")
        self._jobs += 1
        clone = self.root / f"job{self._jobs}"
        self.git("clone", "--quiet", f"{self.server.url}/remote.git", str(clone), cwd=self.root)
        self._give_key(clone)
        return clone

    def _give_key(self, clone: Path) -> None:
        (clone / ".dpaas").mkdir(mode=0o700)
        (clone / ".dpaas" / "secret.key").write_bytes(self.key + b"\n")

    def surroundings(self, clone: Path, pull: Pull | None) -> dict[str, str]:
        """What the forge's runner puts into the environment."""
        sha = self.git("rev-parse", "HEAD", cwd=clone)
        if self.platform == "gitlab":
            told = {
                "GITLAB_CI": "true",
                "CI_API_V4_URL": self.forge.api,
                "CI_PROJECT_ID": "42",
                "CI_PROJECT_URL": f"{self.forge.origin}/acme/shop",
                "CI_COMMIT_SHA": sha,
                "CI_JOB_URL": f"{self.forge.origin}/jobs/1",
                "GITLAB_TOKEN": TOKEN,
            }
            if pull is not None:
                told |= {
                    "CI_MERGE_REQUEST_IID": str(pull.number),
                    "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": pull.base,
                    "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": pull.head,
                    "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "7" if pull.is_fork else "42",
                    "CI_MERGE_REQUEST_PROJECT_ID": "42",
                }
            return told
        event = clone.parent / f"{clone.name}.event.json"
        told_of = {} if pull is None else {"pull_request": self.forge._pull(pull)}
        event.write_text(json.dumps({"ref": "refs/heads/main", **told_of}))
        return {
            **({"GITEA_ACTIONS": "true"} if self.platform == "gitea" else {}),
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_REPOSITORY": "acme/shop",
            "GITHUB_SERVER_URL": self.forge.origin,
            "GITHUB_API_URL": self.forge.api,
            "GITHUB_SHA": sha,
            "GITHUB_RUN_ID": "12",
            "GITHUB_STEP_SUMMARY": str(clone.parent / f"{clone.name}.summary"),
            "GITHUB_OUTPUT": str(clone.parent / f"{clone.name}.output"),
            "GITHUB_TOKEN": TOKEN,
        }

    def dpaas(
        self,
        clone: Path,
        *arguments: str,
        pull: Pull | None = None,
        expect: int = 0,
        more: dict[str, str] | None = None,
        without: tuple[str, ...] = (),
    ) -> str:
        """Runs a job's command; what it printed. Fails the test on another exit code, or a token in sight."""
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("DPAAS_", "GITHUB_", "GITLAB_", "GITEA_", "CI_"))
        }
        environment |= {**self.surroundings(clone, pull), "NO_COLOR": "1", **(more or {})}
        for name in without:
            environment.pop(name, None)
        done = subprocess.run(
            [*DPAAS, *arguments], cwd=clone, capture_output=True, text=True, timeout=120, env=environment
        )
        told = done.stdout + done.stderr
        self.output += told
        assert done.returncode == expect, f"exit code {done.returncode}, not {expect}: {told}"
        assert "Traceback" not in told and "internal error" not in told, told
        assert TOKEN not in told
        assert self.forge.mistakes == []
        return told

    def plan(self, pull: Pull, *arguments: str, expect: int = 0, **more: Any) -> str:
        return self.dpaas(self.checkout_merge(pull), "ci", "plan", *arguments, pull=pull, expect=expect, **more)

    def outputs(self, job: int | None = None) -> dict[str, str]:
        text = (self.root / f"job{job or self._jobs}.output").read_text()
        lines, found = text.split("\n"), {}
        while lines and "<<" in lines[0]:
            name, end = lines.pop(0).split("<<")
            found[name] = "\n".join(lines[: lines.index(end)])
            lines = lines[lines.index(end) + 1 :]
        return found

    @property
    def world(self) -> RemoteWorld:
        return RemoteWorld(str(self.root / "world.sock"))

    def things(self) -> int:
        return int(self.world.call("audit")["things"])

    def leaks(self) -> list[str]:
        """Every file that holds the token, and every comment or status that does."""
        files = [str(path) for path in self.root.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]
        told = [item["body"] for item in self.forge.comments] + [item["description"] for item in self.forge.statuses]
        return files + [text for text in told if TOKEN in text]


__all__ = ["CONTEXT", "ME", "TOKEN", "Workshop"]
