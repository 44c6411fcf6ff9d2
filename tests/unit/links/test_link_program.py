"""What an end's HAProxy is told: who gets in, where he gets to, and that no key is in it."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from declarative_paas.core.address import Scope
from declarative_paas.core.follow import Endpoint
from declarative_paas.core.links import LinkAddress, LinkSpec
from declarative_paas.providers.links.program import (
    LedRoute,
    LinkProgram,
    Relay,
    ServedRoute,
    SourceLink,
    TargetLink,
    config_files,
    digest,
    key_bundle,
)
from declarative_paas.providers.router.settings import haproxy_binary
from declarative_paas.transfer.link_keys import make_link_keys

NOW = datetime(2026, 11, 24, tzinfo=UTC)
TO_EU = LinkSpec(scope=Scope("acme"), id="a1", source="us", target="eu")
TO_AP = LinkSpec(scope=Scope("acme"), id="b2", source="us", target="ap")
FROM_EU = LinkSpec(scope=Scope("acme"), id="c3", source="eu", target="us")
SERVER = Endpoint(host="127.0.0.1", port=5432)


@pytest.fixture(scope="module")
def program() -> LinkProgram:
    """Of `us`: two links lead away, one comes in, and two servers are side by side."""
    return LinkProgram(
        sources=(
            SourceLink(link=TO_EU, keys=make_link_keys(TO_EU, NOW)[0], routes=(ServedRoute(name="r1", server=SERVER),)),
            SourceLink(link=TO_AP, keys=make_link_keys(TO_AP, NOW)[0]),
        ),
        targets=(
            TargetLink(
                link=FROM_EU,
                keys=make_link_keys(FROM_EU, NOW)[1],
                address=LinkAddress(host="db.example.com", port=7443),
                routes=(
                    LedRoute(name="r2", entry=Endpoint(host="10.0.0.6", port=5432), only_from="10.0.0.0/29"),
                    LedRoute(name="r3", entry=Endpoint(host="127.0.0.1", port=20001)),
                ),
            ),
        ),
        relays=(Relay(name="r4", entry=Endpoint(host="10.0.1.6", port=5432), server=SERVER, only_from="10.0.1.0/29"),),
        listen=(Endpoint(host="0.0.0.0", port=7443),),
        socket=Path("/run/x.sock"),
        nameserver=Endpoint(host="127.0.0.11", port=53),
    )


def files_of(program: LinkProgram) -> dict[str, str]:
    return dict(config_files(program, {label: f"{label}.key.pem" for label in program.keys}))


def config_of(program: LinkProgram) -> str:
    return files_of(program)["haproxy.cfg"]


def test_haproxy_itself_takes_the_files(program: LinkProgram, tmp_path: Path):
    for name, text in files_of(program).items():
        (tmp_path / name).write_text(text)
    for label, keys in program.keys.items():
        (tmp_path / f"{label}.key.pem").write_text(key_bundle(keys))
    done = subprocess.run(
        [str(haproxy_binary()), "-c", "-f", str(tmp_path / "haproxy.cfg")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stderr


def test_no_key_is_in_any_of_them(program: LinkProgram):
    everything = "".join(files_of(program).values())
    for keys in program.keys.values():
        assert keys.key.reveal().splitlines()[1] not in everything
    assert "PRIVATE KEY" not in everything


def test_each_link_from_here_has_its_own_authority_and_its_own_names(program: LinkProgram):
    lines = files_of(program)["certificates.txt"].splitlines()
    assert lines == [
        f"{link.label}.key.pem [ca-file {link.label}.ca.pem verify required] *.{link.label}.dpaas-link.internal"
        for link in (TO_EU, TO_AP)
    ]
    assert "strict-sni verify required" in config_of(program)


def test_a_name_leads_to_its_one_server_and_only_with_a_certificate_of_its_link(program: LinkProgram):
    (line,) = [line.strip() for line in config_of(program).splitlines() if "use_backend to-" in line]
    assert line == (
        f"use_backend to-r1 if {{ ssl_fc_sni -i r1.{TO_EU.label}.dpaas-link.internal }} "
        f"{{ ssl_c_i_dn(cn) -m str {TO_EU.label} }}"
    )
    assert "default_backend" not in config_of(program).partition("frontend listener")[2].partition("backend")[0]


def test_an_entry_is_closed_to_every_network_but_its_own(program: LinkProgram):
    sections = config_of(program).split("\n\n")
    closed = {
        section.split()[1]: [line.strip() for line in section.splitlines() if "reject" in line]
        for section in sections
        if section.startswith("frontend from-")
    }
    assert closed == {
        "from-r2": ["tcp-request connection reject unless { src 10.0.0.0/29 }"],
        "from-r3": [],
        "from-r4": ["tcp-request connection reject unless { src 10.0.1.0/29 }"],
    }


def test_an_end_without_links_from_here_listens_nowhere(program: LinkProgram):
    assert "bind 0.0.0.0" not in config_of(replace(program, sources=()))


def test_the_digest_changes_with_a_route_and_with_the_keys(program: LinkProgram):
    fewer = replace(program, relays=())
    renewed = replace(program, sources=(replace(program.sources[0], keys=make_link_keys(TO_EU, NOW)[0]),))
    digests = {digest(files_of(one)) for one in (program, fewer, renewed)}
    assert len(digests) == 3
    assert digest(files_of(program)) == digest(files_of(replace(program)))
