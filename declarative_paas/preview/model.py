"""What every format of a preview shows: one plan, redacted, grouped, counted and explained. Values only.

Texts may hold any character that is printable; each format escapes them for itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from declarative_paas.core.diagnostic import Diagnostic, Position
from declarative_paas.core.plan import Action, Plan, RiskKind
from declarative_paas.preview.costs import Cost
from declarative_paas.preview.graph import Graph
from declarative_paas.preview.summary import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One attribute: `text` is its value, or `before -> after` of one that changes."""

    label: str
    text: str
    forces_replacement: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskView:
    """One danger of one change: why, and how to avoid it. `confirmed`: somebody agreed to it by name."""

    kind: RiskKind
    detail: str
    address: str
    app: str
    avoid: str
    confirmed: bool = False
    position: Position | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """Which dynos of an app stop or start again. `rolling`: new ones serve before the old ones stop."""

    app: str
    dynos: tuple[str, ...]
    rolling: bool

    @property
    def sentence(self) -> str:
        """`3 dynos restart, one release beside the other`"""
        count = len(self.dynos)
        many = count != 1
        if self.rolling:
            return f"{count} dyno{'s' if many else ''} restart{'' if many else 's'}, one release beside the other"
        return f"{count} dyno{'s' if many else ''} stop{'' if many else 's'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """How near a change comes to what the platform allows. `reached`: there is no room left."""

    address: str
    app: str
    sentence: str
    reached: bool
    position: Position | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeView:
    """One resource. `key` is its address, told apart by its instance where two share it; `deed` is one of
    `signs.DEEDS`, `sign` what stands before it."""

    key: str
    address: str
    type: str
    app: str
    action: Action
    deed: str
    sign: str
    region: str
    prior_region: str | None
    note: str
    lines: tuple[Line, ...]
    unchanged: int
    causes: tuple[str, ...]
    risks: tuple[RiskView, ...]
    ways_out: tuple[str, ...]
    needs: tuple[str, ...]
    position: Position | None
    moved_from: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AppView:
    """Everything that changes of one app, the riskiest first.

    `counts` is by deed; `shared_causes` are those of each, or of most, of its changes.
    """

    name: str
    regions: str
    counts: Mapping[str, int]
    worst: RiskKind | None
    shared_causes: tuple[str, ...]
    changes: tuple[ChangeView, ...]
    cost: Cost


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftView:
    """A change that nobody planned. `repaired`: this plan sets it right."""

    address: str
    app: str
    summary: str
    lines: tuple[Line, ...]
    repaired: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What the plan was made from, as far as the caller knows: commits, and where their files can be read.

    `link_base` is the address under which a manifest's path leads to the file, such as
    `https://github.com/acme/shop/blob/SHA`, `job` that of the log of what made the preview. `plan_file` is the
    saved plan that would be applied.
    """

    base: str | None = None
    head: str | None = None
    link_base: str | None = None
    job: str | None = None
    plan_file: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Since:
    """How the plan differs from the one that was shown before, which `name` names: a line a difference, or one
    that says there is none."""

    name: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """`plan` is the redacted one; `digest` that of the plan which would be applied.

    `verdict_text` is the first line of every format, `standing` says whether this plan can be applied.
    `failed`: there is no plan, only what stands in its way.
    """

    plan: Plan
    digest: str
    verdict: Verdict
    verdict_text: str
    standing: str
    may_be_applied: bool
    failed: bool
    banners: tuple[str, ...]
    remarks: tuple[str, ...]
    apps: tuple[AppView, ...]
    drift: tuple[DriftView, ...]
    risks: tuple[RiskView, ...]
    restarts: tuple[Restart, ...]
    limits: tuple[Limit, ...]
    total: Cost
    diagnostics: tuple[Diagnostic, ...]
    next_commands: tuple[str, ...]
    graph: Graph
    origin: Origin = field(default_factory=Origin)
    since: Since | None = None

    @property
    def changes(self) -> tuple[ChangeView, ...]:
        """Of all apps, in reading order."""
        return tuple(change for app in self.apps for change in app.changes)
