"""Rules over several fields of one app, which no single field's type can say.

They read the document, not the model: an app with a mistyped field still shows its other mistakes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from declarative_paas.core.diagnostic import Diagnostic, Position, error
from declarative_paas.manifest.nodes import (
    MappingNode,
    Node,
    Scalar,
    SequenceNode,
    child,
    descendant,
    key_position_of,
    text_at,
)

RESERVED_CONFIG: Final[dict[str, str]] = {
    "PORT": "the platform gives each dyno its own PORT",
    "DYNO": "the platform sets DYNO to the dyno's name",
}
_BY_VALUE: Final = ("domains", "drains", "ignore")


def broken_rules(app: MappingNode) -> list[Diagnostic]:
    """Every rule that one app breaks."""
    return [*_reserved(app), *_image_is_built(app), *_dockerfile_alone(app), *_twice(app)]


def _reserved(app: MappingNode) -> Iterator[Diagnostic]:
    config = descendant(app, "spec", "config")
    if isinstance(config, MappingNode):
        for key, reason in RESERVED_CONFIG.items():
            if key in config.entries:
                yield error("reserved-key", f"{key} cannot be set: {reason}", config.keys[key], expected="another key")
    formation = descendant(app, "spec", "formation")
    if isinstance(formation, MappingNode) and "release" in formation.entries:
        yield error(
            "reserved-process-type",
            "'release' is no process type: the release phase runs once, before new dynos start",
            formation.keys["release"],
            expected="spec.release: COMMAND",
        )


def _image_is_built(app: MappingNode) -> Iterator[Diagnostic]:
    if descendant(app, "spec", "source", "image") is not None and text_at(app, "spec", "build") is not None:
        yield error(
            "conflicting-keys",
            "an image is run as it is: spec.build has no effect on it",
            key_position_of(app, "spec", "build"),
            expected="source: {path: DIRECTORY}, or no build",
        )


def _dockerfile_alone(app: MappingNode) -> Iterator[Diagnostic]:
    """A Dockerfile says itself what its image is made on and how; and without one nothing reads its parts."""
    if descendant(app, "spec", "source", "dockerfile") is not None:
        for key, instead in (("build", "RUN instructions"), ("stack", "its FROM")):
            if text_at(app, "spec", key) is not None:
                yield error(
                    "conflicting-keys",
                    f"a Dockerfile says how its image is made: spec.{key} has no effect on it",
                    key_position_of(app, "spec", key),
                    expected=f"{instead} in the Dockerfile, or a source without `dockerfile`",
                )
    elif descendant(app, "spec", "source", "path") is not None:
        for key in ("target", "args"):
            if descendant(app, "spec", "source", key) is not None:
                yield error(
                    "conflicting-keys",
                    f"spec.source.{key} is for a Dockerfile, and the source names none",
                    key_position_of(app, "spec", "source", key),
                    expected="source.dockerfile: FILE beside it",
                )


def _twice(app: MappingNode) -> Iterator[Diagnostic]:
    addons = descendant(app, "spec", "addons")
    if isinstance(addons, SequenceNode):
        for name, position, first in _repeated([child(item, "as") for item in addons.items]):
            yield error(
                "duplicate-alias",
                f"two add-ons are called {name}",
                position,
                expected="another name after 'as'",
                detail=f"first at {first}",
            )
    for key in _BY_VALUE:
        values = descendant(app, "spec", key)
        if isinstance(values, SequenceNode):
            for _, position, first in _repeated(values.items):
                # A drain may carry a token: the message shows the place, not the value.
                summary = f"the same value is twice in spec.{key}"
                yield error("duplicate-value", summary, position, expected="each once", detail=f"first at {first}")


def _repeated(nodes: Iterable[Node | None]) -> Iterator[tuple[str, Position, Position]]:
    """Each scalar whose text an earlier one has: the text, its own position, the first one's."""
    first: dict[str, Position] = {}
    for node in nodes:
        if isinstance(node, Scalar):
            if node.text in first:
                yield node.text, node.position, first[node.text]
            first.setdefault(node.text, node.position)
