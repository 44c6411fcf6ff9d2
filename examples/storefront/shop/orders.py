"""Orders in PostgreSQL. A new order notifies the channel `orders`, on which the workers listen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

CHANNEL = "orders"

Row = dict[str, Any]

_COLUMNS = "id, items, total_cents, status, placed_by, placed_at, processed_by, processed_at"


def place(connection: psycopg.Connection, items: Mapping[str, int], total_cents: int, dyno: str) -> int:
    """Stores an order as `placed` and wakes a worker once it is committed; returns its id."""
    with connection.transaction():
        row = connection.execute(
            "INSERT INTO orders (items, total_cents, placed_by) VALUES (%s, %s, %s) RETURNING id",
            (Jsonb(dict(items)), total_cents, dyno),
        ).fetchone()
        assert row is not None
        connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, str(row[0])))
    return int(row[0])


def find(connection: psycopg.Connection, order: int) -> Row | None:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(f"SELECT {_COLUMNS} FROM orders WHERE id = %s", (order,)).fetchone()


def latest(connection: psycopg.Connection, count: int) -> list[Row]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(f"SELECT {_COLUMNS} FROM orders ORDER BY id DESC LIMIT %s", (count,)).fetchall()


def process_next(connection: psycopg.Connection, dyno: str) -> int | None:
    """Takes the oldest placed order that no other worker holds, to `processed`; None when there is none.

    One transaction: a worker that dies on the way leaves the order `placed`, for another to take.
    """
    with connection.transaction():
        row = connection.execute(
            "SELECT id FROM orders WHERE status = 'placed' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED"
        ).fetchone()
        if row is None:
            return None
        # Here a real shop would charge the card and tell the warehouse.
        connection.execute(
            "UPDATE orders SET status = 'processed', processed_by = %s, processed_at = now() WHERE id = %s",
            (dyno, row[0]),
        )
    return int(row[0])
