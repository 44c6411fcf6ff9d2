"""The local provider needs no root: the same app, run by a user without any privilege."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import yaml

import declarative_paas
from declarative_paas.providers.slugs.stack import local_stack

USER = "games"
"""A system account of every Debian, Ubuntu and Fedora that is not `nobody`, whom root's dynos run as."""

DEVELOPMENT_ONLY = shutil.ignore_patterns("mypy*", "pyright*", "ruff*", "pip", "__pycache__", "*.pth", "__editable__*")
Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def directory() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="dpaas-user-"))
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def dpaas(directory: Path) -> Iterator[Command]:
    """`dpaas` as the ordinary user, in a project of his."""
    project = directory / "project"
    project.mkdir()
    if os.geteuid() != 0:
        prefix, environment = [sys.executable], dict(os.environ)
    else:
        prefix, environment = _as_user(directory)
        os.chown(project, pwd.getpwnam(USER).pw_uid, -1)
    code = "import sys; from declarative_paas.cli.entry import main; sys.argv[0] = 'dpaas'; main()"

    def run(*arguments: str, expect: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*prefix, "-c", code, *arguments],
            cwd=project,
            env=environment,
            capture_output=True,
            text=True,
            timeout=180,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == expect, done.stdout + done.stderr
        return done

    try:
        yield run
    finally:
        run("down")


def _as_user(directory: Path) -> tuple[list[str], dict[str, str]]:
    """An interpreter that the user can run, and a copy of our packages that he can read."""
    stack = local_stack(USER, directory)
    python = shutil.which("python3", path=stack.path)
    assert python is not None
    wanted = f"{sys.version_info.major}.{sys.version_info.minor}"
    found = subprocess.run([python, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if not found.startswith(f"Python {wanted}."):
        pytest.fail(f"user {USER} can run {found}, but our packages are built for {wanted}")
    packages = directory / "packages"
    shutil.copytree(sysconfig.get_path("purelib"), packages, ignore=DEVELOPMENT_ONLY, symlinks=True)
    package = Path(declarative_paas.__file__).parent
    shutil.copytree(package, packages / package.name, ignore=DEVELOPMENT_ONLY, dirs_exist_ok=True)
    subprocess.run(["chmod", "-R", "a+rX", str(packages)], check=True)
    identity = pwd.getpwnam(USER)
    prefix = ["setpriv", f"--reuid={identity.pw_uid}", f"--regid={identity.pw_gid}", "--clear-groups", python]
    return prefix, {
        "PATH": stack.path,
        "HOME": str(directory / "project"),
        "PYTHONPATH": str(packages),
        "PYTHONDONTWRITEBYTECODE": "1",
        "LANG": "C.UTF-8",
    }


def test_an_app_with_its_database_runs_without_root(dpaas: Command, directory: Path):
    project = directory / "project"
    (project / "site").mkdir()
    (project / "site" / "index.html").write_text("hello", encoding="utf-8")
    documents = [
        {"kind": "Platform", "metadata": {"name": "mine"}, "spec": {"regions": {"us": {"provider": "local"}}}},
        {
            "kind": "App",
            "metadata": {"name": "site"},
            "spec": {
                "region": "us",
                "source": {"path": "./site"},
                "addons": [
                    {"plan": "postgres:standard-0", "as": "DATABASE"},
                    {"plan": "redis:premium-0", "as": "REDIS"},
                ],
                "formation": {"web": {"size": "standard-1x", "quantity": 2, "health": "/"}},
            },
        },
    ]
    (project / "dpaas.yaml").write_text(yaml.safe_dump_all(documents), encoding="utf-8")
    dpaas("apply", "--auto-approve")
    assert "No changes" in dpaas("plan", "--detailed-exitcode").stdout
    assert dpaas("run", "site", "--", "id", "-u").stdout.strip() != "0"
    shown = dpaas("pg", "psql", "site", "--", "--tuples-only", "--command", "SELECT 6 * 7").stdout
    assert shown.strip() == "42"
    owners = {process.info["uids"].real for process in _processes_of(project)}
    assert owners
    assert 0 not in owners
    dpaas("destroy", "--auto-approve", "--confirm", "addon.site/DATABASE", "--confirm", "addon.site/REDIS")
    assert not _processes_of(project)


def _processes_of(project: Path) -> list[psutil.Process]:
    """Living ones: a zombie has no command line."""
    every = psutil.process_iter(["cmdline", "uids"])
    return [process for process in every if str(project) in " ".join(process.info["cmdline"] or ())]
