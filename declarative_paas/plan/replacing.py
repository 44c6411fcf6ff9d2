"""What `--replace` makes anew: the named resources, and what cannot outlive them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.diagnostic import Diagnostic, error, nearest

_ALL_PARTS: Final[tuple[str, ...]] = ()
_TAKEN_ALONG: Final[Mapping[str, Sequence[str]]] = {"app": _ALL_PARTS, "release": ("formation",)}
"""Type -> the types of the same app that live in it. A platform that deletes an app deletes everything of
the app with it, and no dyno runs of a release that is not there. Everything else is let go of by an update."""


def to_replace(
    named: Collection[ResourceAddress], desired: Collection[ResourceAddress]
) -> tuple[set[ResourceAddress], list[Diagnostic]]:
    """The addresses to make anew; an error for each name that the manifests do not declare."""
    found: set[ResourceAddress] = set()
    diagnostics: list[Diagnostic] = []
    for address in sorted(named):
        if address not in desired:
            diagnostics.append(
                error(
                    "unknown-replace",
                    f"{address} is not declared, so it cannot be replaced",
                    expected="the address of a declared resource, as plans print it",
                    suggestion=nearest(str(address), [str(other) for other in desired]),
                )
            )
            continue
        found.add(address)
        taken = _TAKEN_ALONG.get(address.type)
        if taken is not None:
            found.update(other for other in desired if other.app == address.app and (not taken or other.type in taken))
    return found, diagnostics
