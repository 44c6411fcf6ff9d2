"""`dpaas stack build` on the engines of a platform."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from docker_rig import DockerRig

from declarative_paas.providers.docker.engine import stack

PLATFORM = """
apiVersion: paas/v1
kind: Platform
metadata: {{name: acme}}
spec:
  regions:
    us: {{provider: docker, jurisdiction: US, host: "{us}"}}
    eu: {{provider: docker, jurisdiction: EU, host: "{eu}"}}
    here: {{provider: local, jurisdiction: US}}
"""


def dpaas(directory: Path, *words: str) -> subprocess.CompletedProcess[str]:
    program = str(Path(sys.executable).with_name("dpaas"))
    return subprocess.run([program, "stack", "build", *words], cwd=directory, capture_output=True, text=True)


@pytest.fixture
def project(rig: DockerRig, tmp_path: Path) -> Path:
    (tmp_path / "dpaas.yaml").write_text(PLATFORM.format(us=rig.us.url, eu=rig.eu.url))
    return tmp_path


def test_a_stack_gets_one_name_and_one_digest_on_every_docker_region(rig: DockerRig, project: Path) -> None:
    try:
        done = dpaas(project, "--rootfs", str(rig.rootfs), "--name", "debian-12")
        assert (done.returncode, done.stderr) == (0, "")
        for host in rig.hosts:
            assert f"{host.name}: debian-12 is {rig.stack}\n" in done.stdout
            with host.open() as engine:
                assert stack.find_stack(engine, "debian-12").reference == rig.stack
    finally:
        for host in rig.hosts:
            with host.open() as engine:
                engine.api.remove_image(f"{stack.REPOSITORY}:debian-12")


def test_a_region_whose_engine_is_down_does_not_keep_the_others(rig: DockerRig, project: Path) -> None:
    (project / "dpaas.yaml").write_text(PLATFORM.format(us=rig.us.url, eu="unix:///run/no-such-engine.sock"))
    try:
        done = dpaas(project, "--from", rig.stack, "--name", "half")
        assert done.returncode == 1
        assert f"us: half is {rig.stack}\n" in done.stdout
        assert "region eu: connect: the Docker engine at unix:///run/no-such-engine.sock" in done.stderr
    finally:
        with rig.us.open() as engine:
            engine.api.remove_image(f"{stack.REPOSITORY}:half")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "either --rootfs PATH or --from IMAGE"),
        (("--rootfs", "x", "--from", "y"), "either --rootfs PATH or --from IMAGE"),
        (("--from", "x", "--region", "here"), "no region 'here' with provider docker"),
        (("--from", "x", "--region", "ue"), "expected: one of eu, us"),
        (("--rootfs", "nowhere", "--region", "us"), "nowhere is neither a directory nor a tar"),
        (("--from", "127.0.0.1:9/none", "--region", "us"), "cannot be pulled"),
    ],
)
def test_a_mistake_is_told_and_ends_with_1(project: Path, words: tuple[str, ...], told: str) -> None:
    done = dpaas(project, *words)
    assert done.returncode == 1
    assert told in done.stderr
