"""Which apps a change can have an effect on: those it touches, and all that depend on them. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from declarative_paas.core.address import ResourceAddress


def affected_apps(
    touched: Collection[str],
    wanted: Mapping[ResourceAddress, Iterable[ResourceAddress]],
    recorded: Mapping[ResourceAddress, Iterable[ResourceAddress]],
) -> set[str]:
    """The touched apps and their dependents of any depth, by what is wanted and by what is recorded.

    A plan that is limited to them does all that the whole plan would do because of the change: no other app reads
    anything of theirs. What they stand on comes with them, as with every limited plan.
    """
    dependents: dict[str, set[str]] = {}
    for dependencies in (wanted, recorded):
        for address, needed in dependencies.items():
            for item in needed:
                if item.app != address.app:
                    dependents.setdefault(item.app, set()).add(address.app)
    found: set[str] = set()
    open_ends = list(touched)
    while open_ends:
        app = open_ends.pop()
        if app not in found:
            found.add(app)
            open_ends.extend(dependents.get(app, ()))
    return found
