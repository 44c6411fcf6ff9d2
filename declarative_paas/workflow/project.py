"""A project: the manifests of one platform and environment, with the catalog they are read against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from declarative_paas.catalog.load import extended, packaged
from declarative_paas.catalog.model import Catalog
from declarative_paas.core.address import Scope
from declarative_paas.core.diagnostic import Diagnostic, error, in_order_of_place
from declarative_paas.manifest.load import load
from declarative_paas.manifest.manifests import Manifests, PlatformManifest
from declarative_paas.manifest.variables import VariableInputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """`home` is `.dpaas/` beside the Platform manifest: state, key, and the local provider's files."""

    manifests: Manifests
    catalog: Catalog
    scope: Scope
    directory: Path
    paths: tuple[Path, ...] = ()

    def reads(self, declared_in: str) -> bool:
        """Whether a manifest file, relative to the Platform's directory, is one of those that were asked for,
        or lies, or would lie, below one."""
        file = (self.directory / declared_in).resolve()
        return any(file.is_relative_to(path.resolve()) for path in self.paths)

    @property
    def home(self) -> Path:
        return self.directory / ".dpaas"

    @property
    def key_file(self) -> Path:
        return self.home / "secret.key"

    @property
    def encryption_key_file(self) -> Path:
        """The key of encrypted files in the repository: another one, for those who share the files, not the state."""
        return self.home / "secrets-file.key"


def open_project(
    paths: Sequence[Path], environment: str | None, variables: VariableInputs
) -> tuple[Project | None, list[Diagnostic]]:
    """Loads everything there is to read; None when a mistake makes planning impossible."""
    loaded = load(paths, environment=environment, variables=variables)
    diagnostics = list(loaded.diagnostics)
    if loaded.manifests is None:
        return None, diagnostics if loaded.sound is None else _with_more(loaded.sound, diagnostics)
    platform = loaded.manifests.platform
    catalog, problems = _catalog(platform)
    diagnostics += problems
    if problems:
        return None, diagnostics
    project = Project(
        manifests=loaded.manifests,
        catalog=catalog,
        scope=Scope(platform.name, environment or "default"),
        directory=platform.directory.resolve(),
        paths=tuple(paths),
    )
    return project, diagnostics


def _with_more(sound: Manifests, diagnostics: list[Diagnostic]) -> list[Diagnostic]:
    """Also the mistakes of what can be read: whoever mends a misspelt key should not meet them only then."""
    from declarative_paas.workflow.sound_apps import mistakes_of

    catalog, problems = _catalog(sound.platform)
    more = problems or mistakes_of(sound, catalog)
    return sorted({*diagnostics, *more}, key=in_order_of_place)


def _catalog(platform: PlatformManifest) -> tuple[Catalog, list[Diagnostic]]:
    extension = platform.spec.catalog
    if not extension:
        return packaged(), []
    catalog, problems = extended(packaged(), extension, platform_regions=platform.spec.regions)
    return catalog, [
        error(
            "catalog",
            problem.summary,
            platform.position("catalog", *problem.path),
            expected=problem.expected,
            suggestion=problem.suggestion,
        )
        for problem in problems
    ]
