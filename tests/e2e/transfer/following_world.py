"""Two PostgreSQL servers as two regions, and the provider of followers between them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from two_servers import Database

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.copy_result import CopyIdentity
from declarative_paas.core.data import DataSide
from declarative_paas.core.follow import Endpoint, FollowState, FollowStatus
from declarative_paas.core.plan import Operation
from declarative_paas.core.provider import Done, ErrorKind, ProviderError, ReadQuery, StepContext, StepRequest
from declarative_paas.core.resource import ResourceState
from declarative_paas.transfer.followers import Followers

SCOPE = Scope("shop", "production")
ADDRESS = ResourceAddress("follower", "shop-eu", "DATABASE")
DEADLINE_S = 30.0


class Clock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


@dataclass(slots=True)
class Loopback:
    """Servers of one machine reach each other as they are; what was asked for is written down."""

    ports: dict[str, int]
    parted: list[CopyIdentity] = field(default_factory=list)

    def endpoint(
        self,
        scope: Scope,
        link_id: str | None,
        identity: CopyIdentity,
        *,
        source_region: str,
        source_addon: ResourceAddress,
        target_region: str,
        target_addon: ResourceAddress,
    ) -> Endpoint:
        return Endpoint(host="127.0.0.1", port=self.ports[source_region])

    def part(
        self, scope: Scope, link_id: str | None, identity: CopyIdentity, *, source_region: str, target_region: str
    ) -> None:
        self.parted.append(identity)


@dataclass(slots=True, kw_only=True)
class World:
    """`source` in region us, `target` in region eu; `gone` are regions that are not to be had, and how."""

    source: Database
    target: Database
    gone: dict[str, ErrorKind] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    on_report: Callable[[str], object] = lambda line: None
    is_move: bool = False
    followers: Followers = field(init=False)
    links: Loopback = field(init=False)
    prior: ResourceState | None = None

    def __post_init__(self) -> None:
        self.links = Loopback({"us": self.source.running.server.port})
        self.followers = Followers(
            find=self._find, standing=self._find, able=frozenset({"us", "eu"}), clock=Clock(), links=self.links
        )

    def _find(self, region: str, scope: Scope, addon: ResourceAddress) -> DataSide:
        if region in self.gone:
            raise ProviderError(self.gone[region], f"region {region} is not to be had")
        database = {"us": self.source, "eu": self.target}[region]
        return DataSide(port=database.port, fresh=database.fresh)

    @property
    def identity(self) -> CopyIdentity:
        return CopyIdentity(source_instance=self.source.spec.key, target_instance=self.target.spec.key)

    @property
    def attributes(self) -> dict[str, Any]:
        return {
            "between": {
                "from": {"region": "us", "app": "shop"},
                "to": {"region": "eu", "app": "shop-eu"},
            },
            "source": self.identity.source_instance,
            "target": self.identity.target_instance,
            "link": "link-1",
            "promoted": False,
        }

    def step(self, operation: Operation) -> Done:
        attributes = self.attributes
        if operation is Operation.PROMOTE:
            attributes = {**attributes, "promoted": True, **({"compare": True} if self.is_move else {})}
        request = StepRequest(
            scope=SCOPE, step_id="s", key="k", operation=operation, address=ADDRESS, instance="f-1",
            attributes=attributes, prior=self.prior,
        )  # fmt: skip
        done = self.followers.begin(request, self.context())
        assert isinstance(done, Done)
        self.prior = ResourceState(
            address=ADDRESS, instance="f-1", region="transfers", remote_id=done.remote_id, attributes=attributes,
            outputs=dict(done.outputs),
        )  # fmt: skip
        return done

    def context(self, cancelled: Callable[[], bool] = lambda: False) -> StepContext:
        def report(line: str) -> None:
            self.told.append(line)
            self.on_report(line)

        return StepContext(report=report, cancelled=cancelled)

    def status(self) -> FollowStatus | None:
        return self.followers.status(SCOPE, ADDRESS, self.attributes)

    def problems(self) -> tuple[str, ...]:
        """What a plan would tell as drift."""
        assert self.prior is not None
        [reading] = self.followers.read(ReadQuery(scope=SCOPE, known=[self.prior])).values()
        return reading.problems  # type: ignore[union-attr]

    def wait_until_there(self) -> None:
        position = self.source.port.position()
        eventually(lambda: self.target.port.caught_up(position))

    def wait_for(self, state: FollowState) -> FollowStatus:
        found: list[FollowStatus] = []

        def is_so() -> bool:
            status = self.status()
            found[:] = [status] if status is not None else []
            return status is not None and status.state is state

        eventually(is_so)
        return found[0]


def eventually(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + DEADLINE_S
    while not is_so():
        assert time.monotonic() < until, "it did not come about"
        time.sleep(0.05)


def left_at(database: Database) -> list[str]:
    """What of followers is there: slots, publications, roles of one server, subscriptions."""
    rows = database.ask(
        "SELECT 'slot ' || slot_name FROM pg_replication_slots"
        " UNION ALL SELECT 'publication ' || pubname FROM pg_publication"
        " UNION ALL SELECT 'subscription ' || subname FROM pg_subscription"
        " UNION ALL SELECT 'role ' || rolname FROM pg_roles WHERE rolname ~ '^dpaas_follower'"
        " UNION ALL SELECT 'bound ' || setting FROM pg_settings WHERE name = 'max_slot_wal_keep_size'"
        "  AND setting <> '2048'",
        role="dpaas_admin",
    )
    return sorted(name for (name,) in rows)
