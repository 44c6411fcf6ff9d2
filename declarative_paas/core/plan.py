"""A plan: what will change, why, at what risk, and the steps that do exactly that."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.diagnostic import Position
from declarative_paas.core.fork_review import ForkReview
from declarative_paas.core.price import AppPrice
from declarative_paas.core.provenance import Provenance
from declarative_paas.core.resource import ResourceState
from declarative_paas.core.values import Attributes, Value, decode, encode

PLAN_FORMAT = 1


class Action(Enum):
    """What becomes of one resource."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    FORGET = "forget"  # gone outside: only its record is removed


class Operation(Enum):
    """What one step asks of a provider; FORGET asks nothing, it only removes the record.

    RENAME gives a thing the address it is asked for under; `prior` tells the one it has. Again, it does
    nothing. Only a provider whose capabilities say so is ever asked. PROMOTE makes a follower a database of its
    own, see `core.following`; only the provider of followers is ever asked.
    """

    CREATE = "create"
    RENAME = "rename"
    UPDATE = "update"
    PROMOTE = "promote"
    DELETE = "delete"
    FORGET = "forget"


class RiskKind(Enum):
    """What a change endangers."""

    DATA_LOSS = "data loss"
    DOWNTIME = "downtime"
    RESTART = "restart"
    REGION_MOVE = "region move"
    JURISDICTION_MOVE = "jurisdiction move"
    EXPOSURE = "exposure"
    PROMOTION = "promotion"  # what followed another database is one of its own: there is no way back


