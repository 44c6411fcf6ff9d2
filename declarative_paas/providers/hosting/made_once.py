"""A property that is made at its first reading and kept.

To type checkers it is a plain property, which is what a Protocol's property can be compared with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from builtins import property as made_once
else:
    from functools import cached_property as made_once

__all__ = ["made_once"]
