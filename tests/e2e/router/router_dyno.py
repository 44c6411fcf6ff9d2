"""A tiny real web process for router tests: it can be slow, silent, rude, or dead."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Coroutine
from typing import Any
from urllib.parse import parse_qs, urlsplit


class Loop:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def call(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(30)

    def close(self) -> None:
        async def cancel_all() -> None:
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        self.call(cancel_all())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()


class Dyno:
    """Answers `/` with what it saw; other paths misbehave as named. `kill` cuts every connection at once."""

    def __init__(self, loop: Loop, name: str, address: str = "127.0.0.1") -> None:
        self.name = name
        self.health = 200
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self._loop = loop
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server = loop.call(asyncio.start_server(self._serve, address, 0))
        self.port: int = self._server.sockets[0].getsockname()[1]

    def seen(self, path: str) -> int:
        return sum(1 for _, seen, _ in self.requests if seen == path)

    @property
    def is_busy(self) -> bool:
        """Whether any connection is open."""
        return bool(self._writers)

    def kill(self) -> None:
        async def cut() -> None:
            self._server.close()
            for writer in list(self._writers):
                writer.transport.abort()

        self._loop.call(cut())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while await self._answer(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ", 2)
        headers = {key.lower(): value for key, value in (line.split(": ", 1) for line in head[1:] if line)}
        url = urlsplit(target)
        self.requests.append((method, url.path, headers))
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        if headers.get("upgrade"):
            return await self._tunnel(reader, writer)
        match url.path:
            case "/close":
                return False
            case "/silent":
                await reader.read()
            case "/half" | "/stall":
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789")
                await writer.drain()
                if url.path == "/stall":
                    await reader.read()
                return False
            case "/slow":
                await asyncio.sleep(float(parse_qs(url.query)["s"][0]))
            case _:
                pass
        status = self.health if url.path == "/healthz" else 200
        seen = {"name": self.name, "method": method, "target": target, "headers": headers, "body": body.decode()}
        answer = b"" if method == "HEAD" else json.dumps(seen).encode()
        writer.write(f"HTTP/1.1 {status} Fine\r\nContent-Length: {len(answer)}\r\n\r\n".encode() + answer)
        await writer.drain()
        return headers.get("connection", "") != "close"

    async def _tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
        while line := await reader.readline():
            writer.write(line)
            await writer.drain()
        return False
