"""The worker: processes orders as they are placed. On SIGTERM it finishes the order it holds and ends."""

from __future__ import annotations

import logging
import os
import signal
import threading

import orders
import psycopg
from psycopg import sql

# A notification wakes the worker at once. The timeout is for a SIGTERM that comes while it waits, and for an
# order whose notification came while no worker was listening.
WAIT_S = 1.0

log = logging.getLogger("worker")


def work(database_url: str, dyno: str, stopping: threading.Event) -> None:
    """Works until `stopping` is set. A lost database raises: the platform starts the dyno again."""
    with psycopg.connect(database_url, autocommit=True, connect_timeout=10) as connection:
        # Listen before looking: an order placed between the two must wake us.
        connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(orders.CHANNEL)))
        log.info("waiting for orders")
        while not stopping.is_set():
            order = orders.process_next(connection, dyno)
            if order is not None:
                log.info("order %d processed by %s", order, dyno)
            else:
                for _ in connection.notifies(timeout=WAIT_S, stop_after=1):
                    pass
    log.info("stopped")


def main() -> None:
    logging.basicConfig(level=os.environ.get("LOG_LEVEL", "info").upper(), format="%(levelname)s %(message)s")
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    work(os.environ["DATABASE_URL"], os.environ.get("DYNO", "worker"), stopping)


if __name__ == "__main__":
    main()
