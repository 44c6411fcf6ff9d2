"""The refusal of a plan that is not what would happen any more."""

from __future__ import annotations

from collections.abc import Sequence


class StalePlan(Exception):
    """The state moved between the plan and the lock: the plan is not what would happen any more."""

    def __init__(self, moved: Sequence[str]) -> None:
        super().__init__("the state has moved since this plan was made: " + "; ".join(moved))
        self.moved = tuple(moved)
