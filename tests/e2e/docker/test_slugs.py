"""Stacks and slugs: made once for the same content, on one engine and from one to another; a failure leaves nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from docker_case import SERVE, SERVER, Case
from docker_rig import DockerRig

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.docker.engine import inventory, stack
from declarative_paas.providers.docker.engine.connection import Engine
from declarative_paas.providers.docker.engine.containers import last_lines
from declarative_paas.providers.docker.engine.images import ensure_image
from declarative_paas.providers.docker.engine.labels import Labels
from declarative_paas.providers.docker.engine.slug_build import build_slug
from declarative_paas.providers.docker.engine.slug_image import find_slug, list_slugs, remove_slug
from declarative_paas.providers.docker.engine.slug_ship import ship
from declarative_paas.providers.slugs.source import SourceError, source_digest


@pytest.fixture
def europe(rig: DockerRig, owner: Labels) -> Iterator[Case]:
    """The same platform's region on the other engine."""
    with rig.eu.open() as engine:
        yield Case(engine, replace(owner, region="eu"))


def left_of_builds(engine: Engine, owner: Labels) -> list[str]:
    there = inventory.place_of(owner)
    networks = [network.name for network in inventory.networks(engine, there)]
    return [container.name for container in inventory.containers(engine, there)] + networks


def test_a_slug_is_built_once_and_runs(case: Case) -> None:
    files = {"server.py": SERVER, "Procfile": f"web: {SERVE}\n", "empty/.keep": ""}
    first = case.build(files)
    second = case.build(files)
    assert (first.built, second.built) == (True, False)
    assert (first.id, first.key) == (second.id, second.key)
    assert first.process_types == {"web": SERVE}
    assert [slug.key for slug in list_slugs(case.engine, case.owner)] == [first.key]
    assert left_of_builds(case.engine, case.owner) == []
    case.start(case.dyno(first, "web.1", first.process_types["web"]))


def test_another_source_another_recipe_and_another_stack_are_other_slugs(case: Case) -> None:
    one = case.build({"a.txt": "1"})
    assert case.build({"a.txt": "2"}).key != one.key
    assert case.build({"a.txt": "1"}, build="true").key != one.key


def test_a_build_runs_as_nobody_in_app_and_its_output_is_told_line_by_line(case: Case) -> None:
    slug = case.build({"a.txt": ""}, build="id -u; pwd; printf 'no line end'; echo made > made.txt")
    assert case.printed[1:4] == ["65534", "/app", "no line end"]
    dyno = case.dyno(slug, "worker.1", "cat made.txt; ls -ld made.txt", restarts=False)
    case.start(dyno, listening=False)
    case.engine.api.wait(dyno.name, timeout=30)
    lines = last_lines(case.engine, dyno.name)
    assert lines[0] == "made" and " nobody nogroup " in lines[1]


def test_a_build_has_no_capability_and_cannot_get_one(case: Case) -> None:
    case.build({"a.txt": ""}, build="grep -E '^(CapEff|CapPrm|CapAmb|NoNewPrivs)' /proc/self/status")
    assert [line.split()[1] for line in case.printed[1:5]] == ["0" * 16, "0" * 16, "0" * 16, "1"]


def test_a_build_that_fails_is_told_with_its_last_lines_and_leaves_nothing(case: Case) -> None:
    with pytest.raises(ProviderError) as raised:
        case.build({"a.txt": ""}, build="for n in $(seq 60); do echo line $n; done; exit 9")
    assert raised.value.kind is ErrorKind.FAILED
    assert str(raised.value).endswith("exited with status 9")
    assert raised.value.detail[-1] == "line 60" and len(raised.value.detail) == 50
    assert left_of_builds(case.engine, case.owner) == []
    assert list_slugs(case.engine, case.owner) == []


def test_a_build_that_takes_too_long_is_ended(case: Case) -> None:
    with pytest.raises(ProviderError, match="did not end in time"):
        case.build({"a.txt": ""}, build="echo begun; sleep 300", timeout_s=3)
    assert left_of_builds(case.engine, case.owner) == []


