"""Secrets by name: a manifest names one, the store must hold it."""

from __future__ import annotations

from collections.abc import Mapping

from declarative_paas.core.diagnostic import Position, error, nearest
from declarative_paas.core.values import SecretRef
from declarative_paas.desired.inputs import Diagnostics


def find_secret(
    name: str, position: Position, secrets: Mapping[str, SecretRef], diagnostics: Diagnostics
) -> SecretRef | None:
    """The secret's current version, or None and a diagnostic."""
    found = secrets.get(name)
    if found is None:
        diagnostics.append(
            error(
                "missing-secret",
                f"no secret {name!r} is stored",
                position,
                expected=f"`dpaas secrets set {name}` before planning",
                # Names of secrets have much in common: only a slip of the finger is worth a suggestion.
                suggestion=nearest(name, secrets, cutoff=0.8),
            )
        )
    return found
