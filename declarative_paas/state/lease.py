"""The law of the lock, whatever keeps it: who may take it, and whose writes still count. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from declarative_paas.core.address import Scope
from declarative_paas.core.state import Lease, LeaseLost, LockHeld

RELEASED: Final = datetime.fromtimestamp(0, UTC)
"""`expires` of a lease that was given back. It is remembered: the next holder's fence must be higher."""


def granted(last: Lease | None, scope: Scope, holder: str, *, now: datetime, ttl_s: float) -> Lease:
    """The lease that follows the scope's last one. Raises LockHeld while that one stands."""
    held = standing(last, now=now)
    if held is not None:
        raise LockHeld(held.holder, held.acquired, held.expires)
    return Lease(
        scope=scope,
        holder=holder,
        fence=1 if last is None else last.fence + 1,
        acquired=now,
        expires=now + timedelta(seconds=ttl_s),
    )


def standing(last: Lease | None, *, now: datetime) -> Lease | None:
    """The scope's last lease while it keeps others out."""
    return last if last is not None and last.expires > now else None


def check_ours(last: Lease | None, ours: Lease) -> None:
    """Raises LeaseLost when somebody took our lease over, or we gave it back.

    Expired is not lost: while the fence is ours, nobody wrote since, as after a laptop's sleep.
    """
    # The holder too: in a state that was removed and made anew, fences count from 1 again.
    if last is None or (last.fence, last.holder) != (ours.fence, ours.holder):
        holder = "nobody" if last is None else last.holder
        raise LeaseLost(
            f"our lock on {ours.scope} expired and was taken over; its last holder is {holder}: nothing was written"
        )
    if last.expires == RELEASED:
        raise LeaseLost(f"our lock on {ours.scope} was given back: nothing was written")