def test_what_a_killed_build_left_does_not_stand_in_the_way(case: Case) -> None:
    """A killed apply leaves its build container and network: the next one makes them anew."""
    files = {"a.txt": "again"}

    class Killed(BaseException):
        pass

    key = ""

    def die(line: str) -> None:
        raise Killed

    directory = case.source(files)
    remove = case.engine.api.remove_container
    try:
        # The kill: nothing that would clean up reaches the engine any more.
        case.engine.api.remove_container = lambda *_, **__: None  # type: ignore[method-assign]
        with pytest.raises(Killed):
            build_slug(
                case.engine,
                case.owner,
                case.stack,
                directory,
                expected_digest=source_digest(directory),
                build="true",
                pool=case.pool,
                on_line=die,
                timeout_s=60,
            )
    finally:
        case.engine.api.remove_container = remove  # type: ignore[method-assign]
        shutil.rmtree(directory)
    assert len(left_of_builds(case.engine, case.owner)) > 0
    key = case.build(files, build="true").key
    assert find_slug(case.engine, case.owner, key) is not None
    assert left_of_builds(case.engine, case.owner) == []


def test_a_source_that_changed_since_the_plan_is_not_built(case: Case) -> None:
    directory = case.source({"a.txt": "1"})
    try:
        with pytest.raises(SourceError, match="plan again"):
            build_slug(
                case.engine,
                case.owner,
                case.stack,
                directory,
                expected_digest="0" * 64,
                build=None,
                pool=case.pool,
                on_line=case.printed.append,
                timeout_s=60,
            )
    finally:
        shutil.rmtree(directory)
    assert list_slugs(case.engine, case.owner) == []


def test_a_static_site_is_served(case: Case) -> None:
    slug = case.build({"index.html": "<h1>hello</h1>"})
    case.start(case.dyno(slug, "web.1", slug.process_types["web"], environment=slug.runtime_env))


def test_requirements_are_installed_where_the_app_finds_them(case: Case) -> None:
    """From a source of its own, without a registry."""
    setup = "from setuptools import setup; setup(name='greeting', version='1', py_modules=['greeting'])"
    files = {
        "requirements.txt": "./greeting\n",
        "greeting/greeting.py": "text = 'installed'",
        "greeting/setup.py": setup,
        "greeting/pyproject.toml": "",
    }
    install = "python3 -m pip install --no-build-isolation --no-index --target vendor -r requirements.txt"
    slug = case.build(files, build=install)
    command = "cd / && python3 -c 'import greeting; print(greeting.text, greeting.__file__)'"
    dyno = case.dyno(slug, "worker.1", command, environment=slug.runtime_env, restarts=False)
    case.start(dyno, listening=False)
    case.engine.api.wait(dyno.name, timeout=30)
    assert last_lines(case.engine, dyno.name) == ["installed /app/vendor/greeting.py"]


def test_a_slug_is_shipped_to_another_engine_once_and_runs_there(case: Case, europe: Case) -> None:
    made = case.build({"server.py": SERVER, "big.bin": os.urandom(1000).hex() * 1500}, build="ln -s server.py link")
    shipped = ship(case.engine, europe.engine, case.owner, europe.owner, made.key)
    again = ship(case.engine, europe.engine, case.owner, europe.owner, made.key)
    assert (shipped.key, shipped.id) == (made.key, again.id)
    assert (shipped.stack, shipped.size_bytes, shipped.process_types) == (made.stack, made.size_bytes, {})
    assert left_of_builds(case.engine, case.owner) == left_of_builds(europe.engine, europe.owner) == []
    dyno = europe.dyno(shipped, "web.1")
    europe.start(dyno)
    listing = "cd /app && ls -ln | tail -n +2 | awk '{print $1,$3,$4,$5}' && cat big.bin link | sha256sum"
    there = europe.shell(dyno.name, listing)
    local = case.dyno(made, "web.1")
    case.start(local)
    assert there == case.shell(local.name, listing) != ""


def test_a_slug_is_not_shipped_to_another_stack(case: Case, europe: Case, rig: DockerRig) -> None:
    made = case.build({"a.txt": ""})
    labels = case.engine.api.inspect_image(made.id)["Config"]["Labels"] | {"dpaas.stack": "another"}
    other = made.key[::-1]
    container: Any = case.engine.api.create_container(made.id, ["sh"], labels=case.owner.to_map())
    tag = f"{case.owner.place}.{other}"
    case.engine.api.commit(container["Id"], repository="dpaas/slug", tag=tag, conf={"Labels": labels})
    with pytest.raises(ProviderError, match="has no such stack") as raised:
        ship(case.engine, europe.engine, case.owner, europe.owner, other)
    assert raised.value.kind is ErrorKind.INVALID
    with pytest.raises(ProviderError, match="is not on"):
        ship(case.engine, europe.engine, case.owner, europe.owner, "0" * 32)


