"""`${var.NAME}` in any string of a manifest.

A variable is declared in the Platform's `spec.variables`. Its value is, the later the stronger: its default,
the environment's `DPAAS_VAR_NAME`, a `--var-file` (a mapping of names to values; the last file that has it),
`--var NAME=VALUE`. A string that is nothing but `${var.NAME}` becomes the value itself, a number stays a
number; inside a longer string its text is put in, as it was written. `$${var.NAME}` is the literal text
`${var.NAME}`; every other `$` is left alone, so a command's `$PORT` and `${HOME}` need no escape. Inside
YAML's own `{…}` and `[…]` the text needs quotes, because of its braces.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from declarative_paas.core.diagnostic import Diagnostic, Position, error, nearest
from declarative_paas.manifest.nodes import MappingNode, Node, Scalar, ScalarValue, SequenceNode, child, descendant
from declarative_paas.manifest.scalars import resolve
from declarative_paas.manifest.yaml_text import YamlText

MARK: Final = "${var."
ENVIRONMENT_PREFIX: Final = "DPAAS_VAR_"
_USE = re.compile(r"(\$)?\$\{var\.([^{}\s]*)(\})?")
_TYPE_OF: Final[dict[type, str]] = {bool: "boolean", int: "integer", float: "number", str: "string"}


@dataclass(frozen=True, slots=True, kw_only=True)
class VariableInputs:
    """What the user gives from outside. `environment` is the process's environment, whole."""

    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    files: Sequence[Path] = ()
    assignments: Sequence[str] = ()
    """`NAME=VALUE` each, as after --var."""


@dataclass(frozen=True, slots=True)
class _Value:
    value: ScalarValue
    text: str


@dataclass(slots=True)
class Variables:
    """The values manifests may use, and which of them were used."""

    declared: tuple[str, ...] = ()
    values: dict[str, _Value] = field(default_factory=dict[str, _Value])
    used: set[str] = field(default_factory=set[str])
    broken: set[str] = field(default_factory=set[str])
    """Names whose value was refused: their uses are not reported again."""


def gather(
    platform: MappingNode | None,
    environment: Mapping[str, str],
    files: Sequence[tuple[str, YamlText]],
    assignments: Sequence[str],
) -> tuple[Variables, list[Diagnostic]]:
    """The values of all declared variables, and what is wrong with the given ones."""
    found = descendant(platform, "spec", "variables")
    declared: Mapping[str, Node] = found.entries if isinstance(found, MappingNode) else {}
    variables = Variables(declared=tuple(declared))
    diagnostics: list[Diagnostic] = []
    types = {name: _type_of(node) for name, node in declared.items()}

    def take(name: str, scalar: Scalar, *, is_text: bool, origin: str, position: Position | None) -> None:
        if name not in declared:
            diagnostics.append(_undeclared(name, declared, origin, position))
            return
        value = _convert(scalar, types[name], is_text=is_text)
        if value is None:
            summary = f"the variable {name!r}, given by {origin}, must be {_article(types[name])}"
            diagnostics.append(error("variable-type", summary, position, expected=_article(types[name])))
            variables.broken.add(name)
            return
        variables.values[name] = value

    for name, node in declared.items():
        default = child(node, "default")
        if isinstance(default, Scalar) and default.value is not None:
            if MARK in default.text:
                diagnostics.append(
                    error("variable-in-variable", "a variable's default cannot use variables", default.position)
                )
            take(name, default, is_text=False, origin="its default", position=default.position)
        if ENVIRONMENT_PREFIX + name in environment:
            origin = ENVIRONMENT_PREFIX + name
            take(name, _outside(environment[origin]), is_text=True, origin=origin, position=None)
    for _, text in files:
        diagnostics.extend(text.diagnostics)
        for name, scalar in _file_values(text, diagnostics):
            take(name, scalar, is_text=False, origin="--var-file", position=scalar.position)
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals or not name:
            diagnostics.append(error("variable-syntax", "--var takes NAME=VALUE", expected="--var NAME=VALUE"))
            continue
        take(name, _outside(value), is_text=True, origin="--var", position=None)
    return variables, diagnostics


def _file_values(text: YamlText, diagnostics: list[Diagnostic]) -> list[tuple[str, Scalar]]:
    values: list[tuple[str, Scalar]] = []
    for document in text.documents:
        if not isinstance(document, MappingNode):
            diagnostics.append(
                error("not-a-mapping", "a variable file is a mapping", document.position, expected="NAME: VALUE")
            )
            continue
        for name, node in document.entries.items():
            if isinstance(node, Scalar) and node.value is not None:
                values.append((name, node))
            else:
                summary = f"the variable {name!r} must be a single value"
                diagnostics.append(
                    error("variable-type", summary, document.keys[name], expected="text, a number or a boolean")
                )
    return values


