"""The dangers of a plan, grouped so that a reader of two minutes sees each once: what is alike is told together."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from declarative_paas.core.plan import RiskKind
from declarative_paas.preview.model import RiskView

ALIKE: Final = 4
"""So many dangers that differ in the resource only are told as one."""

_Told: TypeAlias = tuple[RiskKind, str, str, bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Danger:
    """One danger, and every risk that it stands for. `alike`: its sentences speak of each of them."""

    kind: RiskKind
    detail: str
    avoid: str
    confirmed: bool
    risks: tuple[RiskView, ...]
    alike: bool = False

    @property
    def headline(self) -> str:
        """`DATA LOSS, confirmed`"""
        return f"{self.kind.value.upper()}{', confirmed' if self.confirmed else ''}"

    @property
    def addresses(self) -> tuple[str, ...]:
        """Those that its sentence does not name."""
        return tuple(risk.address for risk in self.risks if self.alike or risk.address not in self.detail)

    @property
    def apps(self) -> tuple[str, ...]:
        return tuple(sorted({risk.app for risk in self.risks}))


def dangers_of(risks: Iterable[RiskView]) -> tuple[Danger, ...]:
    """Everything worse than a restart, in the order given."""
    worse = [risk for risk in risks if risk.kind is not RiskKind.RESTART]
    variants: dict[_Told, Counter[_Told]] = {}
    for risk in worse:
        for told in {_of_each(risk), _of_each_app(risk)}:
            variants.setdefault(told, Counter())[_as_told(risk)] += 1
    # Where all of them are told in the same words anyway, those words are better than ours of each.
    alike = {told for told, found in variants.items() if found.total() >= ALIKE and len(found) > 1}
    grouped: dict[_Told, list[RiskView]] = {}
    for risk in worse:
        chosen = next((told for told in (_of_each(risk), _of_each_app(risk)) if told in alike), _as_told(risk))
        grouped.setdefault(chosen, []).append(risk)
    return tuple(_danger(told, mine, alike=told in alike) for told, mine in grouped.items())


def _danger(told: _Told, risks: Sequence[RiskView], *, alike: bool) -> Danger:
    kind, detail, avoid, confirmed = told
    return Danger(kind=kind, detail=detail, avoid=avoid, confirmed=confirmed, risks=tuple(risks), alike=alike)


def _as_told(risk: RiskView) -> _Told:
    return (risk.kind, risk.detail, risk.avoid, risk.confirmed)


def _of_each(risk: RiskView) -> _Told:
    """`the data of addon.shop/DB` as `the data of each of them`."""
    detail, avoid = (_replaced(text, risk.address, "each of them") for text in (risk.detail, risk.avoid))
    return (risk.kind, detail, avoid, risk.confirmed)


def _of_each_app(risk: RiskView) -> _Told:
    """`declare shop again` as `declare its app again`: of one app alone its name is better."""
    kind, detail, avoid, confirmed = _of_each(risk)
    if not risk.app:
        return (kind, detail, avoid, confirmed)
    return (kind, _replaced(detail, risk.app, "its app"), _replaced(avoid, risk.app, "its app"), confirmed)


def _replaced(text: str, name: str, by: str) -> str:
    return re.sub(rf"(?<![\w./-]){re.escape(name)}(?![\w/-]|\.\w)", lambda _: by, text) if name in text else text
