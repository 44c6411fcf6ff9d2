"""Reading one entry by its table of fields: all of its mistakes, and the best that can be made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from declarative_paas.catalog.readers import Mismatch
from declarative_paas.catalog.schema import OMITTED, REQUIRED, Field
from declarative_paas.core.diagnostic import nearest

Path: TypeAlias = tuple[str, ...]
"""Keys below `spec.catalog`: ("sizes", "huge", "memory_mb")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogProblem:
    """One mistake in an extension. `code` is a kebab-case rule id; `path` leads to the key or its parent."""

    path: Path
    code: str
    summary: str
    expected: str | None = None
    suggestion: str | None = None


def read_mapping(raw: object, path: Path, problems: list[CatalogProblem]) -> Mapping[str, object] | None:
    """The entries of `raw` that have a text as key; None, with a problem, if it is no mapping at all."""
    if not isinstance(raw, Mapping):
        summary = f"{_at(path)} is {'empty' if raw is None else 'not a mapping'}"
        problems.append(CatalogProblem(path=path, code="wrong-type", summary=summary, expected="a mapping"))
        return None
    kept: dict[str, object] = {}
    for key, value in cast("Mapping[object, object]", raw).items():
        if isinstance(key, str):
            kept[key] = value
        else:
            summary = f"the key {_shown(key)} in {_at(path)} is not a text"
            problems.append(CatalogProblem(path=path, code="wrong-type", summary=summary, expected="a text in quotes"))
    return kept


def read_fields(
    fields: Sequence[Field],
    entry: Mapping[str, object],
    existing: Mapping[str, object],
    path: Path,
    problems: list[CatalogProblem],
) -> dict[str, Any] | None:
    """The model's attributes: as written, else as existing, else by default.

    None, with problems, when a required one is nowhere. A wrong value falls back likewise, so that one
    mistake does not make the entry's name unknown to everything that is checked later.
    """
    check_keys(entry, [field.key for field in fields], path, problems)
    values: dict[str, Any] = {}
    complete = True
    for field in fields:
        read = field.read(entry[field.key]) if field.key in entry else REQUIRED
        if isinstance(read, Mismatch):
            problems.append(_mismatch(field.key, entry[field.key], read, path))
        elif read is not REQUIRED:
            values[field.fills] = read
            continue
        fallback = existing.get(field.fills, field.default)
        if fallback is REQUIRED:
            complete = False
            if field.key not in entry:
                problems.append(
                    CatalogProblem(
                        path=path,
                        code="missing-key",
                        summary=f"{_at(path)} has no {field.key}",
                        expected=f"{field.key}: …",
                    )
                )
        elif fallback is not OMITTED:
            values[field.fills] = fallback
    return values if complete else None


def check_keys(entry: Mapping[str, object], known: Sequence[str], path: Path, problems: list[CatalogProblem]) -> None:
    """A problem for every key that means nothing here."""
    problems.extend(
        CatalogProblem(
            path=(*path, key),
            code="unknown-key",
            summary=f"{_at(path)} has no key {key}",
            expected=f"one of {', '.join(known)}",
            suggestion=nearest(key, known),
        )
        for key in entry
        if key not in known
    )


def _mismatch(key: str, raw: object, mismatch: Mismatch, path: Path) -> CatalogProblem:
    return CatalogProblem(
        path=(*path, key),
        code="wrong-value",
        summary=f"{key} of {_at(path)} cannot be {_shown(raw)}",
        expected=mismatch.expected,
        suggestion=mismatch.suggestion,
    )


def _shown(raw: object) -> str:
    """As in YAML, in one line's room."""
    match raw:
        case None:
            return "null"
        case bool():
            return str(raw).lower()
        # Python refuses to print integers of thousands of digits.
        case int() if raw.bit_length() > 128:
            return "a huge number"
        case str():
            shown = repr(raw[:60])
        case int() | float():
            shown = repr(raw)
        case _:
            return "a mapping" if isinstance(raw, Mapping) else f"a {type(raw).__name__}"
    return shown if len(shown) <= 60 else shown[:59] + "…"


def _at(path: Path) -> str:
    return ".".join(path) or "the catalog"
