"""What planning must know of each app's source: its digest and the commands it declares."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from declarative_paas.desired.inputs import SourceFacts
from declarative_paas.manifest.manifests import Manifests


def read_sources(manifests: Manifests) -> dict[str, SourceFacts]:
    """One entry for each app that has a source directory; several apps may share one, read once."""
    from declarative_paas.providers.slugs.source import SourceError

    seen: dict[tuple[Path, str | None], SourceFacts] = {}
    facts: dict[str, SourceFacts] = {}
    for app in manifests.apps:
        directory = app.source_directory
        if directory is None:
            continue
        key = (directory, app.spec.build)
        if key not in seen:
            try:
                seen[key] = _read(directory, app.spec.build)
            except SourceError as problem:
                seen[key] = SourceFacts(problem=str(problem))
        facts[app.name] = seen[key]
    return facts


def _read(directory: Path, build: str | None) -> SourceFacts:
    from declarative_paas.providers.slugs.inspect import inspect_source

    found = inspect_source(directory, build)
    commands: Mapping[str, str] = found.process_types
    return SourceFacts(digest=found.digest, process_types=commands)
