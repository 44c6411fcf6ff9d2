"""The image of a Dockerfile, at the engine: where its commands run, what it starts, how it is sent, how it fails."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest
from docker_case import SERVER, Case
from docker_rig import DockerRig

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.docker.dyno_containers import runnable_of
from declarative_paas.providers.docker.engine import inventory
from declarative_paas.providers.docker.engine.containers import last_lines
from declarative_paas.providers.docker.engine.image_build import build_image
from declarative_paas.providers.docker.engine.labels import Labels
from declarative_paas.providers.docker.engine.slug_image import SlugImage, find_slug, list_slugs, remove_slug
from declarative_paas.providers.docker.engine.slug_ship import ship
from declarative_paas.providers.slugs.docker_context import DockerBuild, inspect_context
from declarative_paas.providers.slugs.source import SourceError

HOW = DockerBuild(dockerfile="Dockerfile")
ADDRESS = "python3 -c 'import socket; print(\"built at\", socket.gethostbyname(socket.gethostname()))'"


@pytest.fixture
def europe(rig: DockerRig, owner: Labels) -> Iterator[Case]:
    """The same platform's region on the other engine."""
    with rig.eu.open() as engine:
        yield Case(engine, replace(owner, region="eu"))


def build(case: Case, files: Mapping[str, str], how: DockerBuild = HOW, **given: float) -> SlugImage:
    directory = case.source(files)
    try:
        return build_image(
            case.engine,
            case.owner,
            directory,
            how,
            expected_digest=inspect_context(directory, how).digest,
            pool=case.pool,
            on_line=case.printed.append,
            timeout_s=given.get("timeout_s", 60),
        )
    finally:
        shutil.rmtree(directory)


def left_of_builds(case: Case) -> list[str]:
    there = inventory.place_of(case.owner)
    containers = [container.name for container in inventory.containers(case.engine, there)]
    return containers + [network.name for network in inventory.networks(case.engine, there)]


def test_what_a_dockerfile_runs_is_on_a_network_of_its_own_and_both_are_gone_in_the_end(case: Case) -> None:
    made = build(case, {"Dockerfile": f"FROM dpaas/stack:default\nRUN {ADDRESS}\n"})
    (line,) = (line for line in case.printed if line.startswith("built at "))
    assert line.startswith("built at 10.210.")
    assert made.is_image and made.size_bytes > 2**20
    assert [slug.key for slug in list_slugs(case.engine, case.owner)] == [made.key]
    assert left_of_builds(case) == []


def test_it_starts_entrypoint_and_cmd_as_an_unprivileged_user_whatever_user_says(case: Case) -> None:
    text = (
        "FROM dpaas/stack:default\nUSER root\nWORKDIR /site\nENV GREETING=hello\n"
        'ENTRYPOINT ["/bin/sh", "-c", "echo $0 $1 $GREETING $(pwd) $(id -u); touch /root/x || exit 3"]\n'
        'CMD ["two words", "$HOME"]\n'
    )
    made = build(case, {"Dockerfile": text})
    runs = runnable_of(case.engine, case.owner, made.key)
    dyno = case.dyno(made, "worker.1", "", argv=runs.argv, from_slug=False, restarts=False)
    case.start(dyno, listening=False)
    assert case.engine.api.wait(dyno.name, timeout=30)["StatusCode"] == 3
    # As Docker: no shell between them, so what a shell would fill in stays as it is.
    assert last_lines(case.engine, dyno.name)[0] == "two words $HOME hello /site 65534"


def test_a_build_that_takes_too_long_is_ended_whether_it_says_something_or_not(case: Case) -> None:
    for script in ("sleep 300", "while :; do echo goes on; sleep 0.2; done"):
        with pytest.raises(ProviderError, match="did not end within 3 s") as raised:
            build(case, {"Dockerfile": f"FROM dpaas/stack:default\nRUN {script}\n"}, timeout_s=3)
        assert raised.value.kind is ErrorKind.FAILED
        # The builder's container has ended, or its network could not go.
        assert left_of_builds(case) == []
    assert list_slugs(case.engine, case.owner) == []


def test_a_source_that_changed_since_the_plan_is_not_built(case: Case) -> None:
    directory = case.source({"Dockerfile": "FROM scratch\n"})
    try:
        with pytest.raises(SourceError, match="has changed since the plan"):
            build_image(
                case.engine,
                case.owner,
                directory,
                HOW,
                expected_digest="another",
                pool=case.pool,
                on_line=print,
                timeout_s=60,
            )
    finally:
        shutil.rmtree(directory)


def test_an_image_is_sent_once_belongs_to_the_region_that_took_it_and_runs_there(case: Case, europe: Case) -> None:
    text = "FROM dpaas/stack:default\nCOPY server.py /server.py\nEXPOSE 80\nENV KEPT=yes\n"
    made = build(case, {"Dockerfile": text, "server.py": SERVER})
    shipped = ship(case.engine, europe.engine, case.owner, europe.owner, made.key)
    again = ship(case.engine, europe.engine, case.owner, europe.owner, made.key)
    assert (shipped.key, shipped.id, shipped.is_image) == (made.key, again.id, True)
    labels = europe.engine.api.inspect_image(shipped.id)["Config"]["Labels"]
    assert labels["dpaas.region"] == "eu"
    assert [slug.key for slug in list_slugs(europe.engine, europe.owner)] == [made.key]
    dyno = europe.dyno(shipped, "web.1", "exec python3 /server.py 0.0.0.0 $PORT", from_slug=False)
    europe.start(dyno)
    assert europe.shell(dyno.name, "echo $KEPT").strip() == "yes"
    europe.engine.api.remove_container(dyno.name, force=True, v=True)
    assert remove_slug(europe.engine, europe.owner, made.key) is True
    assert find_slug(europe.engine, europe.owner, made.key) is None
    assert find_slug(case.engine, case.owner, made.key) is not None