@dataclass(frozen=True, slots=True)
class Risk:
    """One danger of one change."""

    kind: RiskKind
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """One field before and after. `before` or `after` is None when the field is added or removed."""

    path: str
    before: Value
    after: Value
    forces_replacement: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One resource's change. `after` may hold references: they are known after apply.

    `moved_from` is the address it is recorded under so far; `renames_only` that nothing else changes.
    A replacement with `create_before_destroy` makes the new instance first, has what uses the old one use
    the new one, and deletes the old one last; until then that is recorded as deposed. A change that `retains`
    deletes nothing: the old instance stays where it is, recorded as retained (ADR 0003).
    """

    address: ResourceAddress
    action: Action
    region: str
    instance: str  # the instance that will be current afterwards (for delete: the one removed)
    before: Attributes | None = None
    after: Attributes | None = None
    fields: tuple[FieldChange, ...] = ()
    causes: tuple[str, ...] = ()
    risks: tuple[Risk, ...] = ()
    dependencies: tuple[ResourceAddress, ...] = ()
    prior_instance: str | None = None
    prior_region: str | None = None
    price_before_cents: int | None = 0
    price_after_cents: int | None = 0
    position: Position | None = None
    moved_from: ResourceAddress | None = None
    renames_only: bool = False
    create_before_destroy: bool = False
    declared_in: str = ""
    retains: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One idempotent provider operation. `after` names steps that must succeed first."""

    id: str
    operation: Operation
    address: ResourceAddress
    instance: str
    region: str
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """A difference between what we recorded and what is: shown apart from changes."""

    address: ResourceAddress
    summary: str
    fields: tuple[FieldChange, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything an apply needs, and everything a reviewer reads.

    `base` holds a digest of each touched resource as it was read, so that an apply can tell what
    moved since; `lineage` and `serial` name the state the plan was made from. `refreshed` are records
    to bring up to date with what was read, where that already is what the manifests ask for;
    `settles` the journaled steps of an interrupted apply that this plan finishes or found finished.
    `targets` to `finish` are what was asked for: enough to plan the same again (`back` and `finish` name apps whose
    move between regions ends so). `forks` tells of each fork
    that is made what its reviewer must know, `provenance` of which commits the plan is and until when it holds.
    `app_prices` are those of the apps that change, as `price_before_cents` and the like are of everything.
    """

    scope: Scope
    lineage: str
    serial: int
    tool_version: str
    catalog_digest: str
    changes: tuple[Change, ...] = ()
    steps: tuple[Step, ...] = ()
    drift: tuple[Drift, ...] = ()
    unchanged: int = 0
    base: Mapping[str, str] = field(default_factory=dict[str, str])
    refreshed: tuple[ResourceState, ...] = ()
    settles: tuple[str, ...] = ()
    confirmed: tuple[ResourceAddress, ...] = ()
    targets: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    replaces: tuple[ResourceAddress, ...] = ()
    destroy: bool = False
    refresh_only: bool = False
    back: tuple[str, ...] = ()
    finish: tuple[str, ...] = ()
    price_before_cents: int = 0
    price_after_cents: int = 0
    unpriced: int = 0
    app_prices: Mapping[str, AppPrice] = field(default_factory=dict[str, AppPrice])
    forks: tuple[ForkReview, ...] = ()
    provenance: Provenance | None = None

    @property
    def is_empty(self) -> bool:
        return not self.changes

    def count(self, *actions: Action) -> int:
        return sum(change.action in actions for change in self.changes)

    def digest(self) -> str:
        """Over the canonical actions: two plans that would do the same have the same digest."""
        content = [
            [
                str(change.address),
                change.action.value + _manner(change),
                change.region,
                encode(change.after),
                encode(change.before),
                # Only where it is so: where something comes from is part of what is done with it.
                *([change.prior_region] if change.prior_region not in (None, change.region) else []),
                *([f"was {change.moved_from}"] if change.moved_from is not None else []),
            ]
            for change in sorted(self.changes, key=lambda change: (change.address, change.instance))
        ]
        text = json.dumps([str(self.scope), content], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def _manner(change: Change) -> str:
    if change.retains:
        return ", old one kept"
    return ", new one first" if change.create_before_destroy else ""


def plan_to_json(plan: Plan) -> dict[str, Any]:
    """The saved form of a plan; holds no secret value, only keyed digests."""
    content = _content(plan)
    return {**content, "checksum": _checksum(content)}


def _checksum(content: Mapping[str, Any]) -> str:
    """Over every part of a saved plan: an edited one is refused, whatever was edited."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _content(plan: Plan) -> dict[str, Any]:
    return {
        "format": PLAN_FORMAT,
        "tool_version": plan.tool_version,
        "catalog_digest": plan.catalog_digest,
        "digest": plan.digest(),
        "scope": [plan.scope.platform, plan.scope.environment, plan.scope.stack],
        "lineage": plan.lineage,
        "serial": plan.serial,
        "destroy": plan.destroy,
        "refresh_only": plan.refresh_only,
        "targets": list(plan.targets),
        "excludes": list(plan.excludes),
        "replaces": [str(address) for address in plan.replaces],
        "confirmed": [str(address) for address in plan.confirmed],
        "summary": {
            "create": plan.count(Action.CREATE),
            "update": plan.count(Action.UPDATE),
            "replace": plan.count(Action.REPLACE),
            "delete": plan.count(Action.DELETE),
            "forget": plan.count(Action.FORGET),
            "unchanged": plan.unchanged,
            "price_before_cents": plan.price_before_cents,
            "price_after_cents": plan.price_after_cents,
            "unpriced": plan.unpriced,
        },
        "changes": [_change_to_json(change) for change in plan.changes],
        "steps": [
            {
                "id": step.id,
                "operation": step.operation.value,
                "address": str(step.address),
                "instance": step.instance,
                "region": step.region,
                "after": list(step.after),
            }
            for step in plan.steps
        ],
        "drift": [
            {
                "address": str(drift.address),
                "summary": drift.summary,
                "fields": [_field_to_json(f) for f in drift.fields],
            }
            for drift in plan.drift
        ],
        "base": dict(plan.base),
        "refreshed": [record.to_json() for record in plan.refreshed],
        "settles": list(plan.settles),
        # Only where there are any: a plan that was saved before this was told reads, and sums up, as it did.
        **({"app_prices": [one.to_json(app) for app, one in plan.app_prices.items()]} if plan.app_prices else {}),
        **({"back": list(plan.back)} if plan.back else {}),
        **({"finish": list(plan.finish)} if plan.finish else {}),
        **({"forks": [fork.to_json() for fork in plan.forks]} if plan.forks else {}),
        **({"provenance": plan.provenance.to_json()} if plan.provenance is not None else {}),
    }


def plan_from_json(data: Mapping[str, Any], *, shown: bool = False) -> Plan:
    """Raises ValueError on another format or a damaged file, KeyError or TypeError on a malformed one.

    `shown`: a preview's JSON will do, whose digest is that of the plan before values were masked.
    """
    if data.get("format") != PLAN_FORMAT:
        raise ValueError(f"plan format {data.get('format')!r} is not {PLAN_FORMAT}")
    plan = Plan(
        scope=Scope(*data["scope"]),
        lineage=data["lineage"],
        serial=data["serial"],
        tool_version=data["tool_version"],
        catalog_digest=data["catalog_digest"],
        destroy=data["destroy"],
        refresh_only=data["refresh_only"],
        targets=tuple(data["targets"]),
        excludes=tuple(data["excludes"]),
        replaces=tuple(ResourceAddress.parse(text) for text in data["replaces"]),
        confirmed=tuple(ResourceAddress.parse(text) for text in data["confirmed"]),
        unchanged=data["summary"]["unchanged"],
        price_before_cents=data["summary"]["price_before_cents"],
        price_after_cents=data["summary"]["price_after_cents"],
        unpriced=data["summary"]["unpriced"],
        changes=tuple(_change_from_json(item) for item in data["changes"]),
        steps=tuple(
            Step(
                id=item["id"],
                operation=Operation(item["operation"]),
                address=ResourceAddress.parse(item["address"]),
                instance=item["instance"],
                region=item["region"],
                after=tuple(item["after"]),
            )
            for item in data["steps"]
        ),
        drift=tuple(
            Drift(
                address=ResourceAddress.parse(item["address"]),
                summary=item["summary"],
                fields=tuple(_field_from_json(entry) for entry in item["fields"]),
            )
            for item in data["drift"]
        ),
        base=data["base"],
        refreshed=tuple(ResourceState.from_json(item) for item in data["refreshed"]),
        settles=tuple(data["settles"]),
        back=tuple(data.get("back", ())),
        finish=tuple(data.get("finish", ())),
        app_prices={item["app"]: AppPrice.from_json(item) for item in data.get("app_prices", ())},
        forks=tuple(ForkReview.from_json(item) for item in data.get("forks", ())),
        provenance=Provenance.from_json(data["provenance"]) if "provenance" in data else None,
    )
    if _checksum(_content(plan)) != data["checksum"] or not (shown or plan.digest() == data["digest"]):
        raise ValueError("the plan was changed after it was made: its checksum does not match")
    return plan


def _field_to_json(change: FieldChange) -> dict[str, Any]:
    return {
        "path": change.path,
        "before": encode(change.before),
        "after": encode(change.after),
        "forces_replacement": change.forces_replacement,
    }


def _field_from_json(data: Mapping[str, Any]) -> FieldChange:
    return FieldChange(
        path=data["path"],
        before=decode(data["before"]),
        after=decode(data["after"]),
        forces_replacement=data["forces_replacement"],
    )


def _change_to_json(change: Change) -> dict[str, Any]:
    return {
        "address": str(change.address),
        "action": change.action.value,
        "region": change.region,
        "instance": change.instance,
        "before": None if change.before is None else encode(change.before),
        "after": None if change.after is None else encode(change.after),
        "fields": [_field_to_json(item) for item in change.fields],
        "causes": list(change.causes),
        "risks": [[risk.kind.value, risk.detail] for risk in change.risks],
        "dependencies": [str(address) for address in change.dependencies],
        "prior_instance": change.prior_instance,
        "prior_region": change.prior_region,
        "declared_in": change.declared_in,
        "price_before_cents": change.price_before_cents,
        "price_after_cents": change.price_after_cents,
        "position": None
        if change.position is None
        else [change.position.file, change.position.line, change.position.column],
        "moved_from": None if change.moved_from is None else str(change.moved_from),
        "renames_only": change.renames_only,
        # Only where it is so: a plan that was saved before this was told reads, and sums up, as it did.
        **({"create_before_destroy": True} if change.create_before_destroy else {}),
        **({"retains": True} if change.retains else {}),
    }


def _change_from_json(data: Mapping[str, Any]) -> Change:
    return Change(
        address=ResourceAddress.parse(data["address"]),
        action=Action(data["action"]),
        region=data["region"],
        instance=data["instance"],
        before=None if data["before"] is None else decode(data["before"]),
        after=None if data["after"] is None else decode(data["after"]),
        fields=tuple(_field_from_json(item) for item in data["fields"]),
        causes=tuple(data["causes"]),
        risks=tuple(Risk(RiskKind(kind), detail) for kind, detail in data["risks"]),
        dependencies=tuple(ResourceAddress.parse(text) for text in data["dependencies"]),
        prior_instance=data["prior_instance"],
        prior_region=data["prior_region"],
        declared_in=data["declared_in"],
        price_before_cents=data["price_before_cents"],
        price_after_cents=data["price_after_cents"],
        position=None if data["position"] is None else Position(*data["position"]),
        moved_from=None if data["moved_from"] is None else ResourceAddress.parse(data["moved_from"]),
        renames_only=data["renames_only"],
        create_before_destroy=data.get("create_before_destroy", False),
        retains=data.get("retains", False),
    )
