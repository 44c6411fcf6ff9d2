"""What a saved plan is for: which commits it was made of, and until when it may be applied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """`base` is the commit that the change is compared with, `head` the one that was planned; None: not told.

    `expires` has a time zone; None: the plan does not expire.
    """

    base: str | None = None
    head: str | None = None
    expires: datetime | None = None

    def is_expired(self, now: datetime) -> bool:
        """At the very second it still holds."""
        return self.expires is not None and now > self.expires

    def to_json(self) -> dict[str, Any]:
        return {
            "base": self.base,
            "head": self.head,
            "expires": None if self.expires is None else self.expires.isoformat(timespec="seconds"),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Provenance:
        """Raises KeyError, TypeError or ValueError on a malformed one."""
        expires = None if data["expires"] is None else datetime.fromisoformat(data["expires"])
        if expires is not None and expires.tzinfo is None:
            raise ValueError("the time at which the plan expires has no time zone")
        return cls(base=data["base"], head=data["head"], expires=expires)
