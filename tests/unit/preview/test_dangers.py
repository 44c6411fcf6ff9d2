"""What is alike is told once, of however many; what is told of one alone keeps its own words."""

from __future__ import annotations

from dataclasses import replace

from declarative_paas.core.plan import RiskKind
from declarative_paas.preview.dangers import dangers_of
from declarative_paas.preview.model import RiskView


def loss(app: str, *, confirmed: bool = False) -> RiskView:
    return RiskView(
        kind=RiskKind.DATA_LOSS,
        detail=f"the data of addon.{app}/DB is destroyed",
        address=f"addon.{app}/DB",
        app=app,
        avoid=f"declare addon.{app}/DB again in {app}",
        confirmed=confirmed,
    )


def test_a_few_are_told_each_in_its_own_words() -> None:
    found = dangers_of([loss("a"), loss("b"), loss("c")])
    assert [(danger.detail, danger.addresses, danger.alike) for danger in found] == [
        (f"the data of addon.{app}/DB is destroyed", (), False) for app in "abc"
    ]


def test_many_that_differ_in_the_resource_only_are_told_as_one() -> None:
    [danger] = dangers_of([loss(app) for app in ("shop", "api", "www", "shop-eu")])
    assert (danger.detail, danger.avoid) == (
        "the data of each of them is destroyed",
        "declare each of them again in its app",
    )
    assert danger.addresses == ("addon.shop/DB", "addon.api/DB", "addon.www/DB", "addon.shop-eu/DB")
    assert danger.apps == ("api", "shop", "shop-eu", "www")


def test_of_one_app_the_name_stays_though_it_be_a_word_of_the_sentence() -> None:
    [danger] = dangers_of(
        [replace(loss("data"), address=f"addon.data/{n}", detail=f"the data of addon.data/{n}") for n in range(4)]
    )
    assert (danger.detail, danger.avoid) == ("the data of each of them", "declare addon.data/DB again in data")
    found = dangers_of([loss(app) for app in ("data", "a", "b", "c", "e")])
    assert [danger.detail for danger in found] == [
        "the data of addon.data/DB is destroyed",
        "the data of each of them is destroyed",
    ]


def test_what_was_agreed_to_and_what_was_not_are_told_apart() -> None:
    found = dangers_of([loss(app, confirmed=app < "m") for app in "abcdxyzw"])
    assert [(danger.headline, len(danger.risks)) for danger in found] == [("DATA LOSS, confirmed", 4), ("DATA LOSS", 4)]


def test_many_in_the_same_words_keep_them() -> None:
    moves = [
        RiskView(
            kind=RiskKind.REGION_MOVE,
            detail="region us -> eu",
            address=f"{kind}.shop",
            app="shop",
            avoid="leave shop in region us",
        )
        for kind in ("app", "config", "slug", "release", "formation")
    ]
    [danger] = dangers_of(moves)
    assert (danger.detail, danger.avoid, danger.alike) == ("region us -> eu", "leave shop in region us", False)
    assert len(danger.addresses) == 5


def test_a_restart_is_no_danger() -> None:
    risk = RiskView(kind=RiskKind.RESTART, detail="web.1 restarts", address="formation.a", app="a", avoid="")
    assert dangers_of([risk]) == ()
