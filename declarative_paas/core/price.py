"""What an app costs: part of a plan, so that whoever reads a saved one knows it too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class AppPrice:
    """US cents a month of all that an app has, before a plan and after it; `unpriced` resources have no price then."""

    before_cents: int = 0
    after_cents: int = 0
    unpriced: int = 0

    def to_json(self, app: str) -> dict[str, Any]:
        """Plain JSON, with the app's name, that `from_json` reads."""
        return {
            "app": app,
            "before_cents": self.before_cents,
            "after_cents": self.after_cents,
            "unpriced": self.unpriced,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> AppPrice:
        """Raises KeyError on a malformed one."""
        return cls(
            before_cents=data["before_cents"],
            after_cents=data["after_cents"],
            unpriced=data["unpriced"],
        )
