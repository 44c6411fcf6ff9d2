"""The storefront moves us -> eu while customers order, goes back, moves again, and is finished there."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from moving_shop import CONFIRMED, Customers, MovingShop


@pytest.fixture
def shop() -> Iterator[MovingShop]:
    found = MovingShop()
    try:
        found.start()
        yield found
    finally:
        found.close()


@pytest.mark.timeout(400)
def test_no_placed_order_is_lost_and_the_old_side_is_kept_until_it_is_finished(shop: MovingShop) -> None:
    customers = Customers(list(shop.ports.values())).start()
    try:
        customers.wait_for(20)
        shop.lay_out("eu")
        told = shop.apply().stdout
        # Served again, and from eu: us answers with its maintenance page.
        customers.wait_for(20)
    finally:
        customers.stop()
    print(f"\nmove: {len(customers.placed)} orders placed, {customers.failed} requests refused, ", end="")
    print(f"frozen for {customers.longest_gap_s:.1f} s")
    assert "DOWNTIME" in told
    assert told.index("move_copy.storefront/DATABASE: copy: done") < told.index("release.storefront: creating")
    # A duplicate number would be an order of us whose number eu gave again.
    assert len(customers.placed) == len(set(customers.placed))
    assert set(customers.placed) <= shop.orders()
    assert (shop.status("us"), shop.status("eu")) == (503, 200)
    assert shop.dyno_count("us") == 0
    assert shop.dyno_count("eu") > 0
    assert "No changes" in shop.dpaas("plan", "--detailed-exitcode").stdout
    (move,) = json.loads(shop.dpaas("move", "status", "--json").stdout)
    assert (move["source"], move["target"], move["waiting"]) == ("us", "eu", 0)
    assert "addon.storefront/DATABASE" in move["kept"]

    before = shop.orders()
    back = shop.dpaas("move", "back", "storefront", "--auto-approve").stdout
    assert "change it to us" in back
    assert (shop.status("us"), shop.status("eu")) == (200, 503)
    # As it was when it was stopped: nothing less, and nothing of eu.
    in_us = shop.orders()
    assert in_us < before
    assert {order for order in customers.placed if order <= max(in_us)} <= in_us
    shop.dpaas("plan", expect=1)
    shop.lay_out("us")
    assert "No changes" in shop.dpaas("plan", "--detailed-exitcode").stdout

    refused = shop.dpaas("move", "finish", "storefront", "--auto-approve", expect=1)
    assert "--confirm addon.storefront/DATABASE" in refused.stdout + refused.stderr
    shop.dpaas("move", "finish", "storefront", "--auto-approve", *CONFIRMED)
    assert "No move is open" in shop.dpaas("move", "status").stdout
    assert shop.orders() == in_us
    assert not [p for p in shop.processes() if str(shop.directory / ".dpaas/regions/eu") in " ".join(p.cmdline())]
    assert "No changes" in shop.dpaas("plan", "--detailed-exitcode").stdout
