"""How far one plan is from another: for suggestions, so only the order matters."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from declarative_paas.catalog.model import AddonPlan


def distance(wanted: AddonPlan, other: AddonPlan) -> tuple[int, float]:
    """Promises lost first (a cheaper plan without backups is no substitute), then price and capacities.

    Amounts are compared by their ratio: from $5 to $10 is as far as from $500 to $1000.
    """
    lost = sum(1 for name, value in wanted.facts.items() if value is True and not other.has(name))
    amounts = [(wanted.price_monthly_cents, other.price_monthly_cents)]
    for name, value in wanted.facts.items():
        if not isinstance(value, bool) and name in other.facts:
            amounts.append((value, other.facts[name]))
    # Rounded, so that the order never hangs on the last bit of a logarithm.
    return lost, round(sum(abs(math.log2((there + 1) / (here + 1))) for here, there in amounts), 6)
