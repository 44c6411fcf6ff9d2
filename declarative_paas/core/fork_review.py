"""What a reviewer is told of a fork before it is made: where it goes, what of its source it gets, and what not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any


class DataFate(Enum):
    """What becomes of the data of one of the source's add-ons."""

    COPIED = "copied"
    EMPTY = "empty"
    SHARED = "shared"
    FOLLOWED = "followed"
    OWN_ACCOUNT = "own account"  # an external service, with credentials of the fork's own
    LEFT_OUT = "left out"


@dataclass(frozen=True, slots=True, kw_only=True)
class ForkedAddon:
    """One add-on. For a copy `size_bytes` is what the source holds now, `seconds` how long that is expected to take;
    both None where nobody could be asked. `remark` says how they are known, or why not."""

    alias: str
    plan: str
    fate: DataFate
    size_bytes: int | None = None
    seconds: float | None = None
    remark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForkReview:
    """One fork. `left_behind` is what the source has and the fork does not get, each with the reason; `common` the
    secrets that both use by name. `price_cents` a month; a fork never stops its source."""

    fork: str
    source: str
    from_region: str
    to_region: str
    from_jurisdiction: str | None
    to_jurisdiction: str | None
    addons: tuple[ForkedAddon, ...]
    slug: str
    common: tuple[str, ...]
    left_behind: tuple[str, ...]
    price_cents: int

    @property
    def changes_jurisdiction(self) -> bool:
        """Whether what is copied comes under another law, as far as both regions say theirs."""
        return self.from_jurisdiction != self.to_jurisdiction

    def to_json(self) -> dict[str, Any]:
        """Plain JSON that `from_json` reads."""
        return {
            "fork": self.fork,
            "source": self.source,
            "regions": [self.from_region, self.to_region],
            "jurisdictions": [self.from_jurisdiction, self.to_jurisdiction],
            "addons": [
                {
                    "alias": addon.alias,
                    "plan": addon.plan,
                    "fate": addon.fate.value,
                    "size_bytes": addon.size_bytes,
                    "seconds": addon.seconds,
                    "remark": addon.remark,
                }
                for addon in self.addons
            ],
            "slug": self.slug,
            "common_secrets": list(self.common),
            "left_behind": list(self.left_behind),
            "price_cents": self.price_cents,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ForkReview:
        """From what `to_json` made. Raises KeyError or ValueError for anything else."""
        from_region, to_region = data["regions"]
        from_jurisdiction, to_jurisdiction = data["jurisdictions"]
        return cls(
            fork=data["fork"],
            source=data["source"],
            from_region=from_region,
            to_region=to_region,
            from_jurisdiction=from_jurisdiction,
            to_jurisdiction=to_jurisdiction,
            addons=tuple(
                ForkedAddon(
                    alias=item["alias"],
                    plan=item["plan"],
                    fate=DataFate(item["fate"]),
                    size_bytes=item["size_bytes"],
                    seconds=item["seconds"],
                    remark=item["remark"],
                )
                for item in data["addons"]
            ),
            slug=data["slug"],
            common=tuple(data["common_secrets"]),
            left_behind=tuple(data["left_behind"]),
            price_cents=data["price_cents"],
        )
