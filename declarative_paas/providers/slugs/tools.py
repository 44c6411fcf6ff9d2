"""What every build's environment says to the tools in it, on whatever platform it runs."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from declarative_paas.providers.slugs.archive import FIXED_TIME

TOOL_SETTINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "LANG": "C.UTF-8",
        "CI": "true",
        "NO_COLOR": "1",
        # Tools that write times into what they make then write this one: Python's caches, wheels, archives.
        "SOURCE_DATE_EPOCH": str(FIXED_TIME),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
        "PIP_PROGRESS_BAR": "off",
        "PIP_ROOT_USER_ACTION": "ignore",
        "npm_config_update_notifier": "false",
    }
)
