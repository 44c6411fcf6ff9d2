"""The storefront moves us -> eu under load, its database followed before the freeze, promoted in it; and goes back."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from moving_shop import CONFIRMED, Customers, MovingShop

FOLLOW = {"DATABASE": "follow"}


@pytest.fixture
def shop() -> Iterator[MovingShop]:
    found = MovingShop()
    try:
        found.start()
        yield found
    finally:
        found.close()


@pytest.mark.timeout(400)
def test_no_placed_order_is_lost_in_a_freeze_that_waits_for_the_last_changes_only(shop: MovingShop) -> None:
    customers = Customers(list(shop.ports.values())).start()
    try:
        customers.wait_for(20)
        shop.lay_out("eu", FOLLOW)
        told = shop.apply().stdout
        customers.wait_for(20)
    finally:
        customers.stop()
    print(f"\nmove with follow: {len(customers.placed)} orders placed, {customers.failed} requests refused, ", end="")
    print(f"frozen for {customers.longest_gap_s:.1f} s")
    assert "DATABASE follows until then, promoted in seconds" in told
    # It is copied and follows while us serves; in the freeze it is promoted, and then eu starts.
    order = [
        "follower.storefront/DATABASE: copy: done",
        "app.storefront: updating",
        "follower.storefront/DATABASE: promoting",
        "release.storefront: creating",
    ]
    assert [told.index(line) for line in order] == sorted(told.index(line) for line in order)
    assert len(customers.placed) == len(set(customers.placed))
    assert set(customers.placed) <= shop.orders()
    assert (shop.status("us"), shop.status("eu")) == (503, 200)
    assert shop.dyno_count("us") == 0
    assert "No changes" in shop.dpaas("plan", "--detailed-exitcode").stdout
    (move,) = json.loads(shop.dpaas("move", "status", "--json").stdout)
    followed = move["followed"]["DATABASE"]
    assert followed["promoted"] is True
    assert followed["check"]["wrong"] == []
    assert followed["check"]["comparisons"] > 0
    shown = shop.dpaas("move", "status").stdout
    assert "DATABASE: followed, and was promoted" in shown
    assert f"compared afterwards: {followed['check']['comparisons']} of {followed['check']['comparisons']}" in shown

    before = shop.orders()
    shop.dpaas("move", "back", "storefront", "--out", "back.json")
    shop.dpaas("apply", "back.json")
    assert (shop.status("us"), shop.status("eu")) == (200, 503)
    in_us = shop.orders()
    assert in_us < before
    shop.lay_out("us", FOLLOW)
    assert "No changes" in shop.dpaas("plan", "--detailed-exitcode").stdout
    shop.dpaas("move", "finish", "storefront", "--auto-approve", *CONFIRMED)
    assert "No move is open" in shop.dpaas("move", "status").stdout
    assert shop.orders() == in_us
    assert not [p for p in shop.processes() if str(shop.directory / ".dpaas/regions/eu") in " ".join(p.cmdline())]
    assert "No changes" in shop.dpaas("plan", "--detailed-exitcode").stdout
