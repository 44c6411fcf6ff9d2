"""One local region's settings, from the Platform manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from declarative_paas.core.address import Scope
from declarative_paas.core.links import ADDRESS_WANTED, LinkAddress
from declarative_paas.providers.hosting.timeouts import TIMEOUTS


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSettings:
    """`home` is `.dpaas/`; `base_directory` is where relative source paths start; `port` the router's, if chosen.

    Options (`spec.regions.NAME.options`), in seconds: the timeouts of every hosting provider, and
    `backoff_first_s`, how long after its first crash a dyno starts again; and those of TEXT_OPTIONS.
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

    @property
    def link_address(self) -> LinkAddress | None:
        """Where other regions reach this one's links. Raises ValueError for what is no such address."""
        given = self.options.get("link_address")
        return None if given is None else LinkAddress.parse(str(given))


OPTION_DEFAULTS: Mapping[str, float] = {**TIMEOUTS, "backoff_first_s": 10.0}

TEXT_OPTIONS: Mapping[str, str] = {"link_address": ADDRESS_WANTED}
"""Options that are texts, and what each is."""
