"""Moves between regions (ADR 0003): the old side is kept, frozen before its data is copied, and may be gone back to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final, cast

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.diagnostic import Diagnostic, error
from declarative_paas.core.following import promotes
from declarative_paas.core.plan import Action, Change, Risk, RiskKind
from declarative_paas.core.region_move import COPY_TYPE, MOVE_TYPE, RegionMove
from declarative_paas.core.resource import Resource
from declarative_paas.core.values import Attributes, Value
from declarative_paas.plan.changes import Walk, delete_change
from declarative_paas.plan.diff import diff_attributes
from declarative_paas.plan.inputs import PlanInputs
from declarative_paas.plan.prior import Prior, Priors

FROZEN_TYPES: Final = ("app", "formation")
"""What a freeze changes, in this order: requests are answered with 503 before the dynos go."""

FROZEN_UNTIL: Final = "until it serves from"
"""Tells a freeze's downtime from that of a maintenance which somebody asked for."""

_NO_DANGER: Final = frozenset({RiskKind.DATA_LOSS, RiskKind.DOWNTIME})
"""What a replacement would endanger and a move does not: the old one is not deleted, and the freeze is told apart."""


class RegionMoves:
    """The open moves of one plan. `priors` are the given ones, in which what the app goes back to is current."""

    def __init__(self, inputs: PlanInputs, priors: Priors, desired: Mapping[ResourceAddress, Resource]) -> None:
        self._inputs = inputs
        self._asked = priors
        self._moves = {
            address.app: RegionMove.of(resource.attributes)
            for address, resource in desired.items()
            if address.type == MOVE_TYPE
        }
        self._desired = desired
        self._kept_at = {(kept.address, kept.region): kept for kept in priors.retained}
        self._left: dict[ResourceAddress, Prior] = {}
        """What is current so far at each address whose kept instance becomes current."""
        self.priors = self._returned() if any(move.back for move in self._moves.values()) else priors
        self.diagnostics: list[Diagnostic] = []

    @property
    def moves(self) -> Mapping[str, RegionMove]:
        return self._moves

    def _returned(self) -> Priors:
        current = dict(self._asked.current)
        for kept in self._asked.retained:
            move = self._moves.get(kept.address.app)
            now = current.get(kept.address)
            if move is None or not move.back or now is None or kept.region != move.source or kept.gone:
                continue
            if now.region == move.target and kept.unreachable is None:
                current[kept.address] = kept
                self._left[kept.address] = now
        return replace(self._asked, current=current)

    def keep_old_sides(self, walk: Walk, chosen: Callable[[ResourceAddress], bool]) -> None:
        """Makes what moves leave its old instance where it is, and what returns take its place again."""
        for address, change in walk.changes.items():
            move = self._moves.get(address.app)
            crosses = change.action is Action.REPLACE and change.prior_region != change.region
            if move is None or not crosses or address in self._left:
                continue
            if move.back and self._inputs.types[address.type].holds_data(change.before or {}):
                self.diagnostics.append(self._nothing_to_return_to(change, move))
            walk.changes[address] = self._kept(change, move)
        for address, now in self._left.items():
            if address in self._desired and chosen(address):
                self._take_back(walk, address, now)

    def _kept(self, change: Change, move: RegionMove) -> Change:
        return replace(
            change,
            retains=True,
            create_before_destroy=False,
            causes=(_told(change.address, move),),
            risks=tuple(risk for risk in change.risks if risk.kind not in _NO_DANGER),
        )

    def _take_back(self, walk: Walk, address: ResourceAddress, now: Prior) -> None:
        change = walk.changes.get(address)
        kept = self.priors.current[address]
        if change is None:
            # As it is wanted, not as recorded: what a killed apply changed of it may be unrecorded.
            change = _unaltered(self._desired[address], kept, walk.settled[address].attributes)
            walk.unchanged -= 1
        if change.action is not Action.UPDATE:
            return  # not there any more, or to be made anew: it is in its region already
        app = address.app
        risks = change.risks
        if self._inputs.types[address.type].holds_data(kept.attributes) and self._ran_in(app, now.region):
            detail = (
                f"what was written to {address} in {now.region} since the move stays there: {kept.region} has it not"
            )
            risks = (*risks, Risk(RiskKind.DATA_LOSS, detail))
        walk.changes[address] = replace(
            change,
            retains=True,
            renames_only=False,
            prior_instance=now.instance,
            prior_region=now.region,
            price_before_cents=0 if now.record is None else now.record.price_cents,
            causes=(_told(address, self._moves[app]),),
            risks=risks,
        )

    def _ran_in(self, app: str, region: str) -> bool:
        release = self._asked.current.get(ResourceAddress("release", app))
        return release is not None and release.region == region

    def _nothing_to_return_to(self, change: Change, move: RegionMove) -> Diagnostic:
        return error(
            "move-back-impossible",
            f"{change.address} has no data in {move.source} that {change.address.app} could go back to",
            change.position,
            expected=f"`dpaas move finish {change.address.app}`, then a move to {move.source}, which brings its data",
            address=str(change.address),
        )

    def freezes(
        self, changes: Mapping[ResourceAddress, Change], chosen: Callable[[ResourceAddress], bool]
    ) -> list[Change]:
        """The updates that stop the side that is left, where it is not stopped yet."""
        found: list[Change] = []
        changing = {address.app for address in changes}
        with_data = {address.app for address, change in changes.items() if _brings_data(change)}
        for app, move in sorted(self._moves.items()):
            moving, copying = app in changing, app in with_data
            for kind in FROZEN_TYPES:
                prior = self._side(ResourceAddress(kind, app), move.left)
                if prior is None or prior.gone or prior.unreachable is not None or not chosen(prior.address):
                    continue
                change = self._freeze(prior, move, down=copying or move.back, moving=moving)
                if change is not None:
                    found.append(change)
        return found

    def _side(self, address: ResourceAddress, region: str) -> Prior | None:
        """The instance of an address in a region, whatever part it has by now."""
        now = self._asked.current.get(address)
        if now is not None and now.region == region:
            return now if self._desired.get(address) is not None else None
        return self._kept_at.get((address, region))

    def _freeze(self, prior: Prior, move: RegionMove, *, down: bool, moving: bool) -> Change | None:
        kind = self._inputs.types[prior.address.type]
        wanted = _frozen(prior)
        fields = diff_attributes(wanted, prior.attributes, prior.owned, kind)
        if not fields:
            return None
        app = prior.address.app
        cause = f"{app} serves from {move.destination}: its other side stays stopped"
        risks: tuple[Risk, ...] = ()
        if moving:
            why = "for nobody is to write here" if down else "for all that was asked here is answered there"
            cause = f"freeze: {app} stops in {move.left}, {why}, and is kept"
        if down and prior.address.type == "app":
            detail = f"maintenance mode answers requests to {app} with 503 {FROZEN_UNTIL} {move.destination}"
            risks = (Risk(RiskKind.DOWNTIME, detail),)
        return Change(
            address=prior.address,
            action=Action.UPDATE,
            region=prior.region,
            instance=prior.instance,
            before=prior.attributes,
            after=wanted,
            fields=fields,
            causes=(cause,),
            risks=risks,
            dependencies=() if prior.record is None else prior.record.dependencies,
            prior_region=prior.region,
            price_before_cents=0,
            price_after_cents=0,
            declared_in="" if prior.record is None else prior.record.declared_in,
        )

    def ended(self, chosen: Callable[[ResourceAddress], bool]) -> list[Change]:
        """The deletion of what is kept, of moves that end, and of apps that are no longer wanted at all."""
        kept = sorted(self._asked.retained, key=lambda prior: (prior.address, prior.instance))
        return [
            delete_change(self._inputs, prior, self._ending(prior) or "")
            for prior in kept
            if self._ending(prior) is not None and prior.unreachable is None and chosen(prior.address)
        ]

    def _ending(self, prior: Prior) -> str | None:
        app = prior.address.app
        if app in self._inputs.finishing:
            return f"the move is finished: {app} does not go back to {prior.region}"
        record = prior.record
        read = record is None or not record.declared_in or self._inputs.reads(record.declared_in)
        if ResourceAddress("app", app) not in self._desired and read:
            return "destroy" if self._inputs.destroy else "kept of a move, and its app is no longer in the manifests"
        return None

    def unfinished(self, changes: Mapping[ResourceAddress, Change]) -> Iterator[Diagnostic]:
        """Why a move cannot be finished now."""
        for app in sorted(self._inputs.finishing):
            retained = [prior for prior in self._asked.retained if prior.address.app == app]
            silent = sorted({prior.region for prior in retained if prior.unreachable is not None})
            making = (Action.CREATE, Action.UPDATE, Action.REPLACE)
            open_ends = sorted(a for a, change in changes.items() if a.app == app and change.action in making)
            if silent:
                yield error(
                    "move-unfinished",
                    f"what {app} keeps in {', '.join(silent)} cannot be deleted: the region cannot be reached",
                    expected="the region to answer; until then the move stays open",
                )
            elif open_ends:
                yield error(
                    "move-unfinished",
                    f"{app} has not come where it is to serve: {', '.join(map(str, open_ends))} would change",
                    expected="`dpaas apply` first, or `dpaas move back`",
                )

    def kept_cents(
        self, changes: Mapping[ResourceAddress, Change], leaving: Sequence[Change]
    ) -> dict[str, tuple[int, int]]:
        """What the kept sides of each app cost a month: before this plan, whose `leaving` are deleted, and after it."""
        before = {(prior.address, prior.instance): _cents(prior) for prior in self._asked.retained}
        after = dict(before)
        for change in leaving:
            after.pop((change.address, change.instance), None)
        for change in changes.values():
            after.pop((change.address, change.instance), None)  # it is current again
            if change.retains and change.address.type != "formation":
                after[(change.address, change.prior_instance or "")] = change.price_before_cents or 0
        return {app: (_sum_of(app, before), _sum_of(app, after)) for app in {key[0].app for key in (*before, *after)}}


