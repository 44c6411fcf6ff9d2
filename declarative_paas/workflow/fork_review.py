"""What a plan tells of each fork that it makes: from the manifests, and from the sources' add-ons as they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.diagnostic import Diagnostic, warning
from declarative_paas.core.following import FOLLOWER_TYPE
from declarative_paas.core.fork_review import DataFate, ForkedAddon, ForkReview
from declarative_paas.core.plan import Action, Change, Plan
from declarative_paas.core.provider import Provider, ProviderError
from declarative_paas.core.state import Snapshot
from declarative_paas.manifest.app_models import Addon, AddonAttach, AddonPlan, GeneratedValue, SourceImage
from declarative_paas.manifest.manifests import AppManifest
from declarative_paas.transfer.provider import result_of
from declarative_paas.workflow.copies import data_side
from declarative_paas.workflow.following import objections_to

STATED_BYTES_PER_S: Final = 20 * 2**20
"""Copy and verification together, where no copy of this platform has told better."""

MEASURED_FROM: Final = 8 * 2**20
"""Bytes that copies must have moved before their rate says anything."""


@dataclass(slots=True, kw_only=True)
class ForkReviewer:
    """`ask`: whether the sources' add-ons may be asked for their size; else nothing is connected to."""

    plan: Plan
    snapshot: Snapshot
    apps: Mapping[str, AppManifest]
    providers: Mapping[str, Provider]
    jurisdictions: Mapping[str, str]
    common_secrets: Mapping[str, Sequence[str]]
    ask: bool

    def reviews(self) -> tuple[tuple[ForkReview, ...], list[Diagnostic]]:
        """Of the forks that the plan makes, or copies data for; by name."""
        diagnostics: list[Diagnostic] = []
        changes = {change.address: change for change in self.plan.changes}
        found = [
            self._review(app, changes, diagnostics)
            for app in self.apps.values()
            if app.fork is not None and _is_made(app, changes)
        ]
        return tuple(found), diagnostics

    def _review(
        self, app: AppManifest, changes: Mapping[ResourceAddress, Change], diagnostics: list[Diagnostic]
    ) -> ForkReview:
        assert app.fork is not None, "asked of forks only"
        source = self.apps[app.fork.source]
        mine = {addon.alias: addon for addon in app.spec.addons or ()}
        return ForkReview(
            fork=app.name,
            source=source.name,
            from_region=source.spec.region,
            to_region=app.spec.region,
            from_jurisdiction=self.jurisdictions.get(source.spec.region),
            to_jurisdiction=self.jurisdictions.get(app.spec.region),
            addons=tuple(
                self._addon(app, source, addon, mine.get(addon.alias), changes, diagnostics)
                for addon in source.spec.addons or ()
            ),
            slug=_slug(app, source, changes),
            common=tuple(self.common_secrets.get(app.name, ())),
            left_behind=tuple(_left_behind(app, source)),
            price_cents=sum(
                (change.price_after_cents or 0) - (change.price_before_cents or 0)
                for change in self.plan.changes
                if change.address.app == app.name
            ),
        )

    def _addon(
        self,
        app: AppManifest,
        source: AppManifest,
        theirs: Addon,
        mine: Addon | None,
        changes: Mapping[ResourceAddress, Change],
        diagnostics: list[Diagnostic],
    ) -> ForkedAddon:
        alias = theirs.alias
        plan = mine.plan if isinstance(mine, AddonPlan) else ""
        fate = _fate(app, theirs, mine)
        if fate is DataFate.SHARED:
            shared = theirs.attach if isinstance(theirs, AddonAttach) else f"{source.name}/{alias}"
            return ForkedAddon(alias=alias, plan=plan, fate=fate, remark=f"both apps use {shared}")
        kind = FOLLOWER_TYPE if fate is DataFate.FOLLOWED else "data_copy"
        copy = changes.get(ResourceAddress(kind, app.name, alias))
        if fate not in _COPYING or copy is None or copy.action not in (Action.CREATE, Action.REPLACE):
            return ForkedAddon(alias=alias, plan=plan, fate=fate, remark=_COPYING.get(fate, ""))
        size, remark = self._size(source, alias, changes, copy, diagnostics)
        if size is None:
            return ForkedAddon(alias=alias, plan=plan, fate=fate, remark=remark)
        rate, how = self._rate()
        return ForkedAddon(alias=alias, plan=plan, fate=fate, size_bytes=size, seconds=size / rate, remark=how)

    def _size(
        self,
        source: AppManifest,
        alias: str,
        changes: Mapping[ResourceAddress, Change],
        copy: Change,
        diagnostics: list[Diagnostic],
    ) -> tuple[int | None, str]:
        """What the source's add-on holds, or why that is not known."""
        address = ResourceAddress("addon", source.name, alias)
        if not any(record == address for record, _ in self.snapshot.resources):
            return None, f"{address} is made by this plan too"
        if address in changes:
            # One that is broken would have to be started to answer, and a plan changes nothing.
            return None, f"its size is not known: this plan changes {address}"
        if not self.ask:
            return None, "its size is not known: nothing was asked (--no-refresh)"
        try:
            side = data_side(self.providers, source.spec.region, self.plan.scope, address)
            diagnostics += objections_to(side, copy, address)
            return side.port.facts().size_bytes, ""
        except ProviderError as problem:
            diagnostics.append(
                warning(
                    "fork-source-silent",
                    f"the data of {address} cannot be looked at: {problem.summary}",
                    copy.position,
                    expected="the add-on to answer before its data can be copied",
                    address=str(address),
                )
            )
            return None, "its size is not known: it does not answer"

    def _rate(self) -> tuple[float, str]:
        """Bytes a second, and where that is known from."""
        copies = ("data_copy", FOLLOWER_TYPE)
        results = [result_of(record) for key, record in self.snapshot.resources.items() if key[0].type in copies]
        moved = [result for result in results if result is not None]
        size = sum(result.bytes_copied for result in moved)
        seconds = sum(result.copy_seconds + result.verify_seconds for result in moved)
        if size < MEASURED_FROM or seconds <= 0:
            return STATED_BYTES_PER_S, f"at {STATED_BYTES_PER_S / 2**20:.0f} MB/s, which is assumed"
        return size / seconds, f"at {size / seconds / 2**20:.0f} MB/s, as measured in {len(moved)} copies here"


