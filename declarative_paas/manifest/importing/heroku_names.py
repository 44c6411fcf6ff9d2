"""Heroku's names for sizes and add-on services -> ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from declarative_paas.manifest.formats import ALIAS, PLAN
from declarative_paas.manifest.importing.draft import DraftAddon
from declarative_paas.manifest.plain_data import is_list, is_mapping

_SIZES: Final[dict[str, str]] = {
    # Retired names -> what Heroku moved their dynos to.
    "free": "eco",
    "hobby": "basic",
    "1x": "standard-1x",
    "2x": "standard-2x",
    "px": "performance-l",
}
_SAME_SIZES: Final = frozenset(
    {"eco", "basic", "standard-1x", "standard-2x", "performance-m", "performance-l", "performance-l-ram"}
    | {"performance-xl", "performance-2xl"}
)
_SERVICES: Final[dict[str, tuple[str, str, str]]] = {
    # Heroku's service -> ours, the plan it means when none is named, the name its config keys begin with
    "heroku-postgresql": ("postgres", "essential-0", "DATABASE"),
    "heroku-redis": ("redis", "mini", "REDIS"),
}
_PLANS: Final[dict[str, str]] = {"hobby-dev": "mini", "hobby-basic": "basic"}


def size(heroku: str) -> tuple[str | None, str | None]:
    """Our size and a note, when it is another one than was asked for. None: there is none like it."""
    name = heroku.lower()
    if name in _SAME_SIZES:
        return name, None
    if name in _SIZES:
        return _SIZES[name], f"The size was {heroku}."
    return None, f"The size was {heroku}, which has no like here: choose one of the catalog."


def addons(given: object) -> tuple[list[DraftAddon], list[str]]:
    """A list of plans, each a text or `{plan, as, options}`: the add-ons, and remarks on what was left out."""
    found: list[DraftAddon] = []
    remarks: list[str] = []
    for item in given if is_list(given) else ():
        fields: Mapping[str, Any] = item if is_mapping(item) else {"plan": item}
        plan, alias = fields.get("plan"), fields.get("as")
        one = _addon(plan, alias if isinstance(alias, str) else None) if isinstance(plan, str) else None
        if one is None:
            remarks.append(f"add-on {plan!r}: no plan's name.")
            continue
        if fields.get("options"):
            remarks.append(f"the options of add-on {plan}: an add-on here has none.")
        taken = {other.alias for other in found}
        found.append(replace(one, alias=_free(one.alias, taken)))
    return found, remarks


def _free(alias: str, taken: set[str]) -> str:
    """`DATABASE`, else `DATABASE_2`, `DATABASE_3`, …"""
    number = 2
    free = alias
    while free in taken:
        free, number = f"{alias}_{number}", number + 1
    return free


def _addon(heroku_plan: str, alias: str | None) -> DraftAddon | None:
    """The add-on that a plan such as `heroku-postgresql:standard-0` means. None when it is no plan's name."""
    service, _, plan = heroku_plan.strip().lower().partition(":")
    if service in _SERVICES:
        ours, default, usual = _SERVICES[service]
        return DraftAddon(
            plan=f"{ours}:{_PLANS.get(plan, plan) or default}",
            alias=_alias(alias or usual) or usual,
            is_known=True,
            note=None if plan else f"{service} named no plan; this is the smallest.",
        )
    whole = f"{service}:{plan or 'plan'}"
    if not PLAN.matches(whole):
        return None
    return DraftAddon(
        plan=whole,
        alias=_alias(alias or service) or "ADDON",
        is_known=False,
        note="A service from outside: look for it in the catalog, and name the secret that holds its credentials.",
    )


def _alias(text: str) -> str | None:
    return ALIAS.repaired(text)
