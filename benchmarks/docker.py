"""A Docker region beside the same engine driven by nothing but its API: the floor that no tool gets below.

    python -m benchmarks.docker

On the engine that DPAAS_TEST_DOCKER_US names, or one of its own (see tests/docker_rig.py: needs root).
"""

from __future__ import annotations

import ipaddress
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeAlias

TESTS = Path(__file__).parent.parent / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "e2e" / "docker"), str(TESTS / "e2e" / "local")]

from docker_project import DockerProject, echo_project  # noqa: E402
from docker_rig import DockerRig, RigFailed, docker_rig  # noqa: E402
from project import DPAAS  # noqa: E402

from benchmarks.latency import Sample, TimedLoad, failed, p99_ms  # noqa: E402
from benchmarks.measure import CommandFailed  # noqa: E402
from declarative_paas.providers.docker.doors import Doors  # noqa: E402
from declarative_paas.providers.docker.engine.connection import Engine  # noqa: E402
from declarative_paas.providers.docker.engine.dyno_container import PORT, Dyno, dyno_config  # noqa: E402
from declarative_paas.providers.docker.engine.labels import Labels, object_name  # noqa: E402
from declarative_paas.providers.docker.services.router import ROLE as ROUTER  # noqa: E402

DYNOS = 20
MANY = 100
PARALLEL = (4, 8, 16)
PLANS = 5
ROUNDS = 3
ROLLED = 4
QUIET_S = 10
RAW_POOL = ipaddress.IPv4Network("10.211.0.0/16")

Span: TypeAlias = tuple[float, float]
"""Of `time.monotonic`."""


def main() -> None:
    print("\n".join(docker_rows()))


def docker_rows() -> list[str]:
    """Tables: dynos from nothing, bare and by us; a plan that changes nothing; a deploy that people look at."""
    try:
        with docker_rig() as rig:
            return [*_scaling(rig), "", *_rolling_deploy(rig)]
    except RigFailed as problem:
        return [f"Docker regions were not measured: {problem}."]


def _scaling(rig: DockerRig) -> list[str]:
    project = echo_project(rig)
    try:
        _scale(project, 1)
        raw: dict[int, list[float]] = {count: [] for count in PARALLEL}
        ours: list[float] = []
        # By turns, and the best of each: an engine's speed differs from minute to minute.
        for _ in range(ROUNDS):
            with rig.us.open() as engine:
                image = _image(project, engine)
                for count in PARALLEL:
                    raw[count].append(_raw(engine, project, image, count))
            ours.append(_scale(project, 1 + DYNOS))
            _scale(project, 1)
        grown = _scale(project, MANY)
        plans = [_timed(lambda: project.dpaas("plan", "--detailed-exitcode")) for _ in range(PLANS)]
    finally:
        project.close()
    best = min(min(seconds) for seconds in raw.values())
    return [
        f"| {DYNOS} dynos from nothing until they listen, best of {ROUNDS} | seconds |",
        "|---|---|",
        *(f"| the engine's API alone, {count} at once | {min(seconds):.2f} |" for count, seconds in raw.items()),
        f"| `dpaas apply` | {min(ours):.2f} |",
        f"| ratio to the best | {min(ours) / best:.2f}x |",
        "",
        f"| {MANY} running dynos | seconds |",
        "|---|---|",
        f"| `dpaas apply`, {MANY - 1} more | {grown:.2f} |",
        f"| `dpaas plan` without a change, median of {PLANS} | {statistics.median(plans):.2f} |",
    ]


