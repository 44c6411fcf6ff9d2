"""What a platform must offer so that the steps of this room can run on it: one region and its parts.

Everything may block and raises ProviderError, or RouterError where it is the router's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol, runtime_checkable

from declarative_paas.catalog.model import Catalog, DynoSize
from declarative_paas.core.address import Scope
from declarative_paas.core.data import DataSide
from declarative_paas.core.provider import ErrorKind, Leftover, ProviderError
from declarative_paas.core.slugs import SlugStock
from declarative_paas.providers.addons.driver import AddonInstance, Outputs, Progress, Repaired
from declarative_paas.providers.hosting.dynos import Dyno, RunningDyno
from declarative_paas.providers.hosting.records import Records, ReleaseRecord
from declarative_paas.providers.hosting.view import RegionView
from declarative_paas.providers.links.region_links import LinkPlace
from declarative_paas.providers.router.routes import Server
from declarative_paas.providers.runtime.status import DynoStatus
from declarative_paas.providers.slugs.docker_context import DockerBuild
from declarative_paas.vault.keyring import Keyring


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOff:
    """A dyno that runs once. `size` None is the usual one of one-off dynos."""

    release: ReleaseRecord
    command: str
    type: str = "run"
    size: str | None = None


ONE_OFF_SIZE = "standard-1x"


def one_off_size(catalog: Catalog, one_off: OneOff) -> DynoSize:
    """Raises ProviderError for a size the catalog lacks."""
    found = catalog.size(one_off.size or ONE_OFF_SIZE)
    if found is None:
        raise ProviderError(ErrorKind.INVALID, f"the catalog has no dyno size {one_off.size!r}")
    return found


class DynoHost(Protocol):
    """Starts dynos, keeps them running, ends them."""

    @property
    def at_once(self) -> int:
        """How many dynos it pays to start, or to ask after, side by side."""
        ...

    def all(self) -> Mapping[str, Mapping[str, RunningDyno]]:
        """By app, then by dyno id; also those that crashed or wait for their next start."""
        ...

    def sampled(self, app: str) -> Mapping[str, RunningDyno]:
        """One app's, with what takes a question each: the memory they use, since when they run."""
        ...

    def start(self, dyno: Dyno, release: ReleaseRecord) -> RunningDyno:
        """Starts it, or starts it again: a back-off is over. Does not wait until it is up."""
        ...

    def status(self, dyno: RunningDyno) -> DynoStatus | None:
        """What is true now. A web dyno is up when it has bound `$PORT`, any other when its command runs."""
        ...

    def health(self, dyno: RunningDyno, path: str) -> str:
        """Empty when healthy (2xx or 3xx), else what came back."""
        ...

    def last_lines(self, dyno: RunningDyno, *, since: datetime) -> Sequence[str]:
        """What the dyno and the platform about it said since a moment."""
        ...

    def stop(self, dyno: RunningDyno) -> None:
        """SIGTERM, `stop_timeout_s`, SIGKILL; then nothing is left of it. A no-op when it is gone."""
        ...

    def run_captured(self, one_off: OneOff, on_line: Callable[[str], None], *, timeout_s: float) -> int:
        """Runs without input, each line of output also in the app's log; the exit status."""
        ...

    def run_foreground(self, one_off: OneOff) -> int:
        """Runs on the caller's terminal; the exit status."""
        ...

    def clear_lost(self, app: str) -> None:
        """Removes what killed commands left of an app's dynos that never came to be. None is being started now."""
        ...

    def clear_one_offs(self, app: str, process_type: str) -> None:
        """Removes what a killed command left of an app's one-off dynos of a type. None of them runs now."""
        ...

    def logs(self, app: str, *, tail: int, follow: bool) -> Iterable[str]: ...


