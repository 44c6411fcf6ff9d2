"""The route table on disk, and HAProxy's files drawn from it.

HAProxy may be killed and restarted by its supervisor without us: whatever it reads at start must be
current after every change, so config and maps are written whenever the table is.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from declarative_paas.providers import filelock
from declarative_paas.providers.router import maps, pages
from declarative_paas.providers.router.config import render
from declarative_paas.providers.router.errors import RouterBusyError
from declarative_paas.providers.router.routes import RouteTable
from declarative_paas.providers.router.settings import RouterSettings

LOCK_TIMEOUT_S = 60.0


@contextmanager
def _held(path: Path, timeout_s: float) -> Generator[None]:
    # The wait alone may end in RouterBusyError: a TimeoutError of the block is the block's own.
    with ExitStack() as stack:
        try:
            stack.enter_context(filelock.held(path, timeout_s=timeout_s))
        except TimeoutError as problem:
            raise RouterBusyError(str(problem)) from None
        yield


class TableStore:
    """routes.json is the truth; `save` draws config and maps from it."""

    def __init__(self, settings: RouterSettings) -> None:
        self._settings = settings
        self._routes_file = settings.directory / "routes.json"

    def lock_table(self) -> AbstractContextManager[None]:
        """Short: around one change of table and router. Raises RouterBusyError."""
        return _held(self._settings.directory / "table.lock", LOCK_TIMEOUT_S)

    def lock_app(self, app: str, timeout_s: float) -> AbstractContextManager[None]:
        """Long: one switch of an app at a time, while other apps switch too. Raises RouterBusyError."""
        return _held(self._settings.directory / f"switch-{app}.lock", timeout_s)

    def load(self) -> RouteTable:
        """The table; an empty one before the first `save`."""
        try:
            return RouteTable.from_json(json.loads(self._routes_file.read_text("utf-8")))
        except FileNotFoundError:
            return RouteTable(slot_count=self._settings.spare_slots)

    def save(self, table: RouteTable) -> None:
        """The table first: after a crash in between, config and maps are drawn anew from it."""
        _replace(self._routes_file, json.dumps(table.to_json(), indent=1) + "\n", durable=True)
        for name, entries in maps.render_maps(table).items():
            _replace(self._settings.directory / name, maps.map_text(entries))
        _replace(self._settings.config_file, render(self._settings, table))

    def save_pages(self) -> None:
        for name, text in pages.page_files().items():
            _replace(self._settings.directory / name, text)


def _replace(path: Path, text: str, *, durable: bool = False) -> None:
    """The file has its old or its new content at any instant; `durable`: also after a power cut."""
    fresh = path.with_name(f".{path.name}.new")
    with fresh.open("w", encoding="utf-8", newline="") as file:
        file.write(text)
        if durable:
            file.flush()
            os.fsync(file.fileno())
    fresh.replace(path)
