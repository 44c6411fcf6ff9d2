"""An app's log in a region: of its containers and its router, its engine and its keeper; what is kept of a dyno."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from declarative_paas.core.provider import ProviderError
from declarative_paas.providers.docker import logs
from declarative_paas.providers.docker.dyno_containers import DYNO, ONE_OFF, dyno_name, is_of, name_of
from declarative_paas.providers.docker.engine import containers, inventory
from declarative_paas.providers.docker.engine.inventory import ContainerView
from declarative_paas.providers.docker.engine.labels import Labels
from declarative_paas.providers.docker.life import event_line, killed_lines, life_lines
from declarative_paas.providers.docker.logbook import Kept
from declarative_paas.providers.docker.logbook_inside import KEPT_LINES
from declarative_paas.providers.hosting.made_once import made_once
from declarative_paas.providers.hosting.side_by_side import side_by_side

if TYPE_CHECKING:
    from declarative_paas.providers.docker.region import DockerRegion

AT_ONCE = 8


class DynoLogs:
    """Those of a region's apps."""

    def __init__(self, region: DockerRegion) -> None:
        self._region = region

    def lines(self, app: str, *, tail: int, follow: bool) -> Iterable[str]:
        """The last lines, oldest first; with `follow` also those that come, until the caller stops asking."""
        engine, router = self._region.engine, self._region.router.name

        def sources() -> list[logs.Source]:
            dynos = [logs.dyno_source(item.name, name_of(item)) for item in self._dynos(app)]
            return [*dynos, logs.router_source(router, app)]

        started = self._now()
        lines = logs.tail(engine, sources(), lambda: self._kept(app, started), tail, router=router)
        if not follow:
            return lines
        return logs.follow(engine, sources, lambda since: self._came(app, since), lines, started)

    def tell(self, app: str, dyno: str, text: str) -> None:
        """What the platform does to a dyno now."""
        self._region.logbook.write(app, now=[f"heroku[{dyno}]: {text}"])

    def keep(self, container: str, *, killed_after_s: float | None = None) -> bool:
        """What a dyno said and what is known of it, before its container is removed. False when there is none.

        `killed_after_s`: it did not end by itself within so many seconds. A log that cannot be kept is no reason not
        to remove the dyno.
        """
        with suppress(ProviderError):
            found = containers.inspected(self._region.engine, container, self._region.owner)
            labels = None if found is None else Labels.of(found["Config"]["Labels"])
            if found is None or labels is None:
                return False
            self._keep(container, found, labels, killed_after_s)
        return True

    def _keep(self, container: str, found: Mapping[str, Any], labels: Labels, killed_after_s: float | None) -> None:
        engine, book, dyno = self._region.engine, self._region.logbook, dyno_name(labels.instance)
        said = logs.said(engine, logs.dyno_source(container, dyno), KEPT_LINES)
        mine = self._region.owner.with_(app=labels.app, instance=labels.instance)
        events = logs.events(engine, mine.filters(), self._now())
        told = life_lines(found, dyno, ends_are_told=bool(events))
        told += [line for event in events for line in event_line(event, dyno)]
        if killed_after_s is not None:
            told += killed_lines(found, dyno, killed_after_s)
        told += book.memory({str(found["Id"]): dyno})
        book.write(labels.app, said=said, told=told)

    def _dynos(self, app: str) -> list[ContainerView]:
        found = inventory.containers(self._region.engine, self._region.owner.with_(app=app))
        return [item for item in found if is_of(item, DYNO, ONE_OFF)]

    def _kept(self, app: str, now: datetime) -> Kept:
        """What is known beside the containers' own output."""
        dynos = self._dynos(app)
        told = self._platform_lines(app, dynos, now)
        book = self._region.logbook.read(app)
        return Kept(said=book.said, told=[*told, *book.told, *self._region.logbook.memory(_by_id(dynos))])

    def _came(self, app: str, since: datetime) -> list[str]:
        """What the platform told since a moment."""
        dynos = self._dynos(app)
        there = {item.labels.instance: item for item in dynos}
        lines: list[str] = []
        for event, instance in self._events(app, self._now(), since=since, starts=True):
            item = there.get(instance)
            # Only its container tells what was started.
            starts = event["Action"] == "start"
            found = None if item is None or not starts else self._inspected(item)
            lines += event_line(event, dyno_name(instance), found)
        book = self._region.logbook
        return [*lines, *book.read(app, since=since, said=False).told, *book.memory(_by_id(dynos), since=since)]

    def _platform_lines(self, app: str, dynos: Sequence[ContainerView], now: datetime) -> list[str]:
        """What the engine knows of the dynos' last starts and of their ends, also of those that are gone."""
        events = self._events(app, now)
        told = {instance for _, instance in events}

        def life(item: ContainerView) -> list[str]:
            found = self._inspected(item)
            ends_are_told = item.labels.instance in told
            return [] if found is None else life_lines(found, name_of(item), ends_are_told=ends_are_told)

        lines = [line for event, instance in events for line in event_line(event, dyno_name(instance))]
        return lines + [line for own in side_by_side(AT_ONCE, life, dynos) for line in own]

    def _events(
        self, app: str, now: datetime, *, since: datetime | None = None, starts: bool = False
    ) -> list[tuple[Mapping[str, Any], str]]:
        """Each with the dyno's id."""
        wanted = self._region.owner.with_(app=app).filters()
        return [
            (event, owned.instance)
            for event in logs.events(self._region.engine, wanted, now, since=since, starts=starts)
            if (owned := Labels.of(event["Actor"]["Attributes"])) is not None and owned.role in (DYNO, ONE_OFF)
        ]

    def _inspected(self, item: ContainerView) -> Mapping[str, Any] | None:
        return containers.inspected(self._region.engine, item.name, self._region.owner)

    def _now(self) -> datetime:
        """By the engine's clock, which is asked once."""
        at, asked = self._clock
        return at + timedelta(seconds=time.monotonic() - asked)

    @made_once
    def _clock(self) -> tuple[datetime, float]:
        asked = time.monotonic()
        return logs.engine_time(self._region.engine), asked


def _by_id(dynos: Sequence[ContainerView]) -> dict[str, str]:
    return {item.id: name_of(item) for item in dynos}
