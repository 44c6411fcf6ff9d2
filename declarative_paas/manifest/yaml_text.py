"""YAML text -> documents whose every key and value knows its position.

Works on parser events, not on PyYAML's own nodes: twice as fast, sees duplicate keys, and decides itself
how much an alias may expand. Mistakes become diagnostics; nothing in a file raises.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from declarative_paas.core.diagnostic import Diagnostic, Position, error, has_errors, nearest
from declarative_paas.manifest.file_text import decode
from declarative_paas.manifest.nodes import MappingNode, Node, Scalar, SequenceNode
from declarative_paas.manifest.scalars import resolve
from declarative_paas.manifest.syntax_errors import explain_syntax

MAX_DEPTH: Final = 64
MAX_ALIASED_NODES: Final = 100_000
"""How many nodes a file's aliases may stand for, all together. Honest files stay far below."""

_TAG_PREFIX: Final = "tag:yaml.org,2002:"
_SCALAR_TAGS: Final = frozenset({"str", "int", "float", "bool", "null"})
_COLLECTION_TAGS: Final = frozenset({"map", "seq"})
_MERGE_KEY: Final = "<<"
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True, kw_only=True)
class YamlText:
    """A file's documents, those before the first syntax error, without the empty ones."""

    documents: tuple[Node, ...]
    diagnostics: tuple[Diagnostic, ...]


def parse_yaml(data: bytes | str, file: str) -> YamlText:
    """Reads every document of a file. `file` is the name that positions carry."""
    text = decode(data, file) if isinstance(data, bytes) else data
    if isinstance(text, Diagnostic):
        return YamlText(documents=(), diagnostics=(text,))
    builder = _Builder(file)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.take(event)
    except yaml.YAMLError as problem:
        builder.diagnostics.append(explain_syntax(problem, text, file))
    except _RefusedError as refusal:
        builder.diagnostics.append(refusal.diagnostic)
    documents = tuple(node for node in builder.documents if not (isinstance(node, Scalar) and node.value is None))
    if not documents and not has_errors(builder.diagnostics):
        builder.diagnostics.append(
            error("empty-file", "this file holds no documents", Position(file, 1, 1), expected="a manifest, or no file")
        )
    return YamlText(documents=documents, diagnostics=tuple(builder.diagnostics))


