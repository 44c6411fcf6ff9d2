"""What a YAML document holds, with the place of every key and value.

The tree is immutable and shares what an alias shares; `plain` turns it into dicts, tuples and scalars.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from declarative_paas.core.diagnostic import Position

ScalarValue: TypeAlias = str | int | float | bool | None
Step: TypeAlias = str | int
"""One step of a path: a mapping's key or a list's index."""


class Scalar(NamedTuple):
    """A single value: what it means (`12`), and the text it was written as (`0x0c`).

    A tuple, as positions are: most of a document is made of them.
    """

    value: ScalarValue
    text: str
    position: Position


@dataclass(frozen=True, slots=True)
class MappingNode:
    """Keys in the order they were written. `size` counts the nodes inside, aliases expanded."""

    entries: Mapping[str, Node]
    keys: Mapping[str, Position]
    position: Position
    size: int = field(default=1, compare=False)


@dataclass(frozen=True, slots=True)
class SequenceNode:
    """Items in order. `size` counts the nodes inside, aliases expanded."""

    items: tuple[Node, ...]
    position: Position
    size: int = field(default=1, compare=False)


Node: TypeAlias = Scalar | MappingNode | SequenceNode


def plain(node: Node) -> Any:
    """The data alone: dicts, tuples (not lists: nothing here is to be changed) and scalars."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, MappingNode):
        return {key: plain(child) for key, child in node.entries.items()}
    return tuple([plain(child) for child in node.items])


def child(node: Node | None, step: Step) -> Node | None:
    """The value under a key or at an index, or None."""
    if isinstance(node, MappingNode):
        return node.entries.get(str(step))
    if isinstance(node, SequenceNode) and isinstance(step, int) and 0 <= step < len(node.items):
        return node.items[step]
    return None


def descendant(node: Node | None, *path: Step) -> Node | None:
    """The node at a path, or None when the path leads nowhere."""
    for step in path:
        node = child(node, step)
    return node


def text_at(node: Node | None, *path: Step) -> str | None:
    """The text at a path when a string stands there, else None."""
    found = descendant(node, *path)
    return found.value if isinstance(found, Scalar) and isinstance(found.value, str) else None


def position_of(root: Node, *path: Step) -> Position:
    """Where the value at `path` is; where its nearest existing parent is when nothing stands there.

    A scalar is where its value starts; a mapping or list is where its key stands, because that is the
    line that names it.
    """
    node, here = root, root.position
    for step in path:
        # Spelled out, not by `child`: each of many thousand resources asks for its place.
        if isinstance(node, MappingNode):
            below = node.entries.get(str(step))
            if below is None:
                break
            here = below.position if isinstance(below, Scalar) and below.text else node.keys[str(step)]
        else:
            below = child(node, step)
            if below is None:
                break
            here = below.position
        node = below
    return here


def key_position_of(root: Node, *path: Step) -> Position:
    """Where the key at the end of `path` stands; like `position_of` when there is no such key."""
    if path:
        parent = descendant(root, *path[:-1])
        if isinstance(parent, MappingNode) and str(path[-1]) in parent.keys:
            return parent.keys[str(path[-1])]
    return position_of(root, *path)
