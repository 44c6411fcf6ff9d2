"""A region's links in its records, sealed, and what is left of them when the parts go."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.follow import Endpoint
from declarative_paas.core.links import LinkAddress, LinkSpec
from declarative_paas.core.provider import ProviderError
from declarative_paas.providers.hosting.link_records import LinkRecords
from declarative_paas.providers.hosting.records import Record
from declarative_paas.providers.local.records import RecordStore
from declarative_paas.transfer.link_keys import make_link_keys
from declarative_paas.vault.keyring import Keyring

SCOPE = Scope("acme")
LINK = LinkSpec(scope=SCOPE, id="a1", source="us", target="eu")
ADDRESS = LinkAddress(host="db.example.com", port=7443)
KEYS = make_link_keys(LINK, datetime(2026, 11, 24, tzinfo=UTC))[0]
SHOP, BLOG = (ResourceAddress("addon", app, "DATABASE") for app in ("shop", "blog"))


@pytest.fixture
def store(tmp_path: Path) -> RecordStore:
    found = RecordStore(tmp_path / "region.db")
    for number, address in enumerate((SHOP, BLOG)):
        record = Record(
            attributes={}, facts={"key": f"{address.app}-1"}, outputs={"host": "127.0.0.1", "port": str(5432 + number)}
        )
        found.put(str(SCOPE), (address, "i1"), record)
    return found


@pytest.fixture
def links(store: RecordStore, tmp_path: Path) -> LinkRecords:
    return LinkRecords(store, Keyring.load_or_create(tmp_path / "key"), "us")


def test_a_link_comes_back_with_its_keys_and_routes_and_its_key_is_sealed(links: LinkRecords, store: RecordStore):
    links.put_end(LINK, ADDRESS, KEYS)
    links.put_route(LINK, "r1", SHOP)
    (found,) = links.all().sources
    assert (found.spec, found.address, found.keys) == (LINK, ADDRESS, KEYS)
    assert [(route.name, route.addon, route.server) for route in found.routes] == [
        ("r1", "shop-1", Endpoint(host="127.0.0.1", port=5432))
    ]
    assert links.all().targets == ()
    assert KEYS.key.reveal() not in str(store.all())


def test_an_end_that_is_opened_again_without_keys_keeps_those_it_has_and_its_routes(links: LinkRecords):
    with pytest.raises(ProviderError, match="has no keys in region us"):
        links.put_end(LINK, ADDRESS, None)
    links.put_end(LINK, ADDRESS, KEYS)
    links.put_route(LINK, "r1", SHOP)
    elsewhere = replace(ADDRESS, port=8443)
    links.put_end(LINK, elsewhere, None)
    (found,) = links.all().links
    assert (found.address, found.keys, len(found.routes)) == (elsewhere, KEYS, 1)


def test_a_later_instance_between_the_same_regions_takes_the_place_of_the_earlier(links: LinkRecords):
    links.put_end(LINK, ADDRESS, KEYS)
    links.put_route(LINK, "r1", SHOP)
    later = replace(LINK, id="a2")
    other_way = replace(LINK, id="b1", source="eu", target="us")
    links.put_end(other_way, ADDRESS, KEYS)
    links.put_end(later, ADDRESS, KEYS)
    assert {found.spec for found in links.all().links} == {later, other_way}
    assert [found.routes for found in links.all().links] == [(), ()]


def test_a_route_of_an_add_on_that_is_gone_leads_nowhere(links: LinkRecords, store: RecordStore):
    links.put_end(LINK, ADDRESS, KEYS)
    links.put_route(LINK, "r1", SHOP)
    links.put_pair(SCOPE, "r2", SHOP, BLOG)
    assert links.all().networks == {"r1": ("shop-1",), "r2": ("shop-1", "blog-1")}
    store.remove(str(SCOPE), (SHOP, "i1"))
    assert links.all().networks == {}


def test_what_is_not_of_this_region_is_refused(links: LinkRecords):
    with pytest.raises(ProviderError, match="has no end in region us"):
        links.put_route(LINK, "r1", SHOP)
    links.put_end(LINK, ADDRESS, KEYS)
    with pytest.raises(ProviderError, match=r"addon\.nobody/DATABASE is not in region us"):
        links.put_route(LINK, "r1", ResourceAddress("addon", "nobody", "DATABASE"))


def test_a_removed_link_leaves_no_record(links: LinkRecords, store: RecordStore):
    before = store.all()
    links.put_end(LINK, ADDRESS, KEYS)
    links.put_route(LINK, "r1", SHOP)
    links.put_pair(SCOPE, "r2", SHOP, BLOG)
    for _ in range(2):
        links.remove_end(LINK)
        links.remove_pair(SCOPE, "r2")
    assert store.all() == before
