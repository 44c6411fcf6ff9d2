"""One YAML document -> whose it is, and then the typed manifest that it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from pydantic import ValidationError

from declarative_paas.core.diagnostic import Diagnostic, Severity, error, nearest
from declarative_paas.manifest.app_models import AppDocument
from declarative_paas.manifest.explain import explain
from declarative_paas.manifest.fork_models import ForkDocument
from declarative_paas.manifest.manifests import AppManifest, ForkManifest, PlatformManifest
from declarative_paas.manifest.model_base import API_VERSION, ManifestModel
from declarative_paas.manifest.nodes import (
    MappingNode,
    Node,
    Scalar,
    SequenceNode,
    key_position_of,
    plain,
    position_of,
    text_at,
)
from declarative_paas.manifest.platform_models import PlatformDocument
from declarative_paas.manifest.rules import broken_rules

Kind: TypeAlias = Literal["Platform", "App", "Fork"]
KINDS: Final[tuple[Kind, ...]] = ("Platform", "App", "Fork")
_LATER_KINDS: Final = ("Pipeline",)
_OUR_KEYS: Final = ("apiVersion", "kind", "metadata", "spec")

_WRITTEN_AS_TEXT: Final[dict[Kind, tuple[tuple[str, ...], ...]]] = {
    "App": (
        ("spec", "config", "*"),
        ("metadata", "labels", "*"),
        ("spec", "addons", "*", "version"),
        ("spec", "source", "args", "*"),
    ),
    "Platform": (("metadata", "labels", "*"),),
    "Fork": (("spec", "config", "*"), ("metadata", "labels", "*"), ("spec", "addons", "*", "version")),
}
"""Where a number or boolean is taken as the text it was written as: `1.10` is no 1.1 here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document of ours, not yet validated. `name` is None when it has none to go by."""

    kind: Kind
    name: str | None
    node: MappingNode
    has_variables: bool


def recognise(node: Node, *, sought: bool, has_variables: bool) -> Document | Diagnostic:
    """A document's kind and name.

    `sought`: the file was named by the user, or bears a manifest's name. In a file that merely lies in a
    directory, a document of another tool (a compose file, a Kubernetes object) is a note and not an error:
    one that has none of our keys, or both another's `apiVersion` and a `kind` unlike ours. A document with
    one mistyped key never is: passing over an app would delete it.
    """
    if not isinstance(node, MappingNode):
        return error(
            "not-a-mapping",
            "a manifest is a mapping with the keys kind, metadata and spec",
            node.position,
            expected="kind: App",
        )
    if not sought and _is_foreign(node):
        return Diagnostic(
            severity=Severity.NOTE,
            code="foreign-document",
            summary="this document is no manifest of a platform; it is left out",
            position=node.position,
        )
    kind = text_at(node, "kind")
    if kind in KINDS:
        return Document(kind=kind, name=text_at(node, "metadata", "name"), node=node, has_variables=has_variables)
    return _unknown_kind(node, kind)


def _unknown_kind(node: MappingNode, kind: str | None) -> Diagnostic:
    expected = f"kind: {', '.join(KINDS[:-1])} or {KINDS[-1]}"
    if kind in _LATER_KINDS:
        position = position_of(node, "kind")
        return error("kind-not-supported", f"this version does not support {kind}s yet", position, expected=expected)
    if "kind" in node.entries:
        shown = repr(kind) if kind is not None else "this"
        near = nearest(kind, KINDS) or {name.lower(): name for name in KINDS}.get(kind.lower()) if kind else None
        return error(
            "unknown-kind", f"there is no kind {shown}", position_of(node, "kind"), expected=expected, suggestion=near
        )
    mistyped = next((key for key in node.entries if key not in _OUR_KEYS and nearest(key, ["kind"])), None)
    return error(
        "missing-kind",
        "this document does not say its kind",
        key_position_of(node, mistyped) if mistyped else node.position,
        expected=expected,
        suggestion="kind" if mistyped else None,
    )


def _is_foreign(node: MappingNode) -> bool:
    version, kind = text_at(node, "apiVersion"), text_at(node, "kind")
    if version is None and kind is None:
        return not any(key in node.entries for key in _OUR_KEYS)
    is_other_version = version is not None and not version.startswith(API_VERSION.partition("/")[0])
    is_other_kind = kind is not None and kind not in _LATER_KINDS and not nearest(kind, KINDS)
    return is_other_version and is_other_kind


Manifest: TypeAlias = AppManifest | ForkManifest | PlatformManifest

_MODELS: Final[dict[Kind, type[ManifestModel]]] = {
    "App": AppDocument,
    "Fork": ForkDocument,
    "Platform": PlatformDocument,
}


def validate(document: Document) -> tuple[Manifest | None, list[Diagnostic]]:
    """The typed manifest, or None and every mistake in it."""
    data = plain(document.node)
    for path in _WRITTEN_AS_TEXT[document.kind]:
        _write_text(data, document.node, path)
    mistakes = broken_rules(document.node) if document.kind == "App" else []
    root = _MODELS[document.kind]
    try:
        model = root.model_validate(data)
    except ValidationError as problem:
        return None, mistakes + explain(problem, root, document.node)
    if mistakes:
        return None, mistakes
    if isinstance(model, AppDocument):
        return AppManifest(document=model, node=document.node), []
    if isinstance(model, ForkDocument):
        return ForkManifest(document=model, node=document.node), []
    assert isinstance(model, PlatformDocument), "there are three kinds"
    return PlatformManifest(document=model, node=document.node), []


def _write_text(data: Any, node: Node | None, path: tuple[str, ...]) -> None:
    """Replaces the scalars at a path (`*` is every child) by their own text. Null stays null."""
    step, *rest = path
    children: list[tuple[Any, Node]]
    match node:
        case MappingNode():
            keys = node.entries if step == "*" else [step] if step in node.entries else []
            children = [(key, node.entries[key]) for key in keys]
        case SequenceNode() if step == "*":
            children = list(enumerate(node.items))
        case _:
            return
    for key, below in children:
        if rest:
            _write_text(data[key], below, tuple(rest))
        elif isinstance(below, Scalar) and below.value is not None and isinstance(data, dict):
            data[key] = below.text
