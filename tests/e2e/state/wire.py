"""A TCP wire to the server that counts its turns and can be cut: what a network does to a state."""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass, field


@dataclass
class Wire:
    """Forwards connections to `port`. A turn begins when the client speaks after the server has."""

    port: int
    turns: int = 0
    sent: bytes = b""
    cut_when: bytes = b""
    """What a client's message holds that cuts the wire."""
    passes: bool = True
    """Whether that message still reaches the server."""
    _pairs: list[tuple[socket.socket, socket.socket]] = field(default_factory=list[tuple[socket.socket, socket.socket]])

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._speaker = "server"
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Ends every connection, as a firewall that forgot them."""
        for pair in self._pairs:
            for end in pair:
                _end(end)
        self._pairs.clear()

    def close(self) -> None:
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.port))
            self._pairs.append((client, server))
            threading.Thread(target=self._carry, args=(client, server, "client"), daemon=True).start()
            threading.Thread(target=self._carry, args=(server, client, "server"), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, speaker: str) -> None:
        try:
            while data := source.recv(1 << 20):
                with self._lock:
                    if speaker == "client" and self._speaker == "server":
                        self.turns += 1
                    self._speaker = speaker
                if speaker == "client":
                    self.sent += data
                    if self.cut_when and self.cut_when in data:
                        self._cut_now(source, target, data)
                        return
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            _end(end)

    def _cut_now(self, client: socket.socket, server: socket.socket, data: bytes) -> None:
        self.cut_when = b""
        # The client first: it must not hear an answer.
        _end(client)
        if self.passes:
            server.sendall(data)
            server.shutdown(socket.SHUT_WR)
        else:
            _end(server)


def _end(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
