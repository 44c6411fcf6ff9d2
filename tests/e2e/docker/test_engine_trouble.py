"""An engine with TLS, without room, killed: on one of the test's own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker_rig import DockerRig
from engine_doors import make_authority
from small_engine import IMAGE, SmallEngine, small_engine

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.docker.engine import containers, execute, stack
from declarative_paas.providers.docker.engine.connection import EngineAddress, open_engine
from declarative_paas.providers.docker.engine.containers import Entry
from declarative_paas.providers.docker.engine.keeper import RECORDS, Keeper
from declarative_paas.providers.docker.engine.labels import Labels

OWNER = Labels(platform="small", region="us")


@pytest.fixture(scope="module")
def small() -> Iterator[SmallEngine]:
    with small_engine() as found:
        yield found


def refused(address: EngineAddress) -> ProviderError:
    with pytest.raises(ProviderError) as raised, open_engine(address):
        pass
    return raised.value


def test_tls_with_a_clients_certificate_leads_to_the_engine(
    small: SmallEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Ten megabytes both ways and an end of input; whatever authorities the environment trusts for the web."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(make_authority(tmp_path / "web").ca))
    with open_engine(EngineAddress(host=small.tcp, tls=small.authority.tls())) as engine:
        keeper = Keeper(engine, OWNER, IMAGE)
        keeper.ensure_running()
        data = os.urandom(10_000_000)
        assert execute.run(engine, keeper.name, ["cat"], stdin=data).stdout == data
        late = "cat > /dev/null; sleep 0.2; echo the end; exit 3"
        assert tuple(execute.run(engine, keeper.name, ["sh", "-c", late], stdin=data)) == (3, b"the end\n", b"")


def test_a_certificate_of_another_authority_is_told_as_tls(small: SmallEngine, tmp_path: Path) -> None:
    problem = refused(EngineAddress(host=small.tcp, tls=make_authority(tmp_path / "tls").tls()))
    assert problem.kind is ErrorKind.UNAVAILABLE
    assert "tls_ca" in problem.summary and problem.detail


def test_no_tls_to_an_engine_that_wants_it_is_told(small: SmallEngine) -> None:
    problem = refused(EngineAddress(host=small.tcp))
    assert problem.kind is ErrorKind.UNAVAILABLE and "speaks TLS" in problem.summary


def test_a_full_disk_is_told_and_what_was_begun_leaves_no_image(small: SmallEngine, rig: DockerRig) -> None:
    with small.open() as engine:
        before = {image["Id"] for image in engine.api.images(all=True)}
        with pytest.raises(ProviderError, match="the engine's disk is full") as raised:
            stack.build_from_rootfs(engine, rig.rootfs)
        assert raised.value.kind is ErrorKind.FAILED
        assert {image["Id"] for image in engine.api.images(all=True)} == before
        keeper = Keeper(engine, OWNER, IMAGE)
        keeper.ensure_running()
        with pytest.raises(ProviderError, match="the engine's disk is full"):
            containers.put(engine, keeper.name, [Entry(path="/tmp/much", content=os.urandom(200 * 2**20))])
        keeper.remove()


def test_a_killed_engine_is_unavailable_and_keeps_its_records(small: SmallEngine) -> None:
    with small.open() as engine:
        keeper = Keeper(engine, OWNER, IMAGE)
        keeper.ensure_running()
        execute.run(engine, keeper.name, ["sh", "-c", f"cat > {RECORDS}/one; sync"], stdin=b"kept")
        with execute.streamed(engine, keeper.name, ["sh", "-c", "echo begun; sleep 60"], stdin=False) as command:
            assert command.receive(10) is not None
            small.kill()
            try:
                assert command.receive(10) is None
                with pytest.raises(ProviderError) as raised:
                    command.status()
            except ProviderError as problem:
                assert problem.kind is ErrorKind.UNAVAILABLE
            else:
                assert raised.value.kind is ErrorKind.UNAVAILABLE
        with pytest.raises(ProviderError) as refusal:
            keeper.ensure_running()
        assert refusal.value.kind is ErrorKind.UNAVAILABLE
        small.start()
        keeper.ensure_running()
        assert execute.run(engine, keeper.name, ["cat", f"{RECORDS}/one"]).stdout == b"kept"
