"""The pure parts of the engine layer: endpoints, images' names, lines, statistics, states, ssh's arguments."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from declarative_paas.providers.docker.engine.connection import EngineAddress, EngineTls
from declarative_paas.providers.docker.engine.dyno_container import PORT, Dyno, dyno_config, memory_of, state_of
from declarative_paas.providers.docker.engine.endpoint import find_endpoint, host_mistake, without_password
from declarative_paas.providers.docker.engine.images import split_reference
from declarative_paas.providers.docker.engine.labels import Labels
from declarative_paas.providers.docker.engine.lines import LineSplitter
from declarative_paas.providers.docker.engine.tunnel import ssh_command

DYNO = Dyno(
    name="web.1",
    image="slug",
    command="exec server",
    labels=Labels(platform="p", region="r", role="dyno"),
    environment={"A": "1"},
    network="net",
    memory_mb=512,
    memory_kill_mb=1024,
    cpu_share=1,
    pids=256,
    port=PORT,
)


@pytest.mark.parametrize(
    "host", ["unix:///var/run/docker.sock", "tcp://10.0.0.1:2376", "ssh://deploy@eu1", "ssh://deploy@eu1:2222/run/x"]
)
def test_an_address_of_an_engine_is_no_mistake(host: str) -> None:
    assert host_mistake(host) is None


@pytest.mark.parametrize("host", ["", "eu1", "npipe://x", "unix://x", "ssh://", "tcp://h:99999", "tcp://h:x"])
def test_an_address_of_no_engine_is_told(host: str) -> None:
    assert host_mistake(host) is not None


def test_what_is_written_wins_over_the_environment(tmp_path: Path) -> None:
    environ = {"DOCKER_HOST": "tcp://env:1", "DOCKER_CONTEXT": "nowhere"}
    assert find_endpoint(EngineAddress(host="tcp://x:1"), environ, tmp_path).url == "tcp://x:1"
    assert find_endpoint(EngineAddress(), environ, tmp_path).url == "tcp://env:1"
    assert find_endpoint(EngineAddress(context="default"), environ, tmp_path).url == "unix:///var/run/docker.sock"
    assert find_endpoint(EngineAddress(), {}, tmp_path).url == "unix:///var/run/docker.sock"


def test_certificates_of_the_environment_are_used_as_dockers_own_command_does(tmp_path: Path) -> None:
    for name in ("ca", "cert", "key"):
        (tmp_path / f"{name}.pem").write_text("")
    environ = {"DOCKER_HOST": "tcp://x:1", "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(tmp_path)}
    tls = EngineTls(ca=tmp_path / "ca.pem", cert=tmp_path / "cert.pem", key=tmp_path / "key.pem")
    assert find_endpoint(EngineAddress(), environ, tmp_path).tls == tls
    assert find_endpoint(EngineAddress(), environ | {"DOCKER_TLS_VERIFY": ""}, tmp_path).tls is None


def test_a_password_in_an_address_is_never_shown() -> None:
    assert without_password("ssh://me:secret@host:22/x") == "ssh://me@host:22/x"
    assert without_password("ssh://me@host") == "ssh://me@host"


@pytest.mark.parametrize(
    ("reference", "name", "tag"),
    [
        ("debian", "debian", "latest"),
        ("debian:bookworm", "debian", "bookworm"),
        ("registry:5000/shop", "registry:5000/shop", "latest"),
        ("registry:5000/shop:v1", "registry:5000/shop", "v1"),
        ("shop@sha256:ab", "shop", "sha256:ab"),
        ("registry:5000/shop@sha256:ab", "registry:5000/shop", "sha256:ab"),
    ],
)
def test_a_reference_is_split_where_its_tag_or_digest_begins(reference: str, name: str, tag: str) -> None:
    assert split_reference(reference) == (name, tag)


@given(st.lists(st.text(alphabet=st.characters(blacklist_characters="\r\n"), max_size=20)), st.integers(1, 7))
def test_lines_are_the_same_however_they_arrive(lines: list[str], size: int) -> None:
    data = "".join(line + "\n" for line in lines).encode("utf-8", "replace")
    found: list[str] = []
    splitter = LineSplitter(found.append)
    for start in range(0, len(data), size):
        splitter.feed(data[start : start + size])
    splitter.end()
    assert found == data.decode().split("\n")[:-1]


def test_a_last_line_without_an_end_is_one_and_an_endless_line_is_told_in_parts() -> None:
    found: list[str] = []
    splitter = LineSplitter(found.append)
    splitter.feed(b"one\r\ntwo")
    splitter.end()
    splitter.end()
    splitter.feed(b"x" * 70_000)
    assert found[:2] == ["one", "two"] and [len(line) for line in found[2:]] == [70_000]


@pytest.mark.parametrize(
    ("details", "used"),
    [({"total_inactive_file": 1 << 20}, 9.0), ({"inactive_file": 2 << 20}, 8.0), ({}, 10.0)],
)
def test_memory_is_without_the_cache_under_either_version_of_control_groups(
    details: dict[str, int], used: float
) -> None:
    assert memory_of({"memory_stats": {"usage": 10 << 20, "stats": details}}) == used


def test_a_container_that_does_not_run_has_no_memory() -> None:
    assert memory_of({"memory_stats": {}}) is None


def inspected(**state: Any) -> dict[str, Any]:
    plain = {"Running": False, "ExitCode": 0, "OOMKilled": False, "StartedAt": "", "FinishedAt": "", "Error": ""}
    return {"State": plain | state, "NetworkSettings": {}, "RestartCount": 2}


@pytest.mark.parametrize(
    ("state", "told", "code"),
    [
        ({"Running": True}, "", None),
        ({"ExitCode": 0}, "Process exited with status 0", None),
        ({"ExitCode": 137}, "Process exited with status 137", None),
        ({"ExitCode": 137, "OOMKilled": True}, "Error R15 (Memory quota vastly exceeded)", "R15"),
        ({"Running": True, "Restarting": True, "ExitCode": 1}, "Process exited with status 1", None),
        ({"ExitCode": 127, "Error": "exec: not found"}, "exec: not found", None),
    ],
)
def test_why_a_dyno_does_not_run_is_told_in_herokus_words(state: dict[str, Any], told: str, code: str | None) -> None:
    found = state_of(inspected(**state))
    assert (found.told, found.code, found.restarts) == (told, code, 2)


def test_a_dynos_configuration_holds_its_limits_and_no_privilege() -> None:
    host = dyno_config(DYNO)["HostConfig"]
    assert (host["CapDrop"], host["SecurityOpt"], host["ReadonlyRootfs"]) == (["ALL"], ["no-new-privileges"], True)
    assert dyno_config(replace(DYNO, from_slug=False))["HostConfig"]["ReadonlyRootfs"] is False
    assert "CpuQuota" not in dyno_config(replace(DYNO, dedicated=True))["HostConfig"]
    assert dyno_config(replace(DYNO, cpu_share=1000))["HostConfig"]["CpuShares"] == 262_144


def test_port_and_home_are_the_platforms_also_against_the_apps_own() -> None:
    variables = dyno_config(replace(DYNO, environment={"PORT": "1", "HOME": "/root"}))["Env"]
    assert {"PORT=61000", "HOME=/app"} <= set(variables)
    assert not any(line.startswith("PORT=") for line in dyno_config(replace(DYNO, port=None))["Env"])


def test_ssh_forwards_to_the_engines_socket_and_takes_a_host_for_no_option() -> None:
    local = Path("/tmp/x.sock")
    argv = ssh_command("ssh://deploy@eu1:2222", local, connect_timeout_s=10)
    assert argv[-4:] == ["-L", "/tmp/x.sock:/var/run/docker.sock", "--", "eu1"]
    assert argv[argv.index("-p") + 1] == "2222" and argv[argv.index("-l") + 1] == "deploy"
    assert ssh_command("ssh://-oProxyCommand=x/y.sock", local, connect_timeout_s=1)[-2] == "--"
    assert ssh_command("ssh://eu1/run/y.sock", local, connect_timeout_s=1)[-3] == "/tmp/x.sock:/run/y.sock"
