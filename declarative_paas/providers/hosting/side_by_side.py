"""The same thing for several, in threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def side_by_side(at_once: int, action: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """The results in the items' order. One at a time, the first failure ends it; else all end, and the first
    failure that came is raised."""
    if at_once == 1 or len(items) < 2:
        return [action(item) for item in items]
    from concurrent.futures import ThreadPoolExecutor

    problems: list[Exception] = []

    def guarded(item: Item) -> list[Result]:
        try:
            return [action(item)]
        except Exception as problem:
            problems.append(problem)
            return []

    with ThreadPoolExecutor(min(at_once, len(items))) as pool:
        found = [result for results in pool.map(guarded, items) for result in results]
    if problems:
        raise problems[0]
    return found
