"""Which resources a targeted plan may touch."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.diagnostic import Diagnostic, error, nearest


def named_by(
    texts: Collection[str], addresses: Collection[ResourceAddress]
) -> tuple[list[ResourceAddress], list[Diagnostic]]:
    """What the texts name: a resource by its address, everything of an app by its name; an error for each other."""
    if not texts:
        return [], []
    by_text = {str(address): [address] for address in addresses}
    for address in addresses:
        by_text.setdefault(address.app, []).append(address)
    diagnostics: list[Diagnostic] = []
    named: list[ResourceAddress] = []
    for text in texts:
        found = by_text.get(text)
        if found is None:
            diagnostics.append(
                error(
                    "unknown-target",
                    f"nothing is named {text!r}",
                    expected="a resource address like 'formation.storefront', or an app's name",
                    suggestion=nearest(text, by_text),
                )
            )
        else:
            named.extend(found)
    return named, diagnostics


def select(
    targets: Collection[str],
    addresses: Collection[ResourceAddress],
    wanted_dependencies: Mapping[ResourceAddress, Iterable[ResourceAddress]],
    recorded_dependencies: Mapping[ResourceAddress, Iterable[ResourceAddress]],
    removed: Collection[ResourceAddress],
) -> tuple[Collection[ResourceAddress], list[Diagnostic]]:
    """The targets (addresses or app names), all they depend on, and, for a removal, all that depends on it."""
    if not targets:
        return addresses, []
    open_ends, diagnostics = named_by(targets, addresses)
    dependents: dict[ResourceAddress, list[ResourceAddress]] = {}
    for address, needed in recorded_dependencies.items():
        for item in needed:
            dependents.setdefault(item, []).append(address)
    selected: set[ResourceAddress] = set()
    gone = set(removed)
    while open_ends:
        address = open_ends.pop()
        if address in selected:
            continue
        selected.add(address)
        if address in gone:
            open_ends.extend(dependents.get(address, ()))
        else:
            open_ends.extend(wanted_dependencies.get(address, ()))
    return selected, diagnostics


def contradictions(
    targets: Collection[str], excluded: Collection[ResourceAddress], addresses: Collection[ResourceAddress]
) -> list[Diagnostic]:
    """An error for each target of which an exclusion leaves nothing: "no changes" would be no answer to that."""
    if not excluded:
        return []
    left_alone = set(excluded)
    return [
        error(
            "target-excluded",
            f"{text} is a target, and excluded: nothing of it would be looked at",
            expected="--target or --exclude for it, not both",
        )
        for text in sorted(targets)
        if (named := named_by([text], addresses)[0]) and left_alone.issuperset(named)
    ]
