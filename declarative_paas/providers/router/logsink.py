"""Receives HAProxy's log datagrams and appends Heroku's router lines to each app's log file.

`python -m declarative_paas.providers.router.logsink --port N --logs DIR`; ends on SIGTERM or SIGINT,
having written what it had received.
"""

from __future__ import annotations

import argparse
import select
import signal
import socket
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from declarative_paas.providers import logfile
from declarative_paas.providers.router import heroku_log

LARGEST_DATAGRAM = 65535
# Bursts wait in the kernel while a batch is written.
RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024
BATCH_DATAGRAMS = 1000


def format_batch(datagrams: Iterable[bytes]) -> dict[str, list[str]]:
    """App -> its log lines, in the order of arrival; datagrams that are no request of an app are dropped."""
    lines: dict[str, list[str]] = {}
    for datagram in datagrams:
        record = heroku_log.parse(datagram.decode("utf-8", "replace"))
        if record is not None:
            at = datetime.fromtimestamp(record.at_ms / 1000, UTC)
            text = logfile.log_line(at, "heroku", "router", heroku_log.message(record))
            lines.setdefault(record.app, []).append(text)
    return lines


def receive_waiting(receiver: socket.socket) -> list[bytes]:
    """Every datagram that is there now, up to a batch; waits for none."""
    batch: list[bytes] = []
    while len(batch) < BATCH_DATAGRAMS:
        try:
            batch.append(receiver.recv(LARGEST_DATAGRAM))
        except BlockingIOError:
            break
    return batch


def write_batch(logs: Path, datagrams: Iterable[bytes]) -> None:
    """One write an app. A log that cannot be written is told on stderr; the others go on."""
    for app, lines in format_batch(datagrams).items():
        try:
            logfile.append(logs / f"{app}.log", lines)
        except OSError as failure:
            print(f"{len(lines)} router lines of {app} are lost: {failure}", file=sys.stderr, flush=True)


def serve(port: int, logs: Path) -> None:
    """Receives until a signal asks to end."""
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
    receiver.setblocking(False)
    receiver.bind(("127.0.0.1", port))
    # A signal writes to this pair, so that select sees it even if it came just before.
    wake, signalled = socket.socketpair()
    signalled.setblocking(False)
    signal.set_wakeup_fd(signalled.fileno())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end_after_this_batch)
    while True:
        ready, _, _ = select.select([receiver, wake], [], [])
        write_batch(logs, receive_waiting(receiver))
        if wake in ready:
            while rest := receive_waiting(receiver):
                write_batch(logs, rest)
            return


def _end_after_this_batch(number: int, frame: object) -> None:
    """The wakeup descriptor has already told `serve`."""


def main() -> None:
    parser = argparse.ArgumentParser(description="HAProxy's log datagrams to log files, as Heroku's router lines.")
    parser.add_argument("--port", type=int, required=True, help="UDP port on 127.0.0.1")
    parser.add_argument("--logs", type=Path, required=True, help="folder of the <app>.log files")
    arguments = parser.parse_args()
    serve(arguments.port, arguments.logs)


if __name__ == "__main__":
    main()
