"""How an environment's overlay changes a manifest.

An overlay is a document of the same kind and name that holds only what differs:

- mappings merge, key by key, at any depth; a scalar replaces;
- `null` removes the key from the base;
- `spec.addons` merges by `as`, `spec.domains`, `spec.drains` and `spec.ignore` by value: what the base has
  stays, in its place; what is new comes after it; an item `{remove: NAME}` takes the base's item away;
- any other list replaces;
- a source and a config value are whole: an overlay's replaces the base's; so does an add-on that turns from
  `plan` to `attach` or back;
- several overlays of one app apply in the order of their files' names.

Every merged field keeps the position it was taken from, so a diagnostic points into the overlay's file.
A relative `source.path` in an overlay is relative to the overlay's own file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from declarative_paas.core.diagnostic import Diagnostic, Position, error, nearest
from declarative_paas.manifest.documents import Document
from declarative_paas.manifest.nodes import MappingNode, Node, Scalar, SequenceNode, position_of, text_at

_WHOLE: Final = (("spec", "source"), ("spec", "config", "*"))
_NAMED_LISTS: Final[dict[tuple[str, ...], str | None]] = {
    # The key that names an item; None: the item is its own name.
    ("spec", "addons"): "as",
    ("spec", "domains"): None,
    ("spec", "drains"): None,
    ("spec", "ignore"): None,
}
_ADDON_CHOICES: Final = ("plan", "attach")
_IDENTITY: Final = (("kind",), ("metadata", "name"))
_REMOVE: Final = "remove"


def merge_overlays(
    base: Sequence[Document], overlays: Sequence[Document]
) -> tuple[tuple[Document, ...], list[Diagnostic]]:
    """The base documents, changed by the overlays; and a diagnostic for each overlay that fits none."""
    documents = list(base)
    diagnostics: list[Diagnostic] = []
    for overlay in overlays:
        index = next((i for i, known in enumerate(documents) if _same(known, overlay)), None)
        if index is None:
            diagnostics.append(_without_base(documents, overlay))
            continue
        merger = _Merger()
        node = merger.merge_mappings(documents[index].node, overlay.node, ())
        diagnostics.extend(merger.diagnostics)
        documents[index] = Document(
            kind=overlay.kind,
            name=overlay.name,
            node=node,
            has_variables=documents[index].has_variables or overlay.has_variables,
        )
    return tuple(documents), diagnostics


def _same(base: Document, overlay: Document) -> bool:
    return base.kind == overlay.kind and base.name is not None and base.name == overlay.name


def _without_base(documents: Sequence[Document], overlay: Document) -> Diagnostic:
    names = [known.name for known in documents if known.kind == overlay.kind and known.name is not None]
    if overlay.name is None:
        return error(
            "missing-key",
            f"this overlay does not say which {overlay.kind} it changes",
            position_of(overlay.node, "metadata", "name"),
            expected="metadata: {name: NAME}",
        )
    return error(
        "overlay-without-base",
        f"there is no {overlay.kind} {overlay.name!r} for this overlay to change",
        position_of(overlay.node, "metadata", "name"),
        expected=f"the name of a declared {overlay.kind}; a new one belongs beside the others",
        suggestion=nearest(overlay.name, names),
    )


class _Merger:
    def __init__(self) -> None:
        self.diagnostics: list[Diagnostic] = []

    def merge_mappings(self, base: MappingNode, over: MappingNode, path: tuple[str, ...]) -> MappingNode:
        entries, keys = dict(base.entries), dict(base.keys)
        for key, node in over.entries.items():
            below = (*path, key)
            if isinstance(node, Scalar) and node.value is None:
                if key in base.entries:
                    del entries[key], keys[key]
                else:
                    self._nothing_to_remove(key, base.entries, over.keys[key])
            elif below not in _IDENTITY:
                if key in entries:
                    merged = self._merge(entries[key], node, below)
                elif isinstance(node, SequenceNode) and below in _NAMED_LISTS:
                    # The base has no such list: what is added is all there is, and nothing can be removed.
                    merged = self._merge_named(SequenceNode((), node.position), node, _NAMED_LISTS[below])
                else:
                    merged = node
                # A container that was merged, not replaced, still stands where the base has it.
                if merged is node or key not in keys:
                    keys[key] = over.keys[key]
                entries[key] = merged
        return MappingNode(entries, keys, base.position)

    def _merge(self, base: Node, over: Node, path: tuple[str, ...]) -> Node:
        if isinstance(base, MappingNode) and isinstance(over, MappingNode) and not _is_whole(path):
            return self.merge_mappings(base, over, path)
        if isinstance(base, SequenceNode) and isinstance(over, SequenceNode) and path in _NAMED_LISTS:
            return self._merge_named(base, over, _NAMED_LISTS[path])
        return over

    def _merge_named(self, base: SequenceNode, over: SequenceNode, named_by: str | None) -> SequenceNode:
        items = list(base.items)
        for item in over.items:
            removed = _removed_name(item)
            name = removed if removed is not None else _name_of(item, named_by)
            index = next(
                (i for i, known in enumerate(items) if name is not None and _name_of(known, named_by) == name), None
            )
            if removed is not None:
                if index is None:
                    names = [known for known in (_name_of(one, named_by) for one in base.items) if known is not None]
                    self._nothing_to_remove(removed, names, position_of(item, _REMOVE))
                else:
                    del items[index]
            elif index is None:
                items.append(item)
            else:
                items[index] = self._merge_item(items[index], item)
        return SequenceNode(tuple(items), base.position)

    def _merge_item(self, base: Node, over: Node) -> Node:
        if not isinstance(base, MappingNode) or not isinstance(over, MappingNode):
            return base
        turns = any(key in over.entries and key not in base.entries for key in _ADDON_CHOICES)
        return over if turns else self.merge_mappings(base, over, ("spec", "addons", "*"))

    def _nothing_to_remove(self, name: str, present: Iterable[str], position: Position) -> None:
        self.diagnostics.append(
            error(
                "nothing-to-remove",
                f"the base has no {name!r} to remove",
                position,
                expected="something that the base has",
                suggestion=nearest(name, present),
            )
        )


def _is_whole(path: tuple[str, ...]) -> bool:
    return any(
        len(path) == len(whole) and all(want in ("*", step) for want, step in zip(whole, path, strict=True))
        for whole in _WHOLE
    )


def _name_of(item: Node, named_by: str | None) -> str | None:
    if named_by is not None:
        return text_at(item, named_by)
    return item.text if isinstance(item, Scalar) else None


def _removed_name(item: Node) -> str | None:
    return text_at(item, _REMOVE) if isinstance(item, MappingNode) and len(item.entries) == 1 else None
