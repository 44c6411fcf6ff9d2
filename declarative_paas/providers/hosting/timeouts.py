"""How long each wait of a step may take, in seconds: options that every hosting provider has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TIMEOUTS: Final[Mapping[str, float]] = {
    "boot_timeout_s": 60.0,
    "stop_timeout_s": 30.0,
    "drain_timeout_s": 30.0,
    "health_timeout_s": 60.0,
    "build_timeout_s": 900.0,
    "release_timeout_s": 3600.0,
}
"""Heroku's R10 is `boot_timeout_s`, its R12 `stop_timeout_s`."""
