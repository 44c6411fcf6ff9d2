"""The records' files, through the keeper: looking needs no running keeper and makes none, writing does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.docker.engine.connection import Engine
from declarative_paas.providers.docker.engine.containers import inspected
from declarative_paas.providers.docker.engine.keeper import RECORDS, Keeper
from declarative_paas.providers.docker.engine.labels import Labels
from declarative_paas.providers.docker.keeping import Session, read_archive


class KeeperFiles:
    """`records.Files` of one region. Usable from several threads."""

    def __init__(self, engine: Engine, owner: Labels, keeper: Keeper, *, before_first: Callable[[], object]) -> None:
        self._engine = engine
        self._owner = owner
        self._keeper = keeper
        self._before_first = before_first
        self._session = Session(engine, keeper.name, RECORDS)
        self._starting = threading.Lock()
        self._started = False

    @property
    def exist(self) -> bool:
        """Whether there is a keeper, or at least its volume."""
        if self._started or inspected(self._engine, self._keeper.name, self._owner) is not None:
            return True
        return self._has_volume()

    def snapshot(self) -> Mapping[str, str]:
        """Every file; of a keeper that was removed by hand another is made for it."""
        if self._is_running():
            return self._session.read()
        try:
            return read_archive(self._engine, self._keeper.name, RECORDS)
        except ProviderError as problem:
            if problem.kind is not ErrorKind.FAILED or not self._has_volume():
                raise
        self.ensure_running()
        return read_archive(self._engine, self._keeper.name, RECORDS)

    def read(self, prefix: str = "") -> Mapping[str, str]:
        if self._is_running():
            return self._session.read(prefix)
        if not self.exist:
            return {}
        return {name: text for name, text in self.snapshot().items() if name.startswith(prefix)}

    def put(self, files: Mapping[str, str]) -> None:
        self.ensure_running()
        self._session.put(files)

    def claim(self, name: str, text: str) -> bool:
        self.ensure_running()
        return self._session.claim(name, text)

    def remove(self, names: Sequence[str]) -> None:
        if names and self.exist:
            self.ensure_running()
            self._session.remove(names)

    @contextmanager
    def locked(self, name: str) -> Generator[None]:
        self.ensure_running()
        with self._session.locked(name):
            yield

    def erase(self) -> None:
        """All files, with what kept them."""
        with self._starting:
            self._session.close()
            self._started = False
            self._keeper.remove()

    def ensure_running(self) -> None:
        """Asked of the engine once: whatever ends a keeper but a person, the engine starts it again.

        `before_first` is called when the region is about to be made: it may refuse.
        """
        with self._starting:
            if not self._started:
                if not self.exist:
                    self._before_first()
                self._keeper.ensure_running()
                self._started = True

    def stopped(self) -> None:
        """The keeper was stopped by us: the next write starts it."""
        with self._starting:
            self._session.close()
            self._started = False

    def _is_running(self) -> bool:
        if self._started:
            return True
        found = inspected(self._engine, self._keeper.name, self._owner)
        return found is not None and bool(found["State"]["Running"])

    def _has_volume(self) -> bool:
        import docker.errors

        with self._engine.told(f"look for the volume {self._keeper.volume}"):
            try:
                self._engine.api.inspect_volume(self._keeper.volume)
            except docker.errors.NotFound:
                return False
        return True


class FilesAsRead:
    """What a snapshot holds, for those who only read."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = files

    def read(self, prefix: str = "") -> Mapping[str, str]:
        return {name: text for name, text in self._files.items() if name.startswith(prefix)}

    def put(self, files: Mapping[str, str]) -> None:
        raise AssertionError("a snapshot is only read")

    def claim(self, name: str, text: str) -> bool:
        raise AssertionError("a snapshot is only read")

    def remove(self, names: Sequence[str]) -> None:
        raise AssertionError("a snapshot is only read")

    @contextmanager
    def locked(self, name: str) -> Generator[None]:
        """Nothing is changed under it."""
        yield