def _rolling_deploy(rig: DockerRig) -> list[str]:
    """A new source for four dynos. Client, router, dynos and engine share the machine's processors."""
    project = echo_project(rig)
    try:
        _scale(project, ROLLED)
        load = TimedLoad(project.url("echo")).start()
        time.sleep(1)
        quiet = _span(lambda: time.sleep(QUIET_S))
        server = project.directory / "echo" / "server.py"
        server.write_text(server.read_text(encoding="utf-8") + "# another release\n", encoding="utf-8")
        deploy, switch = _watched_apply(project)
        time.sleep(1)
        load.stop()
    finally:
        project.close()
    rows = [
        ("nothing going on", quiet),
        ("the whole deploy: build, four new dynos", deploy),
        ("from the switch to the end of the deploy", switch),
    ]
    return [
        f"| a rolling deploy of {ROLLED} dynos under load | seconds | requests | failed | p99, ms |",
        "|---|---|---|---|---|",
        *(_latency_row(what, span, load.between(*span)) for what, span in rows),
    ]


def _latency_row(what: str, span: Span, samples: list[Sample]) -> str:
    seconds = span[1] - span[0]
    return f"| {what} | {seconds:.1f} | {len(samples)} | {len(failed(samples))} | {p99_ms(samples):.1f} |"


def _watched_apply(project: DockerProject) -> tuple[Span, Span]:
    """When the apply began and ended; and when it came to switch the router."""
    began = time.monotonic()
    switched = began
    command = [DPAAS, "apply", "--auto-approve"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, cwd=project.directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as apply:
        assert apply.stdout is not None
        for line in apply.stdout:
            if "switching the router" in line:
                switched = time.monotonic()
    if apply.returncode != 0:
        raise CommandFailed(f"the apply ended with {apply.returncode}")
    ended = time.monotonic()
    return (began, ended), (switched, ended)


def _span(action: Callable[[], None]) -> Span:
    began = time.monotonic()
    action()
    return began, time.monotonic()


def _scale(project: DockerProject, quantity: int) -> float:
    # Without a health path: that is a question more to each dyno than the bare loop asks.
    web = {"command": "exec python3 server.py", "size": "standard-1x", "quantity": quantity}
    project.app("echo", formation={"web": web})
    return _timed(lambda: project.dpaas("apply", "--auto-approve", timeout=600))


def _raw(engine: Engine, project: DockerProject, image: str, at_once: int) -> float:
    """The same containers on networks of the same kind, made, started and waited for in threads."""
    labels = Labels(platform=project.name, region="raw", role="dyno")
    # Anywhere in the pool: a run that was killed has left its networks.
    subnets = random.sample(list(RAW_POOL.subnets(new_prefix=29)), DYNOS)
    api: Any = engine.api
    doors = Doors(engine, object_name(Labels(platform=project.name, region="us"), ROUTER))

    def make(number: int) -> None:
        from docker.types import IPAMConfig, IPAMPool

        name, subnet = f"{project.name}-raw-{number}", subnets[number]
        api.create_network(name, ipam=IPAMConfig(pool_configs=[IPAMPool(subnet=str(subnet))]), labels=labels.to_map())
        dyno = Dyno(
            name=name,
            image=image,
            command="exec python3 server.py",
            labels=labels,
            environment={},
            network=name,
            memory_mb=512,
            memory_kill_mb=1024,
            cpu_share=1,
            pids=256,
            port=PORT,
        )
        api.create_container_from_config({**dyno_config(dyno), "Labels": labels.to_map()}, name)
        api.start(name)
        address = api.inspect_container(name)["NetworkSettings"]["Networks"][name]["IPAddress"]
        if not doors.wait_open(address, PORT, timeout_s=60):
            raise CommandFailed(f"{name} did not listen")

    def remove(number: int) -> None:
        api.remove_container(f"{project.name}-raw-{number}", force=True, v=True)
        api.remove_network(f"{project.name}-raw-{number}")

    with ThreadPoolExecutor(at_once) as pool:
        seconds = _timed(lambda: list(pool.map(make, range(DYNOS))))
        list(pool.map(remove, range(DYNOS)))
    return seconds


def _image(project: DockerProject, engine: Engine) -> str:
    wanted = [f"dpaas.platform={project.name}", "dpaas.role=slug"]
    found: Any = engine.api.images(filters={"label": wanted})
    return str(found[0]["Id"])


def _timed(action: Callable[[], Any]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
