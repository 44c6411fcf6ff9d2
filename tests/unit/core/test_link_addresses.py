from __future__ import annotations

import pytest

from declarative_paas.core.address import Scope
from declarative_paas.core.copy_result import CopyIdentity
from declarative_paas.core.links import LinkAddress, LinkSpec, route_name


@pytest.mark.parametrize("text", ["10.0.0.1:7443", "db.example.com:1", "Engine-1:65535"])
def test_an_address_reads_back_as_it_was_written(text: str):
    assert str(LinkAddress.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["", "db", "db:", ":7443", "db:0", "db:65536", "db:x", "db:٣", "[::1]:7443", "a b:1", "-db:1", "db..x:1"]
)
def test_what_is_no_address_is_refused(text: str):
    with pytest.raises(ValueError, match="HOST:PORT"):
        LinkAddress.parse(text)


def test_names_of_links_and_routes_are_dns_labels_and_no_two_links_share_one():
    one, other = (LinkSpec(scope=Scope("acme"), id=name, source="us", target="eu") for name in ("Ab_1", "Ab_2"))
    identity = CopyIdentity(source_instance="shop-db-1", target_instance="shop-eu-db-1")
    route = route_name(identity)
    assert route == route_name(identity)
    assert route != route_name(CopyIdentity(source_instance="shop-db-1", target_instance="shop-eu-db-2"))
    assert one.name_of(route) != other.name_of(route)
    for label in one.name_of(route).split("."):
        assert len(label) < 64
        assert label == label.lower()
        assert label.replace("-", "").isalnum()
