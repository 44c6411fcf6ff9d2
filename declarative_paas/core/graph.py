"""Order over a dependency graph: deterministic, linear, and honest about cycles."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

Node = TypeVar("Node", bound=Any)


class CycleError(Exception):
    """The graph has a cycle; `path` walks it and ends where it began."""

    def __init__(self, path: list[Any]) -> None:
        super().__init__(" -> ".join(str(node) for node in path))
        self.path = path


def topological_order(dependencies: Mapping[Node, Iterable[Node]]) -> list[Node]:
    """Dependencies first; among free nodes the smallest first, so the order is always the same.

    Dependencies on nodes outside the mapping are ignored. Raises CycleError.
    """
    waiting: dict[Node, int] = {}
    dependents: dict[Node, list[Node]] = {}
    for node, needed in dependencies.items():
        inside = {item for item in needed if item in dependencies and item != node}
        waiting[node] = len(inside)
        for item in inside:
            dependents.setdefault(item, []).append(node)
    free = [node for node, count in waiting.items() if count == 0]
    heapq.heapify(free)
    order: list[Node] = []
    while free:
        node = heapq.heappop(free)
        order.append(node)
        for dependent in dependents.get(node, ()):
            waiting[dependent] -= 1
            if waiting[dependent] == 0:
                heapq.heappush(free, dependent)
    if len(order) < len(waiting):
        raise CycleError(find_cycle(dependencies) or [])
    return order


def find_cycle(dependencies: Mapping[Node, Iterable[Node]]) -> list[Node] | None:
    """One cycle as a path that ends where it began, or None. Iterative: a long chain is no problem."""
    done: set[Node] = set()
    for start in sorted(dependencies):
        if start in done:
            continue
        path: list[Node] = [start]
        on_path = {start}
        stack = [iter(sorted(dependencies[start]))]
        while stack:
            following = next(stack[-1], None)
            if following is None:
                stack.pop()
                finished = path.pop()
                on_path.discard(finished)
                done.add(finished)
            elif following in on_path:
                return [*path[path.index(following) :], following]
            elif following in dependencies and following not in done:
                path.append(following)
                on_path.add(following)
                stack.append(iter(sorted(dependencies[following])))
    return None
