"""Every way to an engine, and what is told when it does not lead there."""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from docker_case import Case
from docker_rig import DockerRig
from engine_doors import make_authority, path_with, ssh_door, tcp_door

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.docker.engine import inventory
from declarative_paas.providers.docker.engine.connection import EngineAddress, open_engine
from declarative_paas.providers.docker.engine.execute import run
from declarative_paas.providers.docker.engine.labels import Labels


def refused(address: EngineAddress, **options: Any) -> ProviderError:
    with pytest.raises(ProviderError) as raised, open_engine(address, **options):
        pass
    return raised.value


def socket_of(rig: DockerRig) -> str:
    if not rig.us.url.startswith("unix://"):
        pytest.fail("DPAAS_TEST_DOCKER_US must be a unix socket for this test")
    return rig.us.url.removeprefix("unix://")


def exchanged(case: Case) -> bool:
    """Whether a megabyte comes through exactly, with the end of input told."""
    box = case.listener("box", "bridge", 5000)
    data = os.urandom(1_000_000)
    done = run(case.engine, box.name, ["sha256sum"], stdin=data)
    echo = run(case.engine, box.name, ["cat"], stdin=data)
    return done.stdout.split()[0].decode() == hashlib.sha256(data).hexdigest() and echo.stdout == data


def test_a_unix_socket_leads_to_the_engine_and_the_version_is_negotiated(rig: DockerRig) -> None:
    with open_engine(EngineAddress(host=rig.us.url), environ={}) as engine:
        assert engine.where == f"the Docker engine at {rig.us.url}"
        assert engine.api.api_version == engine.api.version()["ApiVersion"]


def test_the_environment_and_the_current_context_lead_to_the_engine(rig: DockerRig, tmp_path: Path) -> None:
    with open_engine(EngineAddress(), environ={"DOCKER_HOST": rig.eu.url}, home=tmp_path) as engine:
        assert engine.endpoint.url == rig.eu.url
    name = "europe"
    meta = tmp_path / ".docker/contexts/meta" / hashlib.sha256(name.encode()).hexdigest()
    meta.mkdir(parents=True)
    content = {"Name": name, "Metadata": {}, "Endpoints": {"docker": {"Host": rig.eu.url, "SkipTLSVerify": False}}}
    (meta / "meta.json").write_text(json.dumps(content))
    for address, environ in (
        (EngineAddress(context=name), {}),
        (EngineAddress(), {"DOCKER_CONTEXT": name}),
    ):
        with open_engine(address, environ=environ, home=tmp_path) as engine:
            assert engine.endpoint.url == rig.eu.url
    (tmp_path / ".docker/config.json").write_text(json.dumps({"currentContext": name}))
    with open_engine(EngineAddress(), environ={}, home=tmp_path) as engine:
        assert engine.endpoint.url == rig.eu.url


def test_tls_to_a_port_without_it_is_told(rig: DockerRig, tmp_path: Path) -> None:
    authority = make_authority(tmp_path / "tls")
    with tcp_door(socket_of(rig)) as port:
        problem = refused(EngineAddress(host=f"tcp://127.0.0.1:{port}", tls=authority.tls()))
    assert problem.kind is ErrorKind.UNAVAILABLE and "TLS" in problem.summary


def test_certificates_that_are_not_there_are_told(tmp_path: Path) -> None:
    authority = make_authority(tmp_path / "tls")
    authority.client.unlink()
    with tcp_door("/nowhere") as port:
        problem = refused(EngineAddress(host=f"tcp://127.0.0.1:{port}", tls=authority.tls()))
    assert problem.kind is ErrorKind.INVALID and "TLS settings" in problem.summary


def test_ssh_leads_to_the_engine(
    rig: DockerRig, owner: Labels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ssh_door(tmp_path / "ssh") as (where, programs):
        monkeypatch.setenv("PATH", path_with(programs))
        with open_engine(EngineAddress(host=f"ssh://{where}{socket_of(rig)}")) as engine:
            assert exchanged(Case(engine, owner))
        missing = refused(EngineAddress(host=f"ssh://{where}/run/no-such-engine.sock"))
        assert missing.kind is ErrorKind.UNAVAILABLE


def test_ssh_that_does_not_get_through_is_told_in_its_own_words(tmp_path: Path) -> None:
    problem = refused(EngineAddress(host="ssh://nobody@127.0.0.1:9"))
    assert problem.kind is ErrorKind.UNAVAILABLE
    assert "Connection refused" in " ".join(problem.detail)


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("unix:///run/no-such-engine.sock", "No such file or directory"),
        ("tcp://127.0.0.1:9", "Connection refused"),
    ],
)
def test_an_engine_that_is_down_is_unavailable(host: str, reason: str) -> None:
    problem = refused(EngineAddress(host=host))
    assert problem.kind is ErrorKind.UNAVAILABLE
    assert problem.summary == f"connect: the Docker engine at {host} cannot be reached: {reason}"


@pytest.mark.parametrize("host", ["docker.sock", "ftp://host", "unix://relative", "tcp://", "tcp://host:port"])
def test_an_address_that_is_none_is_invalid(host: str) -> None:
    assert refused(EngineAddress(host=host)).kind is ErrorKind.INVALID


def test_a_context_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    meta = tmp_path / ".docker/contexts/meta/x"
    meta.mkdir(parents=True)
    (meta / "meta.json").write_text(json.dumps({"Name": "production"}))
    problem = refused(EngineAddress(context="prodution"), environ={}, home=tmp_path)
    assert problem.kind is ErrorKind.INVALID
    assert "known contexts are production" in problem.summary


@contextmanager
def other_engine(version: str) -> Iterator[int]:
    """Something that answers like an engine of another version."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"ApiVersion": version, "Version": "1"}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()


def test_an_engine_that_is_too_old_is_told_with_what_is_needed() -> None:
    with other_engine("1.39") as port:
        problem = refused(EngineAddress(host=f"tcp://127.0.0.1:{port}"))
    assert problem.kind is ErrorKind.INVALID
    assert "API 1.39, which is too old: API 1.41 (Docker 20.10) or newer" in problem.summary


def test_an_engine_that_goes_away_in_mid_work_is_unavailable(rig: DockerRig) -> None:
    with tcp_door(socket_of(rig)) as port:
        engine = open_engine(EngineAddress(host=f"tcp://127.0.0.1:{port}"))
    with engine, pytest.raises(ProviderError, match="list the containers: the Docker engine at tcp://") as raised:
        inventory.containers(engine, Labels(platform="p", region="r"))
    assert raised.value.kind is ErrorKind.UNAVAILABLE
