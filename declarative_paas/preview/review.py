"""From a plan to what is shown of it. Pure: the same plan gives the same preview, in the same order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from declarative_paas.catalog.model import Catalog
from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.diagnostic import Diagnostic, Severity, has_errors
from declarative_paas.core.plan import Action, Change, Drift, Plan, RiskKind
from declarative_paas.preview.attributes import label, leaves, shown, shown_change, told_fields, unchanged_count
from declarative_paas.preview.causes import causes_told, shared_causes, ways_out
from declarative_paas.preview.consequences import restarts_of, risks_of
from declarative_paas.preview.costs import app_cost, plan_cost
from declarative_paas.preview.graph import Graph, graph_of_plan, named_changes
from declarative_paas.preview.limits import limits_of
from declarative_paas.preview.model import AppView, ChangeView, DriftView, Line, Origin, Preview, Restart
from declarative_paas.preview.notes import addon_plans, note_of
from declarative_paas.preview.reading_order import by_app
from declarative_paas.preview.redaction import Redacted, redacted, redacted_text, told_of
from declarative_paas.preview.remarks import plan_remarks, regions_of
from declarative_paas.preview.signs import deed_of, sign_of
from declarative_paas.preview.summary import WORST_FIRST, banner_lines, no_changes, verdict_line, verdict_of
from declarative_paas.preview.values import printable

VALUE_WIDTH = 300
"""Of one value: enough for a command line, short enough that five thousand of them are no burden."""

_UNREACHABLE = "region-unreachable"
_UNCONFIRMED = "unconfirmed-data-loss"

_SPELLED = 3
"""More confirmations than this are not typed by hand: the errors name them all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the caller knows beside the plan."""

    diagnostics: Sequence[Diagnostic] = ()
    catalog: Catalog | None = None
    origin: Origin = field(default_factory=Origin)


NOTHING_MORE = Known()


def review(plan: Plan, known: Known = NOTHING_MORE) -> Preview:
    """The preview of a plan, whether or not it may be applied."""
    masked = redacted(plan)
    shown_plan = masked.plan
    diagnostics = _diagnostics(masked, known.diagnostics)
    apps = _apps(shown_plan, known)
    verdict = verdict_of(shown_plan)
    may, standing = _standing(plan, diagnostics)
    return Preview(
        plan=shown_plan,
        digest=plan.digest(),
        verdict=verdict,
        verdict_text=no_changes(plan) if plan.is_empty else verdict_line(verdict),
        standing=standing,
        may_be_applied=may,
        failed=False,
        banners=tuple(line.removeprefix("! ") for line in banner_lines(shown_plan)),
        remarks=tuple(plan_remarks(shown_plan)),
        apps=apps,
        drift=tuple(_drift(shown_plan)),
        risks=tuple(
            sorted(
                (risk for app in apps for change in app.changes for risk in change.risks),
                key=lambda risk: (WORST_FIRST.index(risk.kind), risk.app, risk.address, risk.detail),
            )
        ),
        restarts=_restarts(shown_plan),
        limits=() if known.catalog is None else limits_of(shown_plan, known.catalog),
        total=plan_cost(shown_plan),
        diagnostics=diagnostics,
        next_commands=tuple(map(printable, _next_commands(plan, diagnostics, known.origin, may=may))),
        graph=graph_of_plan(shown_plan),
        origin=known.origin,
    )


def _restarts(plan: Plan) -> tuple[Restart, ...]:
    """What stops comes before what is replaced one by one."""
    found = [restart for change in plan.changes for restart in restarts_of(change)]
    return tuple(sorted(found, key=lambda restart: (restart.rolling, restart.app, restart.dynos)))


def review_failure(diagnostics: Sequence[Diagnostic], scope: Scope | None, origin: Origin | None = None) -> Preview:
    """When there is no plan to show: what stands in its way, in every format."""
    nothing = Plan(scope=scope or Scope("unknown"), lineage="", serial=0, tool_version="", catalog_digest="")
    count = sum(item.is_error for item in diagnostics)
    empty = review(nothing, Known(diagnostics=diagnostics, origin=origin or Origin()))
    return replace(
        empty,
        failed=True,
        graph=Graph(nodes=(), edges=()),
        verdict_text=f"No plan: {count} error{'' if count == 1 else 's'}.",
        standing="There is nothing to apply until the errors are gone.",
        next_commands=("dpaas validate",),
    )


def _diagnostics(masked: Redacted, given: Sequence[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Worst first, each once; what they quote is masked like the plan itself."""
    told = {item.summary for item in given}
    # Why it is lost stands beside the change itself.
    given = [replace(item, detail=None) if item.code == _UNCONFIRMED else item for item in given]
    every = [*given, *(item for item in told_of(masked) if item.summary not in told)]
    order = list(Severity)
    return tuple(sorted(map(_redacted_diagnostic, every), key=lambda item: order.index(item.severity)))


def _redacted_diagnostic(item: Diagnostic) -> Diagnostic:
    return replace(
        item,
        summary=_shown_text(item.summary) or "",
        expected=_shown_text(item.expected),
        suggestion=_shown_text(item.suggestion),
        detail=_shown_text(item.detail),
    )


def _shown_text(text: str | None) -> str | None:
    """Lines stay lines: a detail is what somebody's program printed."""
    return None if text is None else "\n".join(printable(line) for line in redacted_text(text).split("\n"))


