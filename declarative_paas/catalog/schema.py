"""The fields of every kind of catalog entry, as tables.

The packaged YAML and a Platform's `spec.catalog` have one shape, so one schema serves both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from declarative_paas.catalog.readers import (
    Reader,
    aliases,
    count,
    dollars,
    flag,
    matching,
    one_of,
    optional,
    share,
    text,
    texts,
)


class _Absent:
    """The type of the two marks below."""


REQUIRED: Final = _Absent()
OMITTED: Final = _Absent()
"""An optional fact that a plan does not state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A key as written, the model's attribute it fills, its reader and its default."""

    key: str
    read: Reader
    default: object = REQUIRED
    attribute: str = ""

    @property
    def fills(self) -> str:
        return self.attribute or self.key


CONFIG_NAME: Final = matching(r"[A-Z][A-Z0-9_]*", "capitals, digits and _")

LIMITS = (Field(key="dynos_per_app", read=count),)

REGION = (
    Field(key="jurisdiction", read=text),
    Field(key="location", read=text, default=""),
    Field(key="private", read=flag, default=False),
)

SIZE = (
    Field(key="tier", read=text),
    Field(key="memory_mb", read=count),
    Field(key="memory_kill_mb", read=count),
    Field(key="cpu_share", read=share),
    Field(key="dedicated", read=flag, default=False),
    Field(key="pids", read=count),
    Field(key="price_monthly", read=dollars, attribute="price_monthly_cents"),
    Field(key="pooled_hours", read=optional(count), default=None),
    Field(key="max_per_type", read=optional(count), default=None),
    Field(key="mixes", read=flag, default=True),
    Field(key="aliases", read=aliases, default=()),
)

SERVICE = (
    Field(key="kind", read=one_of("postgres", "redis", "external")),
    Field(key="default_alias", read=CONFIG_NAME),
    Field(key="config_suffix", read=CONFIG_NAME),
    Field(key="default_plan", read=text),
    Field(key="versions", read=texts, default=()),
    Field(key="default_version", read=optional(text), default=None),
    Field(key="categories", read=texts, default=()),
    Field(key="aliases", read=aliases, default=()),
    Field(key="summary", read=text, default=""),
)

PLAN = (
    Field(key="price_monthly", read=dollars, attribute="price_monthly_cents"),
    Field(key="regions", read=optional(texts), default=None),
    Field(key="summary", read=text, default=""),
)

FACTS = (
    # What Production Check and the planner ask; unsaid is no.
    Field(key="production", read=flag, default=False),
    Field(key="persistent", read=flag, default=False),
    Field(key="backups", read=flag, default=False),
    Field(key="followers", read=flag, default=False),
    Field(key="high_availability", read=flag, default=False),
    Field(key="connection_limit", read=count, default=OMITTED),
    Field(key="memory_mb", read=count, default=OMITTED),
    Field(key="storage_gb", read=count, default=OMITTED),
    Field(key="rollback_days", read=count, default=OMITTED),
    Field(key="retention_days", read=count, default=OMITTED),
    Field(key="log_mb_daily", read=count, default=OMITTED),
    Field(key="mails_monthly", read=count, default=OMITTED),
)
