"""Subnets out of a pool: they never touch one another, nor anybody else's."""

from __future__ import annotations

import ipaddress
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from declarative_paas.providers.docker.engine.labels import Labels
from declarative_paas.providers.docker.engine.networks import Pool, bridge_prefix, free_subnets, pool_mistake

SMALL = Pool(cidr="10.0.0.0/24", prefix=29)


def test_the_default_pool_holds_thousands_of_dynos() -> None:
    assert Pool().size == 8192
    assert sum(1 for _ in Pool().subnets()) == 8192


@given(
    st.lists(st.tuples(st.integers(0, 255), st.integers(20, 32)), max_size=12),
    st.integers(0, SMALL.size - 1),
)
def test_free_subnets_are_all_those_of_the_pool_that_touch_none_taken(taken: list[tuple[int, int]], first: int) -> None:
    networks = [ipaddress.ip_network(f"10.0.0.{last}/{prefix}", strict=False) for last, prefix in taken]
    found = list(free_subnets(SMALL, [str(network) for network in networks], first=first))
    wanted = {
        subnet
        for subnet in ipaddress.ip_network(SMALL.cidr).subnets(new_prefix=29)
        if not any(subnet.overlaps(network) for network in networks)
    }
    assert set(found) == wanted and len(found) == len(wanted)


def test_the_first_choice_comes_first_and_then_those_above_it() -> None:
    numbers = [SMALL.number_of(subnet) for subnet in free_subnets(SMALL, ["10.0.0.248/29"], first=30)]
    assert numbers == [30, *range(30)]


def test_networks_without_ipv4_are_in_nobodys_way() -> None:
    assert len(list(free_subnets(SMALL, ["fd00::/64"]))) == SMALL.size


def test_a_full_pool_of_thousands_is_searched_at_once() -> None:
    """One pass: with one comparison for each pair it would take minutes."""
    taken = [str(subnet) for subnet in Pool().subnets()]
    assert list(free_subnets(Pool(), taken[:-1])) == [ipaddress.ip_network(taken[-1])]


def test_a_bridges_name_fits_into_the_kernels_fifteen_characters() -> None:
    last = Pool().size - 1
    assert len(f"{bridge_prefix(Labels(platform='p', region='r'))}{last:x}") <= 15


@pytest.mark.parametrize(
    ("cidr", "prefix"),
    [("10.0.0.0/33", 29), ("10.0.0.1/24", 29), ("fd00::/64", 29), ("8.8.8.0/24", 29), ("10.0.0.0/30", 29), ("x", 29)],
)
def test_a_pool_that_cannot_be_one_is_told(cidr: str, prefix: int) -> None:
    assert pool_mistake(cidr, prefix) is not None


def test_a_pool_that_can_be_one_is_no_mistake() -> None:
    assert pool_mistake("10.210.0.0/16") is None
    assert pool_mistake("192.168.7.0/24", 28) is None


def test_pools_subnets_are_pairwise_apart() -> None:
    assert not any(one.overlaps(two) for one, two in itertools.combinations(SMALL.subnets(), 2))