class RouterPort(Protocol):
    """The region's router; see `router.Router`, whose promises these are."""

    def set_route(self, app: str, hosts: tuple[str, ...], app_port: int | None, maintenance: bool = False) -> None: ...

    def remove_route(self, app: str) -> object: ...

    def switch(self, app: str, servers: tuple[Server, ...], *, drain_timeout_s: float) -> object: ...

    def problems(self) -> tuple[str, ...]: ...

    def repair(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSlug:
    """A slug as a release names it."""

    id: str
    size_bytes: int


class SlugShelf(Protocol):
    """Where slugs are kept."""

    def ids(self) -> set[str]:
        """Every slug that is whole."""
        ...

    def untouched_s(self, slug_id: str) -> float:
        """How long ago it was made; 0 when it is gone."""
        ...

    def remove(self, slug_id: str) -> None: ...


class SlugHost(SlugShelf, Protocol):
    """Builds slugs, too."""

    def build(
        self,
        source: Path,
        *,
        expected_digest: str,
        build: str | None,
        stack: str | None,
        on_line: Callable[[str], None],
    ) -> StoredSlug:
        """Never builds the same twice. ProviderError INVALID when the source has changed since the plan.

        `stack` None is the region's own.
        """
        ...

    def image(self, reference: str, *, on_line: Callable[[str], None]) -> str:
        """An image of the user's own as a release names it: whatever the reference means later, this one it is."""
        ...


@runtime_checkable
class DockerfileHost(Protocol):
    """A `SlugHost` that also makes the image of a Dockerfile: a slug as any other, which is run as it is."""

    def build_image(
        self, source: Path, how: DockerBuild, *, expected_digest: str, on_line: Callable[[str], None]
    ) -> StoredSlug:
        """Never builds the same twice. ProviderError INVALID when the source has changed since the plan."""
        ...


@runtime_checkable
class SendingSlugHost(Protocol):
    """A `SlugHost` whose slugs can be sent to other regions, and come from there."""

    def stock(self) -> SlugStock: ...


class AddonHost(Protocol):
    """The region's add-on servers; see `addons.AddonDriver`, whose promises these are."""

    def provision(self, instance: AddonInstance, on_progress: Progress) -> Outputs: ...

    def update(self, instance: AddonInstance) -> Repaired: ...

    def deprovision(self, instance: AddonInstance) -> None: ...

    def psql(self, key: str, arguments: Sequence[str]) -> int:
        """An SQL shell on the caller's terminal; the exit status."""
        ...

    def dump(self, key: str, into: BinaryIO) -> None:
        """Writes a consistent snapshot of a PostgreSQL database: pg_dump's custom format."""
        ...

    def dump_contents(self, key: str, file: BinaryIO) -> Sequence[str]:
        """The entries of a dump; ProviderError FAILED when it is damaged."""
        ...

    def tables(self, key: str) -> int:
        """How many tables a database has: 0 when nothing would be lost with it."""
        ...

    def restore(self, key: str, file: BinaryIO) -> None:
        """Replaces all that is in a database by a dump's content, or leaves it as it is."""
        ...

    def data_side(self, key: str) -> DataSide:
        """The add-on's data, to be copied; its server runs. ProviderError (INVALID) for one that holds none."""
        ...

    def standing_side(self, key: str) -> DataSide | None:
        """The same, and starts nothing: None for one whose server does not run."""
        ...


class Settings(Protocol):
    """A region's settings, from the Platform manifest. `base_directory` is where relative source paths start."""

    @property
    def region(self) -> str: ...

    @property
    def base_directory(self) -> Path: ...

    @property
    def scope(self) -> Scope: ...

    def seconds(self, name: str) -> float:
        """A timeout option or its default. Raises KeyError for a name that is no option."""
        ...


class RecordingHost(Protocol):
    """As much of a region as cleaning up needs."""

    @property
    def records(self) -> Records: ...

    @property
    def slugs(self) -> SlugShelf: ...


class RegionHost(Protocol):
    """One region. Having the object touches nothing; `ensure_running` makes what it needs."""

    @property
    def settings(self) -> Settings: ...

    @property
    def catalog(self) -> Catalog: ...

    @property
    def keyring(self) -> Keyring: ...

    @property
    def place(self) -> str:
        """Names this region among all of the machine's."""
        ...

    @property
    def exists(self) -> bool:
        """Whether anything was ever made here; looking makes nothing."""
        ...

    @property
    def records(self) -> Records: ...

    @property
    def dynos(self) -> DynoHost: ...

    @property
    def router(self) -> RouterPort: ...

    @property
    def slugs(self) -> SlugHost: ...

    @property
    def addons(self) -> AddonHost: ...

    @property
    def links(self) -> LinkPlace:
        """What runs the region's end of its links to other regions."""
        ...

    @property
    def app_ports(self) -> tuple[int, int]:
        """First and last of the ports that an app can have to itself; none when the last is below the first."""
        ...

    def app_host(self, local_name: str) -> str:
        """The host name that the router knows an app by without any domain of its own."""
        ...

    def host_url(self, host: str) -> str:
        """Where the router answers for a host name."""
        ...

    def browser_url(self, host: str, app_port: int | None) -> str:
        """What a person opens to see an app: by its host name where that leads here, else by its own port."""
        ...

    def port_url(self, port: int) -> str:
        """Where the router answers for an app by the app's own port."""
        ...

    def ensure_running(self) -> None:
        """What the region's apps share runs afterwards, whatever was left of it."""
        ...

    def is_running(self) -> bool: ...

    def programs(self) -> Mapping[str, str]:
        """The region's own programs, which are no dynos: what state each is in."""
        ...

    def leftovers(self) -> Sequence[Leftover]: ...

    def clear(self, items: Sequence[Leftover]) -> Sequence[str]: ...

    def stop(self) -> None:
        """Ends every process; all data stays."""
        ...

    def dismantle(self) -> None:
        """Ends every process and removes what the region's apps shared: the last app has gone."""
        ...

    def look(self, scope: str) -> RegionView:
        """Reads everything, of the records one scope's, in a constant number of calls; starts and repairs nothing."""
        ...


def local_name(scope: Scope, app: str) -> str:
    """An app's name in a region: apps of other environments than the default carry the environment's name."""
    return app if scope.environment == "default" else f"{app}--{scope.environment}"
