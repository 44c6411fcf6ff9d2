"""Engines that a region cannot be on: each is told as its region's error, with what to do, and the others go on."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from docker_project import DockerProject
from docker_rig import DockerRig
from engine_doors import make_authority, tcp_door

from declarative_paas.providers.docker.engine.connection import EngineAddress, open_engine


@contextmanager
def engine_of_version(version: str, refusal: str | None = None) -> Iterator[int]:
    """Something that answers as an engine of that version; `refusal`: all but the question after its version."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_refused = refusal is not None and not self.path.startswith("/version")
            body = json.dumps({"message": refusal} if is_refused else {"ApiVersion": version, "Version": "1"}).encode()
            self.send_response(400 if is_refused else 200)
            self.send_header("Content-Type", "application/json")
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


def _refused(project: DockerProject, host: str, **options: Any) -> str:
    """What an apply says of an app on another engine; the app on the good one is deployed all the same."""
    project.regions["eu"] = {"provider": "docker", "jurisdiction": "EU", "host": host, "options": options}
    project.app(
        "other", region="eu", source={"path": "./echo"}, formation={"web": project.apps["echo"]["formation"]["web"]}
    )
    done = project.apply(expect=1)
    assert project.get("echo")[0] == 200
    return done.stdout + done.stderr


def test_an_engine_that_is_too_old_is_its_region_s_error(echo: DockerProject) -> None:
    with engine_of_version("1.39") as port:
        said = _refused(echo, f"tcp://127.0.0.1:{port}")
    assert "API 1.39, which is too old: API 1.41 (Docker 20.10) or newer is needed" in said


def test_an_engine_that_speaks_no_version_of_ours_is_its_region_s_error(echo: DockerProject) -> None:
    told = "client version 1.60 is too new. Maximum supported API version is 1.50"
    with engine_of_version("1.60", refusal=told) as port:
        said = _refused(echo, f"tcp://127.0.0.1:{port}")
    assert "it does not speak API version 1.60" in said


def test_an_engine_that_is_newer_than_we_know_is_spoken_to_in_its_own_version() -> None:
    with engine_of_version("1.99") as port, open_engine(EngineAddress(host=f"tcp://127.0.0.1:{port}")) as engine:
        assert engine.api.api_version == "1.99"


@pytest.mark.parametrize("lacking", ["tls_ca", "tls_cert"])
def test_a_certificate_that_is_not_there_is_a_mistake_of_the_manifest(
    echo: DockerProject, tmp_path: Path, lacking: str
) -> None:
    authority = make_authority(tmp_path / "tls")
    options = {"tls_ca": str(authority.ca), "tls_cert": str(authority.client), "tls_key": str(authority.client)}
    options[lacking] = str(tmp_path / "none.pem")
    echo.regions["eu"] = {"provider": "docker", "jurisdiction": "EU", "host": "tcp://127.0.0.1:9", "options": options}
    echo.app("echo", region="eu")
    done = echo.dpaas("plan", expect=1)
    assert "none.pem" in done.stdout + done.stderr


def test_tls_where_none_is_spoken_is_its_region_s_error(echo: DockerProject, rig: DockerRig, tmp_path: Path) -> None:
    authority = make_authority(tmp_path / "tls")
    options = {"tls_ca": str(authority.ca), "tls_cert": str(authority.client), "tls_key": str(authority.client)}
    with tcp_door(rig.eu.url.removeprefix("unix://")) as port:
        said = _refused(echo, f"tcp://127.0.0.1:{port}", **options)
    assert "TLS" in said and f"tcp://127.0.0.1:{port}" in said