def test_a_slug_in_use_is_not_removed_and_one_out_of_use_is(case: Case) -> None:
    slug = case.build({"server.py": SERVER})
    dyno = case.dyno(slug, "web.1")
    case.start(dyno)
    with pytest.raises(ProviderError) as raised:
        remove_slug(case.engine, case.owner, slug.key)
    assert raised.value.kind is ErrorKind.TRANSIENT
    case.engine.api.remove_container(dyno.name, force=True, v=True)
    assert remove_slug(case.engine, case.owner, slug.key) is True
    assert remove_slug(case.engine, case.owner, slug.key) is False


def test_the_same_root_file_system_is_the_same_stack_on_every_engine(rig: DockerRig) -> None:
    found = []
    for host in rig.hosts:
        with host.open() as engine:
            before = len(engine.api.images(all=True))
            found.append(stack.build_from_rootfs(engine, rig.rootfs, name="default").digest)
            assert len(engine.api.images(all=True)) == before
    assert len(set(found)) == 1


def test_a_directory_becomes_a_stack_by_its_content(case: Case, tmp_path: Path) -> None:
    """A tiny one: the programs a stack needs, in one static busybox, with a python3 that only has the name."""
    tree = tmp_path / "rootfs"
    (tree / "bin").mkdir(parents=True)
    shutil.copy(str(shutil.which("busybox")), tree / "bin" / "busybox")
    for name in (*stack.NEEDED, "iptables"):
        (tree / "bin" / name).symlink_to("busybox")
    try:
        made = stack.build_from_rootfs(case.engine, tree, name="tiny")
        (tree / "bin" / "node").symlink_to("busybox")
        other = stack.build_from_rootfs(case.engine, tree, name="tiny")
        assert made.digest != other.digest
        assert made.programs == {*stack.NEEDED, "iptables"}
        assert other.has("node") and not made.has("node")
        assert stack.find_stack(case.engine, "tiny").digest == other.digest
        assert stack.find_stack(case.engine, made.digest).digest == made.digest
        assert stack.build_from_image(case.engine, made.reference, name="tiny").digest == made.digest
    finally:
        for found in stack.list_stacks(case.engine):
            if found.source.startswith("tar:") and "pip" not in found.programs:
                case.engine.api.remove_image(found.id, force=True)


def test_what_lacks_a_python_is_no_stack(case: Case, tmp_path: Path) -> None:
    tree = tmp_path / "rootfs"
    (tree / "bin").mkdir(parents=True)
    shutil.copy(str(shutil.which("busybox")), tree / "bin" / "busybox")
    (tree / "bin" / "sh").symlink_to("busybox")
    with pytest.raises(ProviderError, match="it has no python3") as raised:
        stack.build_from_rootfs(case.engine, tree, name="bare")
    assert raised.value.kind is ErrorKind.INVALID


@pytest.mark.parametrize("kind", ["missing", "text"])
def test_what_is_no_root_file_system_is_told(case: Case, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "rootfs.tar"
    if kind == "text":
        path.write_text("no tar\n")
    with pytest.raises(ProviderError) as raised:
        stack.build_from_rootfs(case.engine, path)
    assert raised.value.kind is ErrorKind.INVALID


def test_a_stack_that_is_not_there_is_told_with_how_to_make_one(case: Case) -> None:
    with pytest.raises(ProviderError, match="dpaas stack build") as raised:
        stack.find_stack(case.engine, "heroku-99")
    assert raised.value.kind is ErrorKind.INVALID


def test_an_image_that_is_there_is_used_and_one_that_cannot_be_pulled_is_told(case: Case) -> None:
    assert ensure_image(case.engine, case.stack.reference) == case.stack.id
    # Port 9 of the engine's own host: nobody serves images there.
    missing = f"127.0.0.1:9/nothing@sha256:{'0' * 64}"
    with pytest.raises(ProviderError, match="cannot be pulled") as raised:
        ensure_image(case.engine, missing)
    assert raised.value.kind is ErrorKind.INVALID
    assert raised.value.detail


def test_a_node_app_on_a_stack_without_node_is_told(case: Case) -> None:
    with pytest.raises(ProviderError, match="built with node, and the stack has none"):
        case.build({"package.json": "{}"})
