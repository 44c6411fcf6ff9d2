"""What a plan needs to know of a source: its digest, its recipe, its process types."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from declarative_paas.providers.slugs.recipe import Recipe, detect, parse_procfile
from declarative_paas.providers.slugs.source import SourceError, digest_of, list_files


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectedSource:
    """`process_types`: the Procfile's, above those that the recipe implies."""

    digest: str
    recipe: Recipe
    process_types: Mapping[str, str]


def inspect_source(source: Path, build: str | None) -> InspectedSource:
    """Reads the source; changes nothing. Raises SourceError."""
    files = list_files(source)
    names = {file.path for file in files}
    recipe = detect(names, build, _text(source, "package.json", names))
    procfile = parse_procfile(_text(source, "Procfile", names) or "")
    return InspectedSource(
        digest=digest_of(source, files), recipe=recipe, process_types={**recipe.process_types, **procfile}
    )


def _text(source: Path, name: str, names: Collection[str]) -> str | None:
    if name not in names:
        return None
    try:
        return (source / name).read_text(encoding="utf-8")
    except OSError as problem:
        raise SourceError(f"{source / name} cannot be read: {problem.strerror}") from None
    except UnicodeDecodeError:
        raise SourceError(f"{source / name} is not UTF-8 text") from None
