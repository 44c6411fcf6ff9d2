"""The shop's web process: a page, a cart in Redis, orders in PostgreSQL."""

from __future__ import annotations

import logging
import os
import secrets
import time
from typing import Any

import orders
import psycopg
import redis
from cart import PRODUCTS, CartError, added, checked_items, price, total_cents
from flask import Flask, Response, jsonify, redirect, render_template, request, session
from psycopg_pool import ConnectionPool, PoolTimeout
from werkzeug.exceptions import HTTPException

DYNO = os.environ.get("DYNO", "web")
RELEASE = os.environ.get("HEROKU_RELEASE_VERSION", "")
CART_TTL_S = 7 * 24 * 3600
MAX_SLOW_S = 25.0

logging.basicConfig(level=os.environ.get("LOG_LEVEL", "info").upper(), format="%(levelname)s %(message)s")
logging.getLogger("psycopg.pool").setLevel(logging.WARNING)
log = logging.getLogger("shop")

app = Flask(__name__)
app.secret_key = os.environ["SESSION_KEY"]
app.config.update(SESSION_COOKIE_SAMESITE="Lax", MAX_CONTENT_LENGTH=64 * 1024)

# One connection a thread at most. `check` replaces a connection that a restarted database has closed.
database = ConnectionPool(
    os.environ["DATABASE_URL"],
    min_size=1,
    max_size=8,
    timeout=5,
    open=True,
    check=ConnectionPool.check_connection,
    kwargs={"autocommit": True, "connect_timeout": 5},
)
carts = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True, socket_timeout=5, socket_connect_timeout=5)


@app.get("/")
def page() -> str:
    cart = _cart()
    with database.connection() as connection:
        found = orders.latest(connection, 10)
    return render_template(
        "index.html",
        products=PRODUCTS,
        cart=cart,
        total=price(total_cents(cart)),
        orders=found,
        price=price,
        dyno=DYNO,
        release=RELEASE,
    )


@app.post("/cart")
def add_to_cart() -> Any:
    """Adds {"sku": "mug", "quantity": 1}, as JSON or as a form; answers the cart."""
    given: Any = request.get_json() if request.is_json else request.form.to_dict()
    if not isinstance(given, dict):
        raise CartError('a cart takes {"sku": "mug", "quantity": 1}')
    sku, quantity = given.get("sku"), given.get("quantity", 1)
    if isinstance(quantity, str) and quantity.isascii() and quantity.isdigit():
        quantity = int(quantity)
    items = added(_cart(), sku, quantity)
    key = _cart_key(create=True)
    with carts.pipeline() as pipeline:
        pipeline.hset(key, sku, items[sku]).expire(key, CART_TTL_S).execute()
    return redirect("/", 303) if _is_browser() else jsonify(items=items, total_cents=total_cents(items))


@app.post("/orders")
def place_order() -> Any:
    """Orders what the JSON body names, else what is in the cart."""
    given = request.get_json() if request.is_json else {"items": _cart()}
    items = checked_items(given.get("items") if isinstance(given, dict) else None)
    with database.connection() as connection:
        order = orders.place(connection, items, total_cents(items), DYNO)
    if not request.is_json:
        carts.delete(_cart_key())
    log.info("order %d placed on %s", order, DYNO)
    if _is_browser():
        return redirect("/", 303)
    return jsonify(id=order, status="placed", total_cents=total_cents(items)), 201, {"Location": f"/orders/{order}"}


@app.get("/orders/<int:order>")
def show_order(order: int) -> Any:
    with database.connection() as connection:
        # An id that PostgreSQL cannot hold belongs to no order.
        found = orders.find(connection, order) if order < 2**63 else None
    if found is None:
        return jsonify(error=f"there is no order {order}"), 404
    moments = {key: found[key] and found[key].isoformat() for key in ("placed_at", "processed_at")}
    return jsonify({**found, **moments})


@app.get("/healthz")
def health() -> Any:
    """200 when both databases answer; else 503, and which does not."""
    checks = {"postgres": "ok", "redis": "ok"}
    try:
        with database.connection(timeout=2) as connection:
            connection.execute("SELECT 1")
    except (psycopg.Error, PoolTimeout):
        checks["postgres"] = "unreachable"
    try:
        carts.ping()
    except redis.RedisError:
        checks["redis"] = "unreachable"
    return jsonify(checks), 200 if set(checks.values()) == {"ok"} else 503


@app.get("/slow")
def slow() -> Any:
    """Answers after ?seconds=N, at most 25: to watch a deploy drain what is under way."""
    seconds = request.args.get("seconds", 2.0, type=float)
    if not 0 <= seconds <= MAX_SLOW_S:
        return jsonify(error=f"seconds must be from 0 to {MAX_SLOW_S:g}"), 400
    time.sleep(seconds)
    return jsonify(slept=seconds, dyno=DYNO)


@app.errorhandler(CartError)
def refuse(error: CartError) -> Any:
    return jsonify(error=str(error)), 400


@app.errorhandler(HTTPException)
def tell(error: HTTPException) -> Any:
    return jsonify(error=error.description), error.code


@app.after_request
def name_dyno(response: Response) -> Response:
    response.headers["X-Dyno"] = DYNO
    return response


def _cart_key(*, create: bool = False) -> str:
    """The cart's key in Redis, from the session cookie; the empty cart of nobody when there is no cookie."""
    if create and "cart" not in session:
        session["cart"] = secrets.token_urlsafe(16)
    return f"cart:{session.get('cart', '')}"


def _cart() -> dict[str, int]:
    """What the visitor has put in; what is not sold any more has fallen out."""
    if "cart" not in session:
        return {}
    return {sku: int(quantity) for sku, quantity in carts.hgetall(_cart_key()).items() if sku in PRODUCTS}


def _is_browser() -> bool:
    return request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html"
