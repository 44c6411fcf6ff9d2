"""One local region's settings, from the Platform manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from declarative_paas.core.address import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSettings:
    """`home` is `.dpaas/`; `base_directory` is where relative source paths start; `port` the router's, if chosen.

    Options (`spec.regions.NAME.options`), seconds: `boot_timeout_s` (Heroku's R10, 60), `stop_timeout_s`
    (R12, 30), `drain_timeout_s` (30), `health_timeout_s` (60), `build_timeout_s` (900),
    `release_timeout_s` (3600).
    """

    region: str
    home: Path
    base_directory: Path
    scope: Scope
    port: int | None = None
    host: str | None = None
    user: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def seconds(self, name: str) -> float:
        """A timeout option or its default. Raises KeyError for a name that is no option."""
        return float(self.options.get(name, OPTION_DEFAULTS[name]))


OPTION_DEFAULTS: Mapping[str, float] = {
    "boot_timeout_s": 60.0,
    "stop_timeout_s": 30.0,
    "drain_timeout_s": 30.0,
    "health_timeout_s": 60.0,
    "build_timeout_s": 900.0,
    "release_timeout_s": 3600.0,
    "backoff_first_s": 10.0,
}
