"""What a provider asks of an add-on service: the `AddonDriver` protocol and its values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeAlias

from declarative_paas.core.values import Sensitive
from declarative_paas.providers.addons.records import AddonRecords, InstanceRecords, PlanFact
from declarative_paas.providers.addons.server import ProcessHost
from declarative_paas.vault.keyring import Keyring

Outputs: TypeAlias = Mapping[str, str | Sensitive]
"""`id` and `url` (Sensitive) always; `host`, `port`, `database` where the service has them."""

Progress: TypeAlias = Callable[[str], None]


class CredentialKeeper(Protocol):
    """As much of a region as a service needs that runs elsewhere."""

    @property
    def records(self) -> AddonRecords: ...

    @property
    def keyring(self) -> Keyring: ...


READY_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionAddons:
    """A region as the drivers see it.

    `directory` keeps records and data; `run_directory` is short, for unix sockets, and may vanish at a
    reboot; `home` is the platform's, for server binaries. When the caller is root, `user` is the
    account of the servers and must be able to enter all three. `allocate_port` gives the same owner
    the same free port every time.
    """

    directory: Path
    run_directory: Path
    home: Path
    keyring: Keyring
    user: str | None
    allocate_port: Callable[[str], int]
    processes: ProcessHost

    @property
    def records(self) -> InstanceRecords:
        return InstanceRecords(self.directory)

    @property
    def servers(self) -> Path:
        return self.directory / "servers"


@dataclass(frozen=True, slots=True, kw_only=True)
class AddonInstance:
    """One add-on to make or change. `key` is its idempotency key, unique in the region for ever.

    `plan` holds the plan's facts: `connection_limit`, `memory_mb`, `eviction`, `persistent`, `version`
    (the engine's major). `credential` is the value of an `external` service. `scope`, `address` and
    `instance` name its resource, for platforms that mark what they make.
    """

    app: str
    alias: str
    key: str
    service: str
    plan: Mapping[str, PlanFact] = field(default_factory=dict[str, PlanFact])
    credential: Sensitive | None = None
    scope: str = ""
    address: str = ""
    instance: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddonReading:
    """An instance as found. One that is not in a driver's answer is absent.

    `problems` name what is broken, in words; `plan` the plan's facts as they really are, or as
    recorded where a server does not answer; `outputs` those of `provision`.
    """

    problems: tuple[str, ...]
    plan: Mapping[str, PlanFact]
    outputs: Outputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Repaired:
    """The outputs after a repair or an update, and what was done, in words (empty: nothing was wrong)."""

    outputs: Outputs
    done: tuple[str, ...]


class AddonDriver(Protocol):
    """One service in any region. Every method is idempotent, may block, and raises ProviderError.

    Methods of different instances may run at once, in several threads and processes.
    """

    def provision(self, region: RegionAddons, instance: AddonInstance, on_progress: Progress) -> Outputs:
        """Makes it, or adopts what an interrupted call of the same key made: the password stays the same.

        A database that was complete once and is gone is refused: only `repair` begins an empty one.
        """
        ...

    def read_all(self, region: RegionAddons) -> Mapping[str, AddonReading]:
        """Every instance of the service in the region by key. Changes nothing, starts nothing.

        A key that is missing has neither a record nor data. A damaged record or a lost key raises:
        then nothing may be concluded about any instance.
        """
        ...

    def repair(self, region: RegionAddons, instance: AddonInstance) -> Repaired:
        """Mends what `read_all` names as problems, with the same password and the recorded plan.

        Lost data cannot be mended: an empty database is made, and `done` says so.
        """
        ...

    def update(self, region: RegionAddons, instance: AddonInstance, plan: Mapping[str, PlanFact]) -> Repaired:
        """Changes the plan in place, keeping data, password and connections; mends what is broken on the way."""
        ...

    def deprovision(self, region: RegionAddons, instance: AddonInstance) -> None:
        """Deletes it with its data. A no-op when it is gone."""
        ...

    def unused_servers(self, region: RegionAddons) -> tuple[str, ...]:
        """Names of running processes of this service that no instance needs: the caller may stop them."""
        ...


def read_region(region: RegionAddons) -> Mapping[str, AddonReading]:
    """Every instance of every service in the region by key; `read_all` of each driver."""
    # Here, not above: the table imports the drivers, and they import this module.
    from declarative_paas.providers.addons.table import DRIVERS

    return {key: reading for driver in DRIVERS.values() for key, reading in driver.read_all(region).items()}
