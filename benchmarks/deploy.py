"""Deploying the storefront from nothing, beside its unavoidable parts run bare: initdb, the build, the boot."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.measure import CommandFailed
from declarative_paas.providers.addons.binaries import install
from declarative_paas.providers.local.home import SERVICE_USER
from declarative_paas.providers.slugs.account import run_as
from declarative_paas.providers.slugs.stack import Stack, local_stack

STOREFRONT = Path(__file__).parent.parent / "examples" / "storefront"
DPAAS = str(Path(sys.executable).parent / "dpaas")


def deploy_rows() -> list[str]:
    """A table: the whole apply, its parts, and the ratio."""
    with tempfile.TemporaryDirectory(prefix="dpaas-bench-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        user = SERVICE_USER if os.geteuid() == 0 else None
        parts = _parts(directory, user)
        deploy = _deploy(directory / "storefront")
    floor = sum(parts.values())
    lines = ["| deploying the storefront from nothing (3 dynos, PostgreSQL, Valkey) | seconds |", "|---|---|"]
    lines += [f"| bare: {what} | {seconds:.2f} |" for what, seconds in parts.items()]
    lines += [f"| sum of the bare parts | {floor:.2f} |", f"| `dpaas apply` | {deploy:.2f} |"]
    return [*lines, f"| ratio | {deploy / floor:.2f}x |"]


def _deploy(project: Path) -> float:
    shutil.copytree(STOREFRONT, project, ignore=shutil.ignore_patterns(".dpaas"))
    confirm = ["--confirm", "addon.storefront/DATABASE", "--confirm", "addon.storefront/REDIS"]
    try:
        return timed(lambda: run_command([DPAAS, "apply", "--auto-approve"], project))
    finally:
        run_command([DPAAS, "destroy", "--auto-approve", *confirm], project)


def _parts(directory: Path, user: str | None) -> dict[str, float]:
    """Each with nothing of ours around it, one after another, as an apply without parallelism would."""
    identity = run_as(user)
    work = directory / "parts"
    work.mkdir()
    shutil.copytree(STOREFRONT / "shop", work / "shop")
    for path in [work, *work.rglob("*")]:
        if user is not None:
            os.chown(path, identity["user"], identity["group"])
    binaries = install(directory / "home", "postgres")
    stack = local_stack(user, directory / "stack")
    return {
        "initdb": timed(
            lambda: run_command([str(binaries.program("initdb")), "-D", "data", "--auth=trust"], work, **identity)
        ),
        "build (pip install)": timed(lambda: _pip_install(work / "shop", stack, user)),
        "boot (gunicorn to its first answer)": timed(lambda: boot(work / "shop", stack, user)),
    }


def _pip_install(source: Path, stack: Stack, user: str | None) -> None:
    from declarative_paas.providers.slugs.build import build_source
    from declarative_paas.providers.slugs.source import source_digest
    from declarative_paas.providers.slugs.store import SlugStore

    store = source.parent.parent / "bare-slugs"
    store.mkdir()
    build_source(
        source,
        expected_digest=source_digest(source),
        build=None,
        stack=stack,
        store=SlugStore(store),
        user=user,
        on_line=lambda line: None,
        timeout_s=600,
    )


def boot(source: Path, stack: Stack, user: str | None) -> None:
    """A server of the same kind with no database behind it: the time to import and bind."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    archive = next((source.parent.parent / "bare-slugs").glob("*.tar.gz"))
    app = source.parent / "booted"
    app.mkdir()
    app.chmod(0o755)
    subprocess.run(["tar", "-xzf", str(archive), "-C", str(app)], check=True)
    wsgi = "def app(environ, start):\n    start('200 OK', [])\n    return [b'']\n"
    (app / "bare.py").write_text(wsgi, encoding="utf-8")
    environment = {"PATH": f"{app}/vendor/bin:{stack.path}", "PYTHONPATH": f"{app}/vendor:{app}", "HOME": str(app)}
    process = subprocess.Popen(
        ["/bin/sh", "-c", f"exec gunicorn bare:app --bind 127.0.0.1:{port}"],
        cwd=app,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        **run_as(user),
    )
    try:
        until = time.monotonic() + 30
        while time.monotonic() < until:
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.01)
        raise CommandFailed("gunicorn did not bind its port")
    finally:
        process.terminate()
        process.wait()


def run_command(command: list[str], directory: Path, **identity: object) -> str:
    """What it prints. Raises CommandFailed."""
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False, **identity)  # type: ignore[call-overload]
    if done.returncode != 0:
        raise CommandFailed(f"{json.dumps(command)} exited with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return str(done.stdout)


def timed(action: Callable[[], object]) -> float:
    """Seconds of wall clock."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started
