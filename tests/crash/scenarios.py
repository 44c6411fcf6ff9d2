"""What is applied while it is killed: a platform of three apps in two regions, and six ways to change it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Apps = dict[str, dict[str, Any]]


def _dynos(quantity: int, command: str = "./serve") -> dict[str, Any]:
    return {"command": command, "size": "standard-1x", "quantity": quantity}


THREE_APPS: Apps = {
    "shop": {
        "region": "us",
        "source": {"path": "./src"},
        "config": {
            "LOG_LEVEL": "info",
            "SESSION_KEY": {"generate": 32},
            "API_URL": {"app": "api", "attribute": "url"},
        },
        "formation": {"web": _dynos(2)},
        "addons": [{"plan": "postgres:standard-0", "as": "DATABASE"}],
        "domains": ["www.example.com"],
    },
    "api": {
        "region": "us",
        "source": {"path": "./src"},
        "config": {"SHOP_URL": {"app": "shop", "attribute": "url"}},
        "formation": {"web": _dynos(1), "worker": _dynos(1, "./work")},
        "addons": [{"plan": "redis:premium-0", "as": "CACHE"}, {"attach": "shop/DATABASE", "as": "SHARED"}],
    },
    "site": {
        "region": "eu",
        "source": {"path": "./src"},
        "config": {"API_URL": {"app": "api", "attribute": "url"}},
        "formation": {"web": _dynos(2)},
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """From `before` (nothing, where it is None) to `after` by `command`, which is killed and then run again."""

    name: str
    before: Apps | None
    after: Apps
    command: Sequence[str]
    rows: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Data that add-ons of region us hold before the command, by address."""
    moved: Sequence[Mapping[str, str]] = ()
    """What the Platform says to have another name by now."""


def _changed(change: Callable[[Apps], None]) -> Apps:
    apps = copy.deepcopy(THREE_APPS)
    change(apps)
    return apps


def _config_and_scale(apps: Apps) -> None:
    apps["shop"]["config"] |= {"LOG_LEVEL": "debug", "COLOUR": "red"}
    apps["shop"]["formation"]["web"]["quantity"] = 4
    apps["api"]["formation"]["worker"]["quantity"] = 2
    del apps["site"]["config"]["API_URL"]


def _addons(apps: Apps) -> None:
    apps["api"]["addons"] = [{"attach": "shop/DATABASE", "as": "SHARED"}]
    # Another service under the same name can only be another add-on: the old one goes, a new one comes.
    apps["shop"]["addons"] = [{"plan": "redis:premium-0", "as": "DATABASE"}]


def _other_region(apps: Apps) -> None:
    apps["api"]["region"] = "eu"


def _renamed(apps: Apps) -> None:
    apps["store"] = apps.pop("shop")
    apps["store"]["addons"][0]["as"] = "MAIN"
    apps["api"]["config"]["SHOP_URL"]["app"] = "store"
    apps["api"]["addons"][1]["attach"] = "store/MAIN"


FORKED: Apps = {
    **copy.deepcopy(THREE_APPS),
    "shop-eu": {
        "from": "shop",
        "region": "eu",
        "data": {"DATABASE": "copy"},
        "domains": {"www.example.com": "www.example.eu"},
    },
    "shop-eu-too": {"from": "shop-eu", "region": "eu", "data": {"DATABASE": "copy"}},
}
"""A fork, and a fork of the fork."""

_DATA = ("--confirm", "addon.shop/DATABASE", "--confirm", "addon.api/CACHE")

SCENARIOS: tuple[Scenario, ...] = (
    Scenario(name="first create", before=None, after=THREE_APPS, command=("apply", "--auto-approve")),
    Scenario(
        name="config and scale",
        before=THREE_APPS,
        after=_changed(_config_and_scale),
        command=("apply", "--auto-approve"),
    ),
    Scenario(
        name="add-on removed and replaced",
        before=THREE_APPS,
        after=_changed(_addons),
        command=("apply", "--auto-approve", *_DATA),
    ),
    Scenario(
        name="fork of a fork",
        before=THREE_APPS,
        after=FORKED,
        command=("apply", "--auto-approve"),
        rows={"addon.shop/DATABASE": {"order 1": "two mugs", "order 2": "a poster"}},
    ),
    Scenario(
        name="move between regions",
        before=THREE_APPS,
        after=_changed(_other_region),
        command=("apply", "--auto-approve"),
        rows={"addon.api/CACHE": {"session 1": "a mug", "session 2": "nothing"}},
    ),
    Scenario(
        name="app and add-on renamed",
        before=THREE_APPS,
        after=_changed(_renamed),
        command=("apply", "--auto-approve"),
        rows={"addon.shop/DATABASE": {"order 1": "two mugs"}},
        moved=[{"from": "app.shop", "to": "app.store"}, {"from": "addon.shop/DATABASE", "to": "addon.store/MAIN"}],
    ),
    Scenario(name="destroy", before=THREE_APPS, after=THREE_APPS, command=("destroy", "--auto-approve", *_DATA)),
)
