"""The two sides of a follower, found by its attributes, and how it does as both of them see it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.copy_result import CopyIdentity
from declarative_paas.core.data import DataSide
from declarative_paas.core.follow import MADE_ANEW, Endpoint, FollowPort, FollowState, FollowStatus
from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.core.values import Attributes

FindSide: TypeAlias = Callable[[str, Scope, ResourceAddress], DataSide | None]
"""(region, scope, add-on) -> its data, None where it does not run. Raises ProviderError when there is none."""


class FollowLinks(Protocol):
    """How a follower's server finds its source's. Both methods are idempotent and raise ProviderError."""

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
        """Where it dials it, from now on."""
        ...

    def part(
        self, scope: Scope, link_id: str | None, identity: CopyIdentity, *, source_region: str, target_region: str
    ) -> None:
        """Takes that way away."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Who follows whom, and where both are."""

    scope: Scope
    identity: CopyIdentity
    link: str | None
    source_region: str
    source_addon: ResourceAddress
    target_region: str
    target_addon: ResourceAddress

    @classmethod
    def of(cls, scope: Scope, address: ResourceAddress, attributes: Attributes) -> Pair:
        """From what a follower's resource says."""
        between: Mapping[str, Mapping[str, str]] = attributes["between"]
        link = attributes.get("link")
        return cls(
            scope=scope,
            identity=CopyIdentity(source_instance=str(attributes["source"]), target_instance=str(attributes["target"])),
            link=None if link is None else str(link),
            source_region=between["from"]["region"],
            source_addon=ResourceAddress("addon", between["from"]["app"], address.name),
            target_region=between["to"]["region"],
            target_addon=ResourceAddress("addon", between["to"]["app"], address.name),
        )

    def dial(self, links: FollowLinks) -> Endpoint:
        """Where the follower's server finds its source's. Raises ProviderError."""
        return links.endpoint(
            self.scope,
            self.link,
            self.identity,
            source_region=self.source_region,
            source_addon=self.source_addon,
            target_region=self.target_region,
            target_addon=self.target_addon,
        )

    def part(self, links: FollowLinks) -> None:
        """It needs to find it no more. Raises ProviderError."""
        links.part(
            self.scope, self.link, self.identity, source_region=self.source_region, target_region=self.target_region
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowSide:
    """One side; see `DataSide`."""

    port: FollowPort
    fresh: Callable[[], None]


def source_side(find: FindSide, pair: Pair, *, without: Collection[ErrorKind] = frozenset()) -> FollowSide | None:
    """The followed side; None where finding it fails in one of the ways that can be done without it."""
    return _side(find, pair.source_region, pair.scope, pair.source_addon, without)


def target_side(find: FindSide, pair: Pair, *, without: Collection[ErrorKind] = frozenset()) -> FollowSide | None:
    """The following side; likewise."""
    return _side(find, pair.target_region, pair.scope, pair.target_addon, without)


def needed(side: FollowSide | None, addon: ResourceAddress) -> FollowSide:
    """A side that nothing can be done without. Raises ProviderError (UNAVAILABLE)."""
    if side is None:
        raise ProviderError(ErrorKind.UNAVAILABLE, f"{addon} does not run")
    return side


def _side(
    find: FindSide, region: str, scope: Scope, addon: ResourceAddress, without: Collection[ErrorKind]
) -> FollowSide | None:
    try:
        found = find(region, scope, addon)
    except ProviderError as problem:
        if problem.kind in without:
            return None
        raise
    if found is None:
        return None
    if not isinstance(found.port, FollowPort):
        raise ProviderError(ErrorKind.INVALID, f"{addon} in {region} is of a service that cannot follow")
    return FollowSide(port=found.port, fresh=found.fresh)


def joined_status(identity: CopyIdentity, source: FollowPort | None, target: FollowPort | None) -> FollowStatus | None:
    """How a follower does as far as both sides answer: its source knows the lag, its own server whether it works.

    None for one that was promoted, or when neither answers. Raises ProviderError for a side that ceases to answer.
    """
    ours = None
    if target is not None:
        mark = target.follow_mark()
        if mark is not None and mark.promoted:
            return None
        ours = target.follow_status(identity)
        if ours is None:
            return FollowStatus(state=FollowState.BROKEN, problem=f"it does not follow any more: {MADE_ANEW}")
    if source is None:
        return ours
    theirs = source.source_status(identity)
    if theirs is None:
        return FollowStatus(state=FollowState.BROKEN, problem=f"its source keeps nothing for it any more: {MADE_ANEW}")
    if theirs.state is FollowState.BROKEN or target is None or ours is None:
        return theirs
    different = difference(source.shape(), target.shape())
    if different:
        return replace(theirs, state=FollowState.BROKEN, problem=f"{different}: {MADE_ANEW}")
    if ours.state in (FollowState.STOPPED, FollowState.BROKEN):
        return replace(ours, lag_bytes=theirs.lag_bytes, lag_s=theirs.lag_s)
    return theirs


def difference(source: Mapping[str, str], target: Mapping[str, str]) -> str:
    """How the tables of both sides differ, in words; empty when they do not. Pure."""
    missing = sorted(source.keys() - target.keys())
    if missing:
        return f"its source has tables that it has not: {', '.join(missing[:10])}"
    gone = sorted(target.keys() - source.keys())
    if gone:
        return f"its source has no more the tables {', '.join(gone[:10])}"
    for name in sorted(source):
        theirs, ours = set(source[name].split(", ")), set(target[name].split(", "))
        if theirs != ours:
            words = ", ".join([*sorted(theirs - ours), *(f"no {column}" for column in sorted(ours - theirs))])
            return f"the table {name} of its source has other columns than its own: {words}"
    return ""