def _standing(plan: Plan, diagnostics: Sequence[Diagnostic]) -> tuple[bool, str]:
    """Whether this plan can be applied, in one sentence."""
    if has_errors(diagnostics):
        count = sum(item.is_error for item in diagnostics)
        return False, f"It must not be applied: {count} error{'' if count == 1 else 's'} below."
    if plan.is_empty:
        return False, "There is nothing to apply."
    if plan.targets or plan.excludes:
        return False, "It is a part of a plan (--target, --exclude), so it cannot be approved."
    unread = left_unread(diagnostics)
    return True, f"It can be applied, but is not all there is to do: {unread}." if unread else "It can be applied."


def left_unread(diagnostics: Sequence[Diagnostic]) -> str:
    """What a plan could not look at, so that it may not be all there is to do; empty when it saw everything."""
    return "; ".join(item.summary for item in diagnostics if item.code == _UNREACHABLE)


def _next_commands(plan: Plan, diagnostics: Sequence[Diagnostic], origin: Origin, *, may: bool) -> Iterator[str]:
    """What to type next, as exactly as it can be known."""
    if plan.is_empty:
        return
    environment = "" if plan.scope.environment == "default" else f" --env {plan.scope.environment}"
    unconfirmed = [item.address for item in diagnostics if item.code == _UNCONFIRMED and item.address]
    consent = "".join(f" --confirm {address}" for address in unconfirmed[:_SPELLED])
    consent += " --confirm ADDRESS …" if len(unconfirmed) > _SPELLED else ""
    if plan.destroy:
        yield f"dpaas destroy{environment}{consent}"
    elif may and origin.plan_file is not None:
        yield f"dpaas apply{environment} {origin.plan_file}"
    elif may or unconfirmed:
        yield f"dpaas plan{environment}{consent} --out plan.json"
        yield f"dpaas apply{environment} plan.json"
    else:
        yield f"dpaas plan{environment}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Whole:
    """What a single change is told beside: the plan, what is known of it, and its other changes by name."""

    plan: Plan
    known: Known
    addons: Mapping[ResourceAddress, str]
    names: Mapping[tuple[ResourceAddress, str, Action], str]


def _apps(plan: Plan, known: Known) -> tuple[AppView, ...]:
    whole = _Whole(
        plan=plan,
        known=known,
        addons=addon_plans(plan.changes),
        names={(change.address, change.instance, change.action): name for name, change in named_changes(plan)},
    )
    views = [_app(app, changes, whole) for app, changes in by_app(plan.changes).items()]
    return tuple(sorted(views, key=lambda view: (_rank(view.worst), view.name)))


def _app(app: str, changes: list[Change], of: _Whole) -> AppView:
    kinds = {risk.kind for change in changes for risk in change.risks}
    return AppView(
        name=printable(app),
        regions=regions_of(changes),
        counts=Counter(map(deed_of, changes)),
        worst=min(kinds, key=WORST_FIRST.index, default=None),
        shared_causes=tuple(map(printable, shared_causes(changes))),
        changes=tuple(_change(change, of) for change in changes),
        cost=app_cost(app, changes, of.plan),
    )


def _rank(kind: RiskKind | None) -> int:
    return len(WORST_FIRST) if kind is None else WORST_FIRST.index(kind)


def _change(change: Change, of: _Whole) -> ChangeView:
    address = printable(str(change.address))
    return ChangeView(
        key=printable(of.names[change.address, change.instance, change.action]),
        address=address,
        type=printable(change.address.type),
        app=printable(change.address.app),
        action=change.action,
        deed=deed_of(change),
        sign=sign_of(change),
        region=printable(change.region),
        prior_region=None if change.prior_region is None else printable(change.prior_region),
        note=", ".join(text for _, text in note_of(change, of.addons)),
        lines=tuple(_lines(change)),
        unchanged=unchanged_count(change) if change.action in (Action.UPDATE, Action.REPLACE) else 0,
        causes=tuple(cause.removeprefix("because ") for cause in causes_told(change)),
        risks=risks_of(change, of.plan),
        ways_out=tuple(map(printable, ways_out(change))),
        needs=tuple(printable(str(needed)) for needed in change.dependencies),
        position=change.position,
        moved_from=None if change.moved_from is None else printable(str(change.moved_from)),
    )


def _lines(change: Change) -> Iterator[Line]:
    match change.action:
        case Action.CREATE:
            attributes = change.after or {}
        case Action.DELETE | Action.FORGET:
            attributes = change.before or {}
        case Action.UPDATE | Action.REPLACE:
            for item in told_fields(change):
                yield Line(
                    label=label(change, item.path),
                    text=shown_change(change, item, VALUE_WIDTH),
                    forces_replacement=item.forces_replacement,
                )
            return
    for path, value in leaves(change, attributes):
        yield Line(label=label(change, path), text=shown(change, path, value, VALUE_WIDTH))


def _drift(plan: Plan) -> Iterator[DriftView]:
    changing = {change.address for change in plan.changes}
    for drift in sorted(plan.drift, key=lambda item: (item.address, item.summary)):
        yield DriftView(
            address=printable(str(drift.address)),
            app=printable(drift.address.app),
            summary=printable(drift.summary),
            lines=tuple(_drift_lines(drift)),
            repaired=drift.address in changing,
        )


def _drift_lines(drift: Drift) -> Iterator[Line]:
    standing = Change(address=drift.address, action=Action.UPDATE, region="", instance="")
    for item in drift.fields:
        yield Line(label=label(standing, item.path), text=shown_change(standing, item, VALUE_WIDTH))
