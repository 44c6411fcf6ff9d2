"""Clients that never retry: fresh and kept connections, POSTs, 2-second answers, WebSocket-like tunnels."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter

from router_dyno import Loop

PAUSE_S = 0.004


class Connection:
    """One client connection to the router. Any surprise raises."""

    def __init__(self, port: int, host: str, address: str = "127.0.0.1") -> None:
        self._port, self._host, self._address = port, host, address
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._address, self._port)
        return self._streams

    async def request(self, method: str, target: str, body: str = "") -> dict[str, str]:
        reader, writer = await self._open()
        head = f"{method} {target} HTTP/1.1\r\nHost: {self._host}\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write((head + body).encode())
        answer = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        status = answer.split(" ", 2)[1]
        length = int(answer.split("content-length: ")[1].split("\r\n")[0])
        content = await reader.readexactly(length)
        if "connection: close" in answer:
            self.close()
        if status != "200":
            raise RuntimeError(f"status {status}")
        seen: dict[str, str] = json.loads(content)
        if seen["body"] != body:
            raise RuntimeError("the answer is to another request")
        return seen

    async def upgrade(self) -> None:
        reader, writer = await self._open()
        writer.write(f"GET /ws HTTP/1.1\r\nHost: {self._host}\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n".encode())
        answer = await reader.readuntil(b"\r\n\r\n")
        if b" 101 " not in answer:
            raise RuntimeError(answer.decode("latin-1").splitlines()[0])

    async def echo(self, word: str) -> None:
        reader, writer = await self._open()
        writer.write(f"{word}\n".encode())
        if await reader.readline() != f"{word}\n".encode():
            raise RuntimeError("the tunnel is broken")

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


class Load:
    """Mixed traffic to one app until `stop`. `failures` has one line a failed request, `names` who answered."""

    def __init__(self, loop: Loop, port: int, host: str, address: str = "127.0.0.1") -> None:
        self.ok = 0
        self.failures: list[str] = []
        self.names: Counter[str] = Counter()
        self._loop, self._port, self._host, self._address = loop, port, host, address
        self._stopping = False
        clients = (
            [self._fresh() for _ in range(4)]
            + [self._kept() for _ in range(4)]
            + [self._posts() for _ in range(3)]
            + [self._slow() for _ in range(6)]
            + [self._tunnels() for _ in range(2)]
        )
        self._tasks = [asyncio.run_coroutine_threadsafe(client, loop.loop) for client in clients]

    def stop(self) -> None:
        """Every client ends its last request."""
        self._stopping = True
        for task in self._tasks:
            task.result(30)

    async def _try(self, kind: str, connection: Connection, method: str, target: str, body: str = "") -> None:
        try:
            seen = await connection.request(method, target, body)
            self.names[seen["name"]] += 1
            self.ok += 1
        except (OSError, RuntimeError, asyncio.IncompleteReadError) as failure:
            self.failures.append(f"{kind}: {failure!r}")
            connection.close()

    async def _fresh(self) -> None:
        while not self._stopping:
            connection = Connection(self._port, self._host, self._address)
            await self._try("fresh", connection, "GET", "/")
            connection.close()
            await asyncio.sleep(PAUSE_S)

    async def _kept(self) -> None:
        connection = Connection(self._port, self._host, self._address)
        while not self._stopping:
            await self._try("kept", connection, "GET", "/")
            await asyncio.sleep(PAUSE_S)
        connection.close()

    async def _posts(self) -> None:
        connection = Connection(self._port, self._host, self._address)
        for number in itertools.count():
            if self._stopping:
                break
            await self._try("POST", connection, "POST", "/", f"order {number}")
            if number % 2:
                connection.close()
            await asyncio.sleep(PAUSE_S)
        connection.close()

    async def _slow(self) -> None:
        while not self._stopping:
            connection = Connection(self._port, self._host, self._address)
            await self._try("slow", connection, "GET", "/slow?s=2")
            connection.close()

    async def _tunnels(self) -> None:
        while not self._stopping:
            connection = Connection(self._port, self._host, self._address)
            try:
                await connection.upgrade()
                for number in range(30):
                    await connection.echo(f"message {number}")
                    await asyncio.sleep(0.03)
                self.ok += 1
            except (OSError, RuntimeError, asyncio.IncompleteReadError) as failure:
                self.failures.append(f"tunnel: {failure!r}")
            connection.close()
