"""Pydantic's errors -> diagnostics in our words, each with its position and the nearest valid choice."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from declarative_paas.core.diagnostic import Diagnostic, error, nearest
from declarative_paas.manifest.formats import BY_PATTERN
from declarative_paas.manifest.model_shape import field_at, is_marker, keys_of, model_at, sibling_keys
from declarative_paas.manifest.nodes import MappingNode, Node, Step, descendant, key_position_of, position_of
from declarative_paas.manifest.scalars import boolean_spelling, integer_spelling

_PRIVATE: Final = frozenset({"config", "credentials", "secret", "secrets", "drains", "state", "options"})
"""Below these keys a misplaced value may be a password: it is never repeated in a message."""
_PUBLIC: Final = frozenset({"app", "attribute"})
"""Names, even there."""

_CHOICES: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "source_choice()": ("{path: DIRECTORY} or {image: NAME}", ("path", "image")),
    "config_choice()": (
        "text, {secret: NAME}, {generate: LENGTH}, {app: NAME, attribute: url} or {app: NAME, config: KEY}",
        ("secret", "generate", "app"),
    ),
    "secret_source_choice()": (
        "{env: VARIABLE}, {file: PATH} or {encrypted: PATH}",
        ("env", "file", "encrypted"),
    ),
    "domains_choice()": ("a mapping {SOURCE: FORK} or a list of host names", ()),
    "addon_choice()": ("{plan: SERVICE:PLAN, as: ALIAS} or {attach: APP/ALIAS, as: ALIAS}", ("plan", "attach")),
}
_LONGEST_LIST: Final = 14
_LONGEST_SHOWN: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class _Problem:
    """One of pydantic's errors, seen from the document."""

    root: type[BaseModel]
    document: Node
    location: tuple[Step, ...]
    value: Any
    context: Mapping[str, Any]

    @property
    def path(self) -> tuple[Step, ...]:
        """The place in the document: the location without pydantic's own markers."""
        return tuple(step for step in self.location if not is_marker(step))

    @property
    def name(self) -> str:
        return dotted(self.path)

    @property
    def is_private(self) -> bool:
        return any(step in _PRIVATE for step in self.path) and self.path[-1] not in _PUBLIC

    def report(self, code: str, summary: str, expected: str | None, suggestion: str | None = None) -> Diagnostic:
        position = position_of(self.document, *self.path)
        return error(code, summary, position, expected=expected, suggestion=suggestion)


def explain(problem: ValidationError, root: type[BaseModel], document: Node) -> list[Diagnostic]:
    """Every mistake of one document, in the order of its fields."""
    return [
        _explain_one(
            _Problem(
                root=root,
                document=document,
                location=tuple(details["loc"]),
                value=details["input"],
                context=details.get("ctx", {}),
            ),
            details["type"],
        )
        for details in problem.errors(include_url=False)
    ]


def _explain_one(problem: _Problem, kind: str) -> Diagnostic:
    if kind in _TYPES:
        return _wrong_type(problem, *_TYPES[kind])
    explainer = _EXPLAINERS.get(kind)
    if explainer is None:
        # A kind that the table lacks is our omission, but the user's mistake: still say where.
        return problem.report("invalid-value", f"{problem.name} has a value that does not fit", _purpose(problem))
    return explainer(problem)


def _unknown_key(problem: _Problem) -> Diagnostic:
    *parent, key = problem.location
    model = model_at(problem.root, parent)
    keys = keys_of(model) if model is not None else ()
    where = dotted(problem.path[:-1]) or "this document"
    position = key_position_of(problem.document, *problem.path)
    siblings = sibling_keys(problem.root, parent) if parent and is_marker(parent[-1]) else ()
    if str(key) in siblings:
        other = str(parent[-1]).strip("<>")
        return error(
            "conflicting-keys", f"{where} has {other!r} and {key!r}", position, expected=f"either {other!r} or {key!r}"
        )
    if str(key) == "sensitive" and "default" in keys:
        return error(
            "unknown-key",
            "a variable cannot be sensitive: its value would be written into plans",
            position,
            expected="{secret: NAME} where the value is used",
        )
    present = descendant(problem.document, *problem.path[:-1])
    taken = present.entries.keys() if isinstance(present, MappingNode) else frozenset[str]()
    return error(
        "unknown-key",
        f"unknown key {str(key)!r} in {where}",
        position,
        expected=_one_of(keys),
        suggestion=nearest(str(key), [valid for valid in keys if valid not in taken]),
    )


def _missing(problem: _Problem) -> Diagnostic:
    return problem.report("missing-key", f"{problem.name} is missing", _purpose(problem))


def _wrong_form(problem: _Problem) -> Diagnostic:
    known = BY_PATTERN.get(str(problem.context.get("pattern")))
    value = str(problem.value)
    is_key = problem.location[-1] == "[key]"
    suggestion = known.repaired(value) if known is not None and (is_key or not problem.is_private) else None
    expected = known.says if known is not None else None
    if is_key:
        where = dotted(problem.path[:-1])
        position = key_position_of(problem.document, *problem.path)
        return error(
            "invalid-name",
            f"{value!r} is not a valid key in {where}",
            position,
            expected=expected,
            suggestion=suggestion,
        )
    shown = "cannot be this text" if problem.is_private else f"cannot be {_shown(problem.value)}"
    return problem.report("invalid-value", f"{problem.name} {shown}", expected, suggestion)


