"""What is sold, and the arithmetic of a cart. Pure: no database, no web.

A cart is a mapping of product to quantity; money is whole cents.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

MAX_QUANTITY = 99


class Product(NamedTuple):
    name: str
    price_cents: int


PRODUCTS: Mapping[str, Product] = {
    "mug": Product("Mug", 1250),
    "notebook": Product("Notebook", 890),
    "poster": Product("Poster", 2400),
}


class CartError(ValueError):
    """A cart that cannot be ordered; the message is for the customer."""


def checked_items(items: Any) -> dict[str, int]:
    """The items as product to quantity. Raises CartError for anything else than 1 to 99 of known products."""
    if not isinstance(items, Mapping) or not items:
        raise CartError('an order needs items, such as {"items": {"mug": 2}}')
    return {sku: checked_quantity(sku, quantity) for sku, quantity in items.items()}


def checked_quantity(sku: Any, quantity: Any) -> int:
    """The quantity of one product. Raises CartError."""
    if not isinstance(sku, str) or sku not in PRODUCTS:
        raise CartError(f"there is no product {sku!r}; there are {', '.join(sorted(PRODUCTS))}")
    # True is an int to Python, but one mug is no yes.
    if not isinstance(quantity, int) or isinstance(quantity, bool) or not 1 <= quantity <= MAX_QUANTITY:
        raise CartError(f"the quantity of {sku} must be a whole number from 1 to {MAX_QUANTITY}")
    return quantity


def added(items: Mapping[str, int], sku: Any, quantity: Any) -> dict[str, int]:
    """The cart with that much more of one product. Raises CartError, also when it were too much together."""
    more = checked_quantity(sku, quantity)
    return {**items, sku: checked_quantity(sku, items.get(sku, 0) + more)}


def total_cents(items: Mapping[str, int]) -> int:
    """What checked items cost together."""
    return sum(PRODUCTS[sku].price_cents * quantity for sku, quantity in items.items())


def price(cents: int) -> str:
    return f"${cents // 100:,}.{cents % 100:02}"