def _undeclared(name: str, declared: Mapping[str, Node], origin: str, position: Position | None) -> Diagnostic:
    return error(
        "undeclared-variable",
        f"the variable {name!r}, given by {origin}, is not declared",
        position,
        expected="a name in the Platform's spec.variables",
        suggestion=nearest(name, declared),
    )


def _outside(text: str) -> Scalar:
    return Scalar(text, text, Position("", 0, 0))


def _type_of(declaration: Node) -> str | None:
    """The declared type, else the default's; None when the value's own spelling decides."""
    declared = child(declaration, "type")
    if isinstance(declared, Scalar) and declared.value in _TYPE_OF.values():
        return str(declared.value)
    default = child(declaration, "default")
    return _TYPE_OF.get(type(default.value)) if isinstance(default, Scalar) else None


def _article(kind: str | None) -> str:
    words = {"integer": "a whole number", "number": "a number", "boolean": "true or false", "string": "text"}
    return words.get(kind or "string", "a single value")


def _convert(scalar: Scalar, kind: str | None, *, is_text: bool) -> _Value | None:
    """The scalar as the type; None when it does not fit. `is_text`: it came from outside, all of it text."""
    value = resolve(scalar.text) if is_text and kind != "string" else scalar.value
    match kind:
        case "string":
            return _Value(scalar.text, scalar.text)
        case "boolean":
            fits = isinstance(value, bool)
        case "integer":
            fits = isinstance(value, int) and not isinstance(value, bool)
        case "number":
            fits = isinstance(value, (int, float)) and not isinstance(value, bool)
        case _:
            fits, value = True, scalar.text if value is None else value
    return _Value(value, scalar.text) if fits else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Substituted:
    """A document with values put in, positions unchanged. `unresolved`: where a value is still missing."""

    node: MappingNode
    diagnostics: list[Diagnostic]
    unresolved: frozenset[Position]


def substitute(node: MappingNode, variables: Variables) -> Substituted:
    """Puts the values in. The variables' own declarations are left alone."""
    substitution = _Substitution(variables)
    done = substitution.mapping(node, ())
    return Substituted(node=done, diagnostics=substitution.diagnostics, unresolved=frozenset(substitution.unresolved))


class _Substitution:
    def __init__(self, variables: Variables) -> None:
        self.variables = variables
        self.diagnostics: list[Diagnostic] = []
        self.unresolved: set[Position] = set()

    def mapping(self, node: MappingNode, path: tuple[str, ...]) -> MappingNode:
        entries: dict[str, Node] = {}
        for key, below in node.entries.items():
            if MARK in key:
                self.unresolved.add(node.keys[key])
                self.diagnostics.append(
                    error("variable-in-key", "a key cannot hold a variable", node.keys[key], expected="a fixed key")
                )
            entries[key] = below if (*path, key) == ("spec", "variables") else self._node(below, (*path, key))
        return MappingNode(entries, node.keys, node.position, node.size)

    def _node(self, node: Node, path: tuple[str, ...]) -> Node:
        if isinstance(node, MappingNode):
            return self.mapping(node, path)
        if isinstance(node, SequenceNode):
            return SequenceNode(tuple(self._node(item, path) for item in node.items), node.position, node.size)
        if isinstance(node.value, str) and MARK in node.value:
            return self._scalar(node.value, node.position)
        return node

    def _scalar(self, text: str, position: Position) -> Scalar:
        whole = _USE.fullmatch(text)
        if whole is not None and whole.group(1) is None and whole.group(3) is not None:
            value = self._value(whole.group(2), position)
            return Scalar(text, text, position) if value is None else Scalar(value.value, value.text, position)

        def put_in(use: re.Match[str]) -> str:
            if use.group(1) is not None:
                return use.group(0)[1:]
            if use.group(3) is None:
                self.unresolved.add(position)
                self.diagnostics.append(
                    error("variable-syntax", "this variable is not closed", position, expected="${var.NAME}")
                )
                return use.group(0)
            value = self._value(use.group(2), position)
            return use.group(0) if value is None else value.text

        done = _USE.sub(put_in, text)
        return Scalar(done, done, position)

    def _value(self, name: str, position: Position) -> _Value | None:
        known = self.variables
        known.used.add(name)
        if name in known.values:
            return known.values[name]
        self.unresolved.add(position)
        if name in known.declared:
            expected = f"a default, {ENVIRONMENT_PREFIX}{name}, a --var-file or --var {name}=VALUE"
            if name not in known.broken:
                self.diagnostics.append(
                    error("variable-without-value", f"the variable {name!r} has no value", position, expected=expected)
                )
            return None
        near = nearest(name, known.declared)
        self.diagnostics.append(
            error(
                "undefined-variable",
                f"there is no variable {name!r}",
                position,
                expected="a name in the Platform's spec.variables",
                suggestion=f"${{var.{near}}}" if near else None,
            )
        )
        return None
