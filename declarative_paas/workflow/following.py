"""Followers as the state records them: which there are, which are promoted, and how each does by its own server."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.data import DataSide
from declarative_paas.core.diagnostic import Diagnostic
from declarative_paas.core.follow import FollowPort, FollowStatus
from declarative_paas.core.following import FOLLOWER_TYPE, follows
from declarative_paas.core.plan import Change
from declarative_paas.core.resource import InstanceStatus
from declarative_paas.core.state import Snapshot
from declarative_paas.core.values import Attributes

if TYPE_CHECKING:
    from declarative_paas.operations.copies import AskFollower
    from declarative_paas.workflow.world import World


def recorded_followers(snapshot: Snapshot, anew: Collection[ResourceAddress] = ()) -> dict[ResourceAddress, bool]:
    """Every follower, with whether it is promoted. `anew` are resources that are to be made anew: an add-on that is
    holds nothing that anything followed."""
    return {
        record.address: not follows(record.attributes)
        for record in snapshot.resources.values()
        if record.address.type == FOLLOWER_TYPE
        and record.status is InstanceStatus.CURRENT
        and ResourceAddress("addon", record.address.app, record.address.name) not in anew
    }


def objections_to(side: DataSide, change: Change, source: ResourceAddress) -> list[Diagnostic]:
    """What keeps a source from being followed, or will not come along, told where the follower is asked for. Asks the
    source; raises ProviderError."""
    if change.address.type != FOLLOWER_TYPE or not isinstance(side.port, FollowPort):
        return []
    return [replace(found, position=change.position, address=str(source)) for found in side.port.follow_objections()]


def ask_followers(world: World) -> AskFollower:
    """Asks the servers of a follower how it does."""
    from declarative_paas.transfer.links import Links
    from declarative_paas.workflow.copies import followers

    found = followers(world.providers, world.clock, Links(world.providers, world.clock))

    def ask(address: ResourceAddress, attributes: Attributes) -> FollowStatus | None:
        return found.status(world.project.scope, address, attributes)

    return ask