class _RefusedError(Exception):
    """Stops reading a file: what follows would be meaningless or too large."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        self.diagnostic = diagnostic


@dataclass(slots=True)
class _Open:
    """A mapping or list whose end has not been read yet."""

    position: Position
    anchor: str | None
    is_mapping: bool
    entries: dict[str, Node] = field(default_factory=dict[str, Node])
    keys: dict[str, Position] = field(default_factory=dict[str, Position])
    items: list[Node] = field(default_factory=list[Node])
    merged: list[Node] = field(default_factory=list[Node])
    key: tuple[str, Position] | None = None
    size: int = 1


class _Builder:
    """Events in, documents out."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.documents: list[Node] = []
        self.diagnostics: list[Diagnostic] = []
        self._stack: list[_Open] = []
        self._anchors: dict[str, Node] = {}
        self._aliased = 0

    def take(self, event: Any) -> None:
        kind: type[Any] = event.__class__
        if kind is yaml.ScalarEvent:
            mark = event.start_mark
            position = Position(self.file, mark.line + 1, mark.column + 1)
            text: str = event.value
            parent = self._stack[-1] if self._stack else None
            # Most events are the keys of mappings; they become no node, and mean what they say.
            if parent is not None and parent.is_mapping and parent.key is None:
                if event.tag:
                    self._tagged(event.tag, text, position)
                self._take_key(parent, text, position, plain=event.implicit[0], anchor=event.anchor)
                return
            if event.tag:
                value = self._tagged(event.tag, text, position)
            else:
                value = resolve(text) if event.implicit[0] else text
            node = Scalar(value, text, position)
            if event.anchor:
                self._anchors[event.anchor] = node
            self._place(node, 1)
        elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
            self._open(event, is_mapping=kind is yaml.MappingStartEvent)
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            self._close()
        elif kind is yaml.AliasEvent:
            self._place_alias(event)
        elif kind is yaml.DocumentStartEvent:
            self._anchors.clear()

    def _at(self, event: Any) -> Position:
        return Position(self.file, event.start_mark.line + 1, event.start_mark.column + 1)

    def _open(self, event: Any, *, is_mapping: bool) -> None:
        position = self._at(event)
        if len(self._stack) >= MAX_DEPTH:
            raise _RefusedError(error("too-deep", f"more than {MAX_DEPTH} levels inside each other", position))
        parent = self._stack[-1] if self._stack else None
        if parent is not None and parent.is_mapping and parent.key is None:
            raise _RefusedError(error("complex-key", "a key must be text", position, expected="'key: value'"))
        if event.tag and event.tag.removeprefix(_TAG_PREFIX) not in _COLLECTION_TAGS:
            self._unknown_tag(event.tag, position)
        self._stack.append(_Open(position, event.anchor, is_mapping))

    def _close(self) -> None:
        done = self._stack.pop()
        node: Node
        if done.is_mapping:
            for below in done.merged:
                self._merge(done, below)
            node = MappingNode(done.entries, done.keys, done.position, done.size)
        else:
            node = SequenceNode(tuple(done.items), done.position, done.size)
        if done.anchor:
            self._anchors[done.anchor] = node
        self._place(node, done.size)

    def _place(self, node: Node, size: int) -> None:
        """Puts a finished node where it belongs: under the waiting key, into the list, or at the top."""
        if not self._stack:
            self.documents.append(node)
            return
        parent = self._stack[-1]
        parent.size += size
        if not parent.is_mapping:
            parent.items.append(node)
            return
        assert parent.key is not None, "a key comes before its value"
        (key, position), parent.key = parent.key, None
        if key == _MERGE_KEY:
            parent.merged.append(node)
        elif key in parent.entries:
            self.diagnostics.append(
                error(
                    "duplicate-key",
                    f"the key {key!r} is here twice",
                    position,
                    expected="each key once",
                    detail=f"first at {parent.keys[key]}",
                )
            )
        else:
            parent.entries[key] = node
            parent.keys[key] = position

    def _take_key(self, parent: _Open, text: str, position: Position, *, plain: bool, anchor: str | None) -> None:
        if anchor:
            self._anchors[anchor] = Scalar(text, text, position)
        if text == _MERGE_KEY and not plain:
            self.diagnostics.append(error("merge-key", "'<<' cannot be a key", position))
        parent.key = (text, position)

    def _place_alias(self, event: Any) -> None:
        position, name = self._at(event), str(event.anchor)
        if any(opened.anchor == name for opened in self._stack):
            raise _RefusedError(error("recursive-alias", f"*{name} stands inside &{name} itself", position))
        target = self._anchors.get(name)
        if target is None:
            near = nearest(name, self._anchors)
            self.diagnostics.append(
                error(
                    "unknown-alias",
                    f"*{name} refers to no anchor",
                    position,
                    expected=f"an anchor &{name} earlier in this document, or quotes around a text that begins with *",
                    suggestion=f"*{near}" if near else None,
                )
            )
            target = Scalar(None, "", position)
        size = 1 if isinstance(target, Scalar) else target.size
        self._aliased += size
        if self._aliased > MAX_ALIASED_NODES:
            raise _RefusedError(
                error(
                    "alias-bomb",
                    f"the aliases of this file stand for more than {MAX_ALIASED_NODES:,} values",
                    position,
                    expected="fewer aliases of aliases",
                )
            )
        parent = self._stack[-1] if self._stack else None
        if parent is not None and parent.is_mapping and parent.key is None:
            if not isinstance(target, Scalar):
                raise _RefusedError(error("complex-key", "a key must be text", position, expected="'key: value'"))
            parent.key = (target.text, position)
            return
        self._place(target, size)

    def _merge(self, done: _Open, below: Node) -> None:
        """`<<: *defaults`: keys that are not here yet. With a list, the earlier one wins."""
        for source in _merge_sources(below):
            if isinstance(source, MappingNode):
                for key, node in source.entries.items():
                    if key not in done.entries:
                        done.entries[key] = node
                        done.keys[key] = source.keys[key]
            else:
                self.diagnostics.append(
                    error("merge-key", "'<<' merges mappings only", source.position, expected="a mapping or its alias")
                )

    def _tagged(self, tag: str, text: str, position: Position) -> str | int | float | bool | None:
        kind = tag.removeprefix(_TAG_PREFIX)
        if tag in ("!", _TAG_PREFIX + "str"):
            return text
        if kind in _SCALAR_TAGS and tag.startswith(_TAG_PREFIX):
            return resolve(text)
        self._unknown_tag(tag, position)
        return text

    def _unknown_tag(self, tag: str, position: Position) -> None:
        shown = "!!" + tag.removeprefix(_TAG_PREFIX) if tag.startswith(_TAG_PREFIX) else tag
        self.diagnostics.append(
            error(
                "unknown-tag", f"the tag {shown} means nothing here", position, expected="a plain value without a tag"
            )
        )


def _merge_sources(node: Node) -> Iterator[Node]:
    if isinstance(node, SequenceNode):
        yield from node.items
    else:
        yield node