_COPYING: Final = {DataFate.COPIED: "copied already", DataFate.FOLLOWED: "already"}
"""What begins with a copy, and what is said of it once that is made."""


def _is_made(app: AppManifest, changes: Mapping[ResourceAddress, Change]) -> bool:
    made = {Action.CREATE, Action.REPLACE}
    return any(
        change.action in made
        and change.address.app == app.name
        and change.address.type in ("app", "data_copy", FOLLOWER_TYPE)
        for change in changes.values()
    )


def _fate(app: AppManifest, theirs: Addon, mine: Addon | None) -> DataFate:
    assert app.fork is not None, "asked of forks only"
    if mine is None:
        return DataFate.LEFT_OUT
    match app.fork.data.get(theirs.alias):
        case "copy":
            return DataFate.COPIED
        case "empty":
            return DataFate.EMPTY
        case "share":
            return DataFate.SHARED
        case "follow":
            return DataFate.FOLLOWED
        case None:
            return DataFate.OWN_ACCOUNT


def _slug(app: AppManifest, source: AppManifest, changes: Mapping[ResourceAddress, Change]) -> str:
    if isinstance(app.spec.source, SourceImage):
        return f"image {app.spec.source.image}"
    if ResourceAddress("slug_copy", app.name) in changes:
        return f"as built in {source.spec.region}, where {app.spec.region} can take it; else built again"
    if app.spec.region == source.spec.region:
        return "the same, in the same region"
    return f"built in {app.spec.region}"


def _left_behind(app: AppManifest, source: AppManifest) -> Iterator[str]:
    assert app.fork is not None, "asked of forks only"
    over = app.fork.manifest.spec
    mapped = {host.lower() for host in over.domains} if isinstance(over.domains, dict) else set[str]()
    for host in source.spec.domains or ():
        if host.lower() not in mapped:
            yield f"domain {host}: a host name leads to one app, and the fork names none in its place"
    if source.spec.maintenance:
        yield "maintenance: the source's own"
    for key, value in sorted((source.spec.config or {}).items()):
        if key not in (app.spec.config or {}):
            yield f"config {key}: left out by the fork"
        elif isinstance(value, GeneratedValue) and key not in (over.config or {}):
            yield f"a new value of config {key}: the data was made with {source.name}'s, so both use that"
    for name in sorted((source.spec.formation or {}).keys() - (app.spec.formation or {}).keys()):
        yield f"process type {name}: left out by the fork"
    for addon in source.spec.addons or ():
        if all(addon.alias != kept.alias for kept in app.spec.addons or ()):
            yield f"add-on {addon.alias}: left out by the fork"
