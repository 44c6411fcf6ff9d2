"""Whose a thing is, and what it is called: the same whoever asks."""

from __future__ import annotations

import re

import pytest

from declarative_paas.providers.docker.engine.labels import Labels, is_ours, object_name, told_owner

OWNER = Labels(platform="acme", region="us")


def test_labels_are_read_back_as_they_were_written() -> None:
    labels = OWNER.with_(
        role="dyno",
        scope="acme/default/main",
        app="shop",
        address="formation.shop",
        instance="i1",
        release="3",
        spec="abc",
        key="k",
    )
    assert Labels.of(labels.to_map()) == labels
    assert Labels.of(labels.to_map(slug="x")) == labels
    assert labels.to_map(slug="x")["dpaas.slug"] == "x"


def test_what_is_empty_is_no_label() -> None:
    assert OWNER.to_map() == {"dpaas.platform": "acme", "dpaas.region": "us"}
    assert OWNER.with_(app="shop").filters() == ["dpaas.app=shop", "dpaas.platform=acme", "dpaas.region=us"]


@pytest.mark.parametrize("labels", [None, {}, {"dpaas.platform": "acme"}, {"platform": "acme", "region": "us"}])
def test_what_lacks_our_labels_is_nobodys(labels: dict[str, str] | None) -> None:
    assert Labels.of(labels) is None
    assert not is_ours(labels, OWNER)
    assert told_owner(labels) == "nobody of this tool"


def test_another_platforms_and_another_regions_things_are_not_ours() -> None:
    assert is_ours(OWNER.with_(app="shop").to_map(), OWNER)
    assert not is_ours(OWNER.with_(platform="other").to_map(), OWNER)
    assert not is_ours(OWNER.with_(region="eu").to_map(), OWNER)


def test_names_are_deterministic_and_differ_by_platform_region_and_part() -> None:
    names = {
        object_name(owner, *parts)
        for owner in (OWNER, OWNER.with_(region="eu"), OWNER.with_(platform="other"), OWNER.with_(region="us2"))
        for parts in (("shop", "web.1"), ("shop", "web.2"), ("shop-x", "web.1"), ("shop", "x-web.1"))
    }
    assert len(names) == 16
    assert object_name(OWNER, "shop", "web.1", "v3") == object_name(OWNER, "shop", "web.1", "v3")
    assert re.fullmatch(r"dpaas-[0-9a-f]{8}-shop-web\.1-v3", object_name(OWNER, "shop", "web.1", "v3"))


@pytest.mark.parametrize("parts", [("a" * 80,), ("a" * 79 + "b",), ("shop", "web/1"), ("shop", "web 1"), ("ä",)])
def test_a_name_that_no_engine_takes_is_cut_and_stays_unique(parts: tuple[str, ...]) -> None:
    name = object_name(OWNER, *parts)
    assert re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*", name) and len(name) <= 63
    assert name != object_name(OWNER, *parts[:-1], parts[-1] + "x")
