"""What planning must know of each app's source: its digest and the commands it declares."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from declarative_paas.desired.inputs import SourceFacts
from declarative_paas.manifest.app_models import SourcePath
from declarative_paas.manifest.manifests import Manifests


def read_sources(manifests: Manifests) -> dict[str, SourceFacts]:
    """One entry for each app that has a source directory; several apps may share one, read once."""
    from declarative_paas.providers.slugs.source import SourceError

    seen: dict[tuple[Path, str], SourceFacts] = {}
    facts: dict[str, SourceFacts] = {}
    for app in manifests.apps:
        directory = app.source_directory
        if directory is None:
            continue
        source = app.spec.source
        assert isinstance(source, SourcePath), "an image has no directory"
        key = (directory, repr((app.spec.build, source.dockerfile, source.target, source.args)))
        if key not in seen:
            try:
                seen[key] = _read(directory, app.spec.build, source)
            except SourceError as problem:
                seen[key] = SourceFacts(problem=str(problem))
        facts[app.name] = seen[key]
    return facts


def _read(directory: Path, build: str | None, source: SourcePath) -> SourceFacts:
    if source.dockerfile is not None:
        from declarative_paas.providers.slugs.docker_context import DockerBuild, inspect_context

        how = DockerBuild(dockerfile=source.dockerfile, target=source.target, args=source.args or {})
        return SourceFacts(digest=inspect_context(directory, how).digest)
    from declarative_paas.providers.slugs.inspect import inspect_source

    found = inspect_source(directory, build)
    commands: Mapping[str, str] = found.process_types
    return SourceFacts(digest=found.digest, process_types=commands)