def _sum_of(app: str, cents: Mapping[tuple[ResourceAddress, str], int]) -> int:
    return sum(price for (address, _), price in cents.items() if address.app == app)


def _told(address: ResourceAddress, move: RegionMove) -> str:
    way = f"goes back {move.left} -> {move.destination}" if move.back else f"moves {move.left} -> {move.destination}"
    if address.type != "app":
        return f"{address.app} {way}, and what is in {move.left} is kept"
    return f"{address.app} {way}: what is in {move.left} is kept, stopped, until `dpaas move finish {address.app}`"


def _brings_data(change: Change) -> bool:
    """Whether it brings the app's data, which nobody may write to meanwhile."""
    return change.address.type == COPY_TYPE or promotes(change)


def _unaltered(wanted: Resource, kept: Prior, attributes: Attributes) -> Change:
    return Change(
        address=wanted.address,
        action=Action.UPDATE,
        region=wanted.region,
        instance=kept.instance,
        before=kept.attributes,
        after=attributes,
        dependencies=wanted.dependencies(),
        price_after_cents=wanted.price_cents,
        position=wanted.position,
        declared_in=wanted.declared_in,
    )


def _cents(prior: Prior) -> int:
    # A formation is kept at no dynos.
    is_stopped = prior.address.type == "formation"
    return 0 if prior.record is None or is_stopped else prior.record.price_cents or 0


def _frozen(prior: Prior) -> Attributes:
    """What we set of it, stopped."""
    if prior.address.type == "app":
        return {**prior.owned, "maintenance": True}
    processes = cast("Mapping[str, Mapping[str, Value]]", prior.owned.get("processes") or {})
    return {**prior.owned, "processes": {name: {**process, "quantity": 0} for name, process in processes.items()}}
