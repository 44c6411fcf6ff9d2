from __future__ import annotations

import multiprocessing
import socket
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from declarative_paas.providers.runtime.ports import PortError, PortRegistry

# Ranges that no other test binds: a registry takes only ports that can be bound.
FIRST, LAST = 15_000, 15_400


def claim(path: Path, owner: str) -> int:
    return PortRegistry(path, FIRST, LAST).claim(owner)


def test_an_owner_keeps_its_port_across_processes(tmp_path: Path) -> None:
    first = claim(tmp_path / "ports.json", "storefront/web.1/v3")
    assert claim(tmp_path / "ports.json", "storefront/web.1/v3") == first
    assert claim(tmp_path / "ports.json", "storefront/web.2/v3") != first


def test_processes_that_claim_at_once_never_get_the_same_port(tmp_path: Path) -> None:
    owners = [f"app/web.{number}/v1" for number in range(40)]
    with ProcessPoolExecutor(4, mp_context=multiprocessing.get_context("spawn")) as pool:
        ports = list(pool.map(claim, [tmp_path / "ports.json"] * len(owners), owners))
    assert len(set(ports)) == len(owners)
    assert {owner: ports.start for owner, ports in PortRegistry(tmp_path / "ports.json").claims().items()} == dict(
        zip(owners, ports, strict=True)
    )


def test_a_port_that_something_listens_on_is_not_handed_out(tmp_path: Path) -> None:
    with socket.socket() as foreign:
        foreign.bind(("127.0.0.1", 0))
        foreign.listen()
        port = foreign.getsockname()[1]
        with pytest.raises(PortError, match="no 1 free"):
            PortRegistry(tmp_path / "ports.json", port, port).claim("a")


def test_a_released_port_can_be_claimed_again(tmp_path: Path) -> None:
    registry = PortRegistry(tmp_path / "ports.json", FIRST, LAST)
    registry.claim("a")
    registry.release("a")
    registry.release("never claimed")
    assert registry.claims() == {}


def test_a_released_port_is_not_the_next_to_be_handed_out(tmp_path: Path) -> None:
    registry = PortRegistry(tmp_path / "ports.json", FIRST, LAST)
    first = registry.claim("a")
    registry.release("a")
    assert registry.claim("b") != first


def test_a_block_is_contiguous_free_and_kept(tmp_path: Path) -> None:
    registry = PortRegistry(tmp_path / "ports.json", FIRST, LAST)
    single = registry.claim("single")
    block = registry.free_block(5, "block")
    assert len(block) == 5
    assert single not in block
    assert registry.free_block(5, "block") == block
    assert registry.claim("another") not in block


def test_a_full_range_is_an_error_and_the_claims_stay(tmp_path: Path) -> None:
    registry = PortRegistry(tmp_path / "ports.json", FIRST, FIRST + 400)
    registry.free_block(3, "a")
    with pytest.raises(PortError, match=r"no 500 free"):
        registry.free_block(500, "b")
    assert list(registry.claims()) == ["a"]


def test_a_malformed_registry_is_named_and_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "ports.json").write_text("{")
    with pytest.raises(PortError, match=r"ports\.json"):
        claim(tmp_path / "ports.json", "a")
    assert (tmp_path / "ports.json").read_text() == "{"


def test_platforms_of_one_machine_never_claim_the_same_port(tmp_path: Path) -> None:
    machine = tmp_path / "machine"
    one = PortRegistry(tmp_path / "one.json", 21000, 21009, machine=machine)
    two = PortRegistry(tmp_path / "two.json", 21000, 21009, machine=machine)
    claimed = [registry.claim(f"owner {number}") for number in range(5) for registry in (one, two)]
    assert len(set(claimed)) == 10
    with pytest.raises(PortError):
        one.claim("one too many")


def test_a_platform_that_is_gone_holds_no_port(tmp_path: Path) -> None:
    machine = tmp_path / "machine"
    PortRegistry(tmp_path / "gone.json", 21000, 21000, machine=machine).claim("x")
    other = PortRegistry(tmp_path / "other.json", 21000, 21000, machine=machine)
    with pytest.raises(PortError):
        other.claim("y")
    (tmp_path / "gone.json").unlink()
    assert other.claim("y") == 21000


def test_another_platform_s_broken_registry_stops_nobody(tmp_path: Path) -> None:
    machine = tmp_path / "machine"
    PortRegistry(tmp_path / "broken.json", machine=machine).claim("x")
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    assert PortRegistry(tmp_path / "other.json", machine=machine).claim("y")
