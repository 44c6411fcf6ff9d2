"""The Platform's `moved` and `removed` declarations, checked against what is declared."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.diagnostic import Diagnostic, error, nearest
from declarative_paas.core.lifecycle import Move, Removal
from declarative_paas.manifest.manifests import PlatformManifest


def declared_moves(
    platform: PlatformManifest, desired: Collection[ResourceAddress]
) -> tuple[Sequence[Move], list[Diagnostic]]:
    """Each move; its old name must not be declared any more, and its new one must be."""
    moves: list[Move] = []
    diagnostics: list[Diagnostic] = []
    for number, item in enumerate(platform.spec.moved or ()):
        move = Move(
            old=ResourceAddress.parse(item.source),
            new=ResourceAddress.parse(item.to),
            position=platform.position("moved", number, "from"),
        )
        found = list(_mistakes(move, moves, desired))
        diagnostics += found
        if not found:
            moves.append(move)
    return moves, diagnostics


def _mistakes(move: Move, earlier: Sequence[Move], desired: Collection[ResourceAddress]) -> Iterator[Diagnostic]:
    if move.old.type != move.new.type:
        yield error(
            "move-of-types",
            f"{move.old} cannot become {move.new}: they are of different types",
            move.position,
            expected=f"another {move.old.type} address",
        )
    elif move.old in desired:
        yield error(
            "moved-but-declared",
            f"{move.old} is moved to {move.new}, and still declared",
            move.position,
            expected="the manifest under its new name only",
        )
    elif move.new not in desired:
        yield error(
            "moved-to-nothing",
            f"{move.old} is moved to {move.new}, which is not declared",
            move.position,
            expected="the new name of something that is declared",
            suggestion=nearest(str(move.new), [str(other) for other in desired if other.type == move.new.type]),
        )
    elif any(move.old == other.old or move.new == other.new for other in earlier):
        yield error("moved-twice", f"another declaration moves {move.old} or to {move.new} already", move.position)


def declared_removals(
    platform: PlatformManifest, desired: Collection[ResourceAddress]
) -> tuple[Sequence[Removal], list[Diagnostic]]:
    """Each removal; what it names must not be declared any more."""
    removals: list[Removal] = []
    diagnostics: list[Diagnostic] = []
    for number, item in enumerate(platform.spec.removed or ()):
        removal = Removal(
            address=ResourceAddress.parse(item.address),
            destroy=item.destroy,
            reason=item.reason or "",
            position=platform.position("removed", number, "address"),
        )
        if removal.address in desired:
            diagnostics.append(
                error(
                    "removed-but-declared",
                    f"{removal.address} is declared as removed, and still declared",
                    removal.position,
                    expected="one of the two",
                )
            )
            continue
        removals.append(removal)
    return removals, diagnostics
