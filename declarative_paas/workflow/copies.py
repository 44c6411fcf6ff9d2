"""Where copies meet the regions: which providers can, whose data or slugs are meant, when a copy is settled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.clock import Clock
from declarative_paas.core.data import DataHolder, DataSide
from declarative_paas.core.follow import FollowHolder
from declarative_paas.core.following import CHECK_TYPE, FOLLOWER_TYPE
from declarative_paas.core.links import LINK_TYPE
from declarative_paas.core.provider import ErrorKind, Provider, ProviderError
from declarative_paas.core.region_move import COPY_TYPE, MOVE_TYPE
from declarative_paas.core.slugs import SlugHolder, SlugStock
from declarative_paas.core.state import StateStore
from declarative_paas.transfer.follower_sides import FollowLinks
from declarative_paas.transfer.followers import Followers
from declarative_paas.transfer.links import Links
from declarative_paas.transfer.move_checks import MoveChecks
from declarative_paas.transfer.moves import Moves
from declarative_paas.transfer.provider import DataCopies
from declarative_paas.transfer.slug_copies import SlugCopies
from declarative_paas.transfer.transfers import Transfers

if TYPE_CHECKING:
    from declarative_paas.core.plan import Plan


_COPIES = ("data_copy", COPY_TYPE)


def transfers(providers: Mapping[str, Provider], clock: Clock) -> Transfers:
    """The provider of all that is brought from one of these regions to another."""

    def stock(region: str) -> SlugStock:
        provider = providers.get(region)
        if not isinstance(provider, SlugHolder):
            raise ProviderError(ErrorKind.INVALID, f"the provider of region {region} cannot send slugs")
        return provider.slug_stock()

    copies = data_copies(providers, clock)
    links = Links(providers, clock)
    following = followers(providers, clock, links)
    return Transfers(
        {
            "data_copy": copies,
            COPY_TYPE: copies,
            MOVE_TYPE: Moves(),
            "slug_copy": SlugCopies(find=stock),
            LINK_TYPE: links,
            FOLLOWER_TYPE: following,
            CHECK_TYPE: MoveChecks(compare=following.compare, clock=clock),
        }
    )


def data_copies(providers: Mapping[str, Provider], clock: Clock) -> DataCopies:
    """The provider of data copies between these regions."""

    def find(region: str, scope: Scope, addon: ResourceAddress) -> DataSide:
        return data_side(providers, region, scope, addon)

    able = frozenset(region for region, provider in providers.items() if isinstance(provider, DataHolder))
    return DataCopies(find=find, able=able, clock=clock)


def followers(providers: Mapping[str, Provider], clock: Clock, links: FollowLinks) -> Followers:
    """The provider of followers between these regions."""

    def find(region: str, scope: Scope, addon: ResourceAddress) -> DataSide:
        return data_side(providers, region, scope, addon)

    def standing(region: str, scope: Scope, addon: ResourceAddress) -> DataSide | None:
        provider = providers.get(region)
        return (
            provider.standing_side(scope, addon) if isinstance(provider, FollowHolder) else find(region, scope, addon)
        )

    able = frozenset(region for region, provider in providers.items() if isinstance(provider, DataHolder))
    return Followers(find=find, standing=standing, able=able, clock=clock, links=links)


def data_side(providers: Mapping[str, Provider], region: str, scope: Scope, addon: ResourceAddress) -> DataSide:
    """An add-on's data. Raises ProviderError when there is none, or its region is not to be had."""
    provider = providers.get(region)
    if not isinstance(provider, DataHolder):
        raise ProviderError(ErrorKind.INVALID, f"the provider of region {region} cannot copy data")
    return provider.data_side(scope, addon)


def settle_copies(
    providers: Mapping[str, Provider], clock: Clock, store: StateStore, plan: Plan, *, every: bool = False
) -> None:
    """Takes the marks off what this plan copied, now that the results are recorded.

    After an interrupted apply it is `every` copy: that one may have been killed with one recorded and still marked.
    A mark that stays, because its region cannot be reached by now, does no harm: it only says again what the
    record says. So nothing here fails an apply that succeeded.
    """
    touched = {(change.address, change.instance) for change in plan.changes if change.address.type in _COPIES}
    every = every or bool(plan.settles)
    if not touched and not every:
        return
    copies = data_copies(providers, clock)
    recorded = store.snapshot(plan.scope).resources
    if every:
        touched = {key for key in recorded if key[0].type in _COPIES}
    for key in sorted(touched & recorded.keys()):
        try:
            copies.settle(plan.scope, recorded[key])
        except ProviderError:
            continue