def _wrong_type(problem: _Problem, wanted: str, spell: Callable[[Any], str | None]) -> Diagnostic:
    given = _kind_of(problem.value) if problem.is_private else _shown(problem.value)
    suggestion = None if problem.is_private else spell(problem.value)
    return problem.report("wrong-type", f"{problem.name} must be {wanted}, not {given}", wanted, suggestion)


def _out_of_range(problem: _Problem) -> Diagnostic:
    field = field_at(problem.root, problem.location)
    limits: dict[str, Any] = {}
    for extra in field.metadata if field is not None else ():
        limits.update({bound: getattr(extra, bound) for bound in ("ge", "le") if hasattr(extra, bound)})
    low, high = limits.get("ge"), limits.get("le")
    expected = f"{low} to {high}" if low is not None and high is not None else None
    bound = low if "ge" in problem.context else high
    return problem.report(
        "out-of-range",
        f"{problem.name} cannot be {_shown(problem.value)}",
        expected,
        None if bound is None else str(bound),
    )


def _not_a_choice(problem: _Problem) -> Diagnostic:
    choices = re.findall(r"'([^']*)'", str(problem.context.get("expected", "")))
    shown = "this value" if problem.is_private else _shown(problem.value)
    return problem.report(
        "invalid-choice", f"{problem.name} cannot be {shown}", _one_of(choices), nearest(str(problem.value), choices)
    )


def _no_shape(problem: _Problem) -> Diagnostic:
    expected, keys = _CHOICES.get(str(problem.context.get("discriminator")), ("another value", ()))
    node = descendant(problem.document, *problem.path)
    if problem.value is None:
        return problem.report("missing-value", f"{problem.name} has no value", expected)
    if not isinstance(node, MappingNode):
        return problem.report("wrong-type", f"{problem.name} cannot be {_kind_of(problem.value)}", expected)
    if not node.entries:
        return problem.report("missing-key", f"{problem.name} is empty", expected)
    first = next(iter(node.entries))
    return error(
        "unknown-key",
        f"{problem.name} has none of the keys {', '.join(keys)}",
        node.keys[first],
        expected=expected,
        suggestion=next((near for key in node.entries if (near := nearest(key, keys)) is not None), None),
    )


def _too_short(problem: _Problem) -> Diagnostic:
    return problem.report("missing-value", f"{problem.name} is empty", "at least one")


def _build_argument(problem: _Problem) -> Diagnostic:
    if not isinstance(problem.value, Mapping):
        return problem.report("wrong-type", f"{problem.name} must be text, not {_kind_of(problem.value)}", "text")
    return problem.report(
        "secret-build-argument",
        f"{problem.name} can only be text: build arguments stay readable in the image",
        "text here; a secret under spec.config, which dynos and the release command get when they run",
    )


def _no_spelling(_: Any) -> str | None:
    return None


def _as_boolean(value: Any) -> str | None:
    if isinstance(value, str):
        return value.lower() if value.lower() in ("true", "false") else boolean_spelling(value)
    return {0: "false", 1: "true"}.get(value) if isinstance(value, int) else None


def _as_integer(value: Any) -> str | None:
    if isinstance(value, str):
        return integer_spelling(value)
    return str(int(value)) if isinstance(value, float) and value.is_integer() else None


def _as_text(value: Any) -> str | None:
    return f'"{value}"' if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _as_list(value: Any) -> str | None:
    return f"[{value}]" if isinstance(value, str) and value and len(value) < _LONGEST_SHOWN else None


_TYPES: Final[dict[str, tuple[str, Callable[[Any], str | None]]]] = {
    "string_type": ("text", _as_text),
    "int_type": ("a whole number", _as_integer),
    "int_from_float": ("a whole number", _as_integer),
    "int_parsing_size": ("a smaller whole number", _no_spelling),
    "float_type": ("a number", _no_spelling),
    "bool_type": ("true or false", _as_boolean),
    "dict_type": ("a mapping", _no_spelling),
    "model_type": ("a mapping", _no_spelling),
    "tuple_type": ("a list", _as_list),
    "scalar_type": ("a single value", _no_spelling),
}
_EXPLAINERS: Final[dict[str, Callable[[_Problem], Diagnostic]]] = {
    "extra_forbidden": _unknown_key,
    "missing": _missing,
    "string_pattern_mismatch": _wrong_form,
    "greater_than_equal": _out_of_range,
    "less_than_equal": _out_of_range,
    "literal_error": _not_a_choice,
    "union_tag_not_found": _no_shape,
    "union_tag_invalid": _no_shape,
    "too_short": _too_short,
    "build_argument": _build_argument,
}


def dotted(path: tuple[Step, ...]) -> str:
    """`spec.addons[0].plan`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


def _purpose(problem: _Problem) -> str | None:
    field = field_at(problem.root, problem.location)
    return None if field is None or not field.description else field.description.rstrip(".")


def _one_of(choices: tuple[str, ...] | list[str]) -> str:
    listed = list(choices)
    more = f" and {len(listed) - _LONGEST_LIST} more" if len(listed) > _LONGEST_LIST else ""
    return f"one of {', '.join(listed[:_LONGEST_LIST])}{more}"


def _kind_of(value: Any) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case str():
            return "text"
        case int() | float():
            return "a number"
        case Mapping():
            return "a mapping"
        case _:
            return "a list"


def _shown(value: Any) -> str:
    """A value as a message may repeat it: short, and on one line."""
    match value:
        case bool() | None:
            return _kind_of(value)
        case str():
            return f"{value[:_LONGEST_SHOWN]!r}…" if len(value) > _LONGEST_SHOWN else repr(value)
        case int() | float():
            return f"the number {value}"
        case _:
            return _kind_of(value)
