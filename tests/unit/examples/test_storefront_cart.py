from __future__ import annotations

import pytest
from examples_case import shop_module

cart = shop_module("cart")


def test_a_total_is_the_sum_of_price_times_quantity():
    assert cart.total_cents({"mug": 2, "poster": 1}) == 2 * 1250 + 2400
    assert cart.total_cents({}) == 0


def test_adding_a_product_again_adds_up_and_leaves_the_old_cart_alone():
    before = {"mug": 2}
    assert cart.added(before, "mug", 3) == {"mug": 5}
    assert cart.added(before, "poster", 1) == {"mug": 2, "poster": 1}
    assert before == {"mug": 2}


def test_a_cart_holds_at_most_99_of_a_product():
    assert cart.added({"mug": 98}, "mug", 1) == {"mug": 99}
    with pytest.raises(cart.CartError, match="from 1 to 99"):
        cart.added({"mug": 99}, "mug", 1)


@pytest.mark.parametrize("quantity", [0, -1, 100, True, 1.0, "1", None])
def test_a_quantity_is_a_whole_number_from_1_to_99(quantity):
    with pytest.raises(cart.CartError, match="whole number"):
        cart.checked_items({"mug": quantity})


@pytest.mark.parametrize("sku", ["mugs", "", None, 7, ["mug"]])
def test_an_unknown_product_is_refused_with_the_known_ones(sku):
    with pytest.raises(cart.CartError, match="mug, notebook, poster"):
        cart.checked_quantity(sku, 1)


@pytest.mark.parametrize("items", [None, {}, [], "mug", [["mug", 1]]])
def test_an_order_needs_items(items):
    with pytest.raises(cart.CartError, match="needs items"):
        cart.checked_items(items)


@pytest.mark.parametrize(("cents", "text"), [(0, "$0.00"), (5, "$0.05"), (1250, "$12.50"), (123456, "$1,234.56")])
def test_a_price_is_shown_in_dollars_and_cents(cents, text):
    assert cart.price(cents) == text
