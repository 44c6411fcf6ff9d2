"""An app's log: what its containers printed, what the router and the engine know of them, merged by time."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from declarative_paas.core.provider import ProviderError
from declarative_paas.providers.docker.engine.connection import Engine
from declarative_paas.providers.docker.logbook import Kept
from declarative_paas.providers.logfile import log_line

LOOK_AGAIN_S = 1.0
"""While following: how soon a container that is new is found."""

LATE_S = 30.0
"""While following: how much later than it happened the platform may tell of something."""

ROUTER_TAIL = 20
"""The router's lines are of all apps: so many times the wanted number of them are read for one app's."""

ROUTER_TAIL_MOST = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A container whose output belongs to the log. `told` makes lines of the log of one line of its output."""

    container: str
    told: Callable[[datetime, str], str | None]


def dyno_source(container: str, dyno: str) -> Source:
    return Source(container=container, told=lambda at, text: log_line(at, "app", dyno, text))


def router_source(container: str, app: str) -> Source:
    """The router's own output, of which only the requests to this app are told."""
    from declarative_paas.providers.docker.services.router_logs import router_line

    def told(_: datetime, text: str) -> str | None:
        found = router_line(text)
        return found[1] if found is not None and found[0] == app else None

    return Source(container=container, told=told)


def tail(engine: Engine, sources: Sequence[Source], kept: Callable[[], Kept], count: int, *, router: str) -> list[str]:
    """The last lines of them all, oldest first. `kept` is asked last: what is removed meanwhile is in there then."""
    if count <= 0:
        return []
    lines: list[str] = []
    for source in sources:
        wanted = min(count * ROUTER_TAIL, ROUTER_TAIL_MOST) if source.container == router else count
        lines += said(engine, source, wanted)
    more = kept()
    read = set(lines)
    lines += [line for line in more.said if line not in read]
    # The engine and the keeper may both know of an end.
    lines += set(more.told)
    # Every line begins with its time, in one form: their order as texts is that of time.
    return sorted(lines)[-count:]


def said(engine: Engine, source: Source, count: int) -> list[str]:
    """The last lines of one container; none of one that is gone."""
    return list(_told(source, _printed(engine, source.container, tail=count, follow=False)))


def follow(
    engine: Engine,
    sources: Callable[[], Sequence[Source]],
    told: Callable[[datetime], Iterable[str]],
    before: Sequence[str],
    started: datetime,
) -> Iterator[str]:
    """`before`, then lines as they come, of containers that come later too, until the caller stops asking.

    `started` is a moment before `before` was read, by the engine's clock. `told` are the platform's own lines since a
    moment, and is asked again and again; one may be late.
    """
    yield from before
    # What came between the question for the time and that for the last lines is in both.
    told_already = set(before)
    began = time.monotonic()
    came: queue.SimpleQueue[str] = queue.SimpleQueue()
    read_now: set[str] = set()
    read_until: dict[str, datetime] = {}
    ended = threading.Event()

    def read(source: Source) -> None:
        name = source.container
        try:
            since = read_until.get(name, started)
            for at, text in _printed(engine, name, since=since, follow=True):
                if ended.is_set():
                    return
                line = source.told(at, text) if at > since else None
                read_until[name] = at
                if line is not None and line not in told_already:
                    came.put(line)
        except ProviderError:
            pass  # removed, or cut off, while we read it: what is still there is read from where we were
        finally:
            read_now.discard(name)

    try:
        while True:
            for source in sources():
                if source.container not in read_now:
                    read_now.add(source.container)
                    threading.Thread(target=read, args=(source,), daemon=True).start()
            yield from _within(came, LOOK_AGAIN_S)
            # By the engine's clock, as far as ours runs like it.
            now = started + timedelta(seconds=time.monotonic() - began)
            since = max(started, now - timedelta(seconds=LATE_S))
            fresh = sorted(set(_known(told, since)) - told_already)
            told_already = {line for line in told_already if line >= since.isoformat()} | set(fresh)
            yield from fresh
    finally:
        ended.set()


def events(
    engine: Engine, labels: Sequence[str], until: datetime, *, since: datetime | None = None, starts: bool = False
) -> list[Mapping[str, Any]]:
    """The engine's events about containers with all of the labels that ended, or ran out of memory, or `starts`.

    An engine remembers its last 256 events, of everything: what is older is forgotten.
    """
    kinds = ["die", "oom", *(["start"] if starts else [])]
    wanted = {"type": "container", "event": kinds, "label": list(labels)}
    first = 0.0 if since is None else since.timestamp()
    with engine.told("read the engine's events"):
        api: Any = engine.api
        return list(api.events(since=first, until=until.timestamp(), filters=wanted, decode=True))


def engine_time(engine: Engine) -> datetime:
    """Now, by the clock that the lines' times are of; ours may be another."""
    with engine.told("ask for the time"):
        told: Any = engine.api.info()["SystemTime"]
    return moment(str(told)) or datetime.now(UTC)


def _known(told: Callable[[datetime], Iterable[str]], since: datetime) -> Iterable[str]:
    try:
        return told(since)
    except ProviderError:
        return ()  # an engine that is restarted: what it knows then is asked again


def _within(came: queue.SimpleQueue[str], seconds: float) -> Iterator[str]:
    try:
        yield came.get(timeout=seconds)
        while True:
            yield came.get_nowait()
    except queue.Empty:
        return


def _told(source: Source, printed: Iterable[tuple[datetime, str]]) -> Iterator[str]:
    for at, text in printed:
        line = source.told(at, text)
        if line is not None:
            yield line


def _printed(
    engine: Engine, container: str, *, tail: int | str = "all", since: datetime | None = None, follow: bool
) -> Generator[tuple[datetime, str]]:
    """Each line that a container printed, with its time; nothing for one that is gone. Raises ProviderError."""
    import docker.errors

    api: Any = engine.api
    rest = b""
    with engine.told(f"read the log of {container}"):
        try:
            pieces: Any = api.logs(
                container,
                stdout=True,
                stderr=True,
                stream=True,
                follow=follow,
                timestamps=True,
                tail=tail,
                since=since.timestamp() if since is not None else None,
            )
            for piece in pieces:
                *whole, rest = (rest + piece).split(b"\n")
                for line in whole:
                    found = parse(line)
                    if found is not None:
                        yield found
        except docker.errors.NotFound:
            return
        except docker.errors.APIError as problem:
            # A one-off dyno on a person's own streams.
            if "does not support reading" not in str(problem):
                raise


def parse(line: bytes) -> tuple[datetime, str] | None:
    """`2026-11-24T10:00:00.123456789Z text` as the engine gives it; None for what is no such line. Pure."""
    stamp, _, text = line.decode("utf-8", "replace").partition(" ")
    at = moment(stamp)
    return None if at is None else (at, text.removesuffix("\r"))


def moment(stamp: str) -> datetime | None:
    """The engine's form of a time, in UTC; its nanoseconds are cut to microseconds. None for "never". Pure."""
    try:
        at = datetime.fromisoformat(stamp)
    except ValueError:
        return None
    # An offset of its own: an engine tells its own clock's time in its own zone.
    return at.astimezone(UTC) if at.year > 1 and at.tzinfo is not None else None
