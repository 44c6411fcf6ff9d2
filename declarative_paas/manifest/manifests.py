"""What loading gives: one platform and its apps, each able to say where every field was written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from declarative_paas.core.diagnostic import Position
from declarative_paas.manifest.app_models import AppDocument, AppSpec, SourcePath
from declarative_paas.manifest.fork_models import DataMode, ForkDocument, ForkSpec
from declarative_paas.manifest.nodes import MappingNode, Step, descendant, key_position_of, position_of
from declarative_paas.manifest.platform_models import PlatformDocument, PlatformSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class ForkManifest:
    """A fork as declared, overlays merged and variables put in."""

    document: ForkDocument
    node: MappingNode = field(compare=False, repr=False)

    @property
    def name(self) -> str:
        return self.document.metadata.name

    @property
    def spec(self) -> ForkSpec:
        return self.document.spec

    def position(self, *path: Step) -> Position:
        """Like `AppManifest.position`: below `spec`; without a path, the fork's name."""
        return position_of(self.node, "spec", *path) if path else position_of(self.node, "metadata", "name")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fork:
    """Where an app comes from that was declared as a fork: its source, and what becomes of each add-on's data."""

    manifest: ForkManifest
    source: str
    data: Mapping[str, DataMode]


@dataclass(frozen=True, slots=True, kw_only=True)
class AppManifest:
    """An app as declared, overlays merged and variables put in; `fork` when it was declared as a fork."""

    document: AppDocument
    node: MappingNode = field(compare=False, repr=False)
    """The document with positions, after overlays and variables."""
    fork: Fork | None = None

    @property
    def name(self) -> str:
        return self.document.metadata.name

    @property
    def labels(self) -> dict[str, str]:
        return self.document.metadata.labels or {}

    @property
    def spec(self) -> AppSpec:
        return self.document.spec

    @property
    def file(self) -> str:
        """The file of the app's own document (not an overlay's), as positions name it."""
        return self.node.position.file

    @property
    def source_directory(self) -> Path | None:
        """The source's directory, by the place of the file that declares it; None for an image."""
        source = self.spec.source
        if not isinstance(source, SourcePath):
            return None
        declared = descendant(self.node, "spec", "source", "path")
        assert declared is not None, "a source path was validated"
        return Path(declared.position.file).parent / source.path

    @property
    def runs_image(self) -> bool:
        """Whether its dynos run an image, which may say itself how: one that is named, or its Dockerfile's."""
        return not isinstance(self.spec.source, SourcePath) or self.spec.source.dockerfile is not None

    def position(self, *path: Step) -> Position:
        """Where the field at a path below `spec` stands, or its nearest parent; without a path, the app's name.

        `app.position("formation", "web", "size")`, `app.position("addons", 0, "plan")`. A scalar is where its
        value starts; a mapping or list is where its key stands.
        """
        return position_of(self.node, "spec", *path) if path else position_of(self.node, "metadata", "name")

    def key_position(self, *path: Step) -> Position:
        """Where the key at the end of a path below `spec` stands."""
        return key_position_of(self.node, "spec", *path)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformManifest:
    """The platform as declared, overlays merged and variables put in."""

    document: PlatformDocument
    node: MappingNode = field(compare=False, repr=False)

    @property
    def name(self) -> str:
        return self.document.metadata.name

    @property
    def spec(self) -> PlatformSpec:
        return self.document.spec

    @property
    def file(self) -> str:
        return self.node.position.file

    @property
    def directory(self) -> Path:
        """The directory of the platform's file: relative state paths and overlays are meant from here."""
        return Path(self.file).parent

    def position(self, *path: Step) -> Position:
        """Like `AppManifest.position`: below `spec`; without a path, the platform's name."""
        return position_of(self.node, "spec", *path) if path else position_of(self.node, "metadata", "name")

    def key_position(self, *path: Step) -> Position:
        """Where the key at the end of a path below `spec` stands."""
        return key_position_of(self.node, "spec", *path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifests:
    """Everything that was declared. Apps are sorted by name: the order of files means nothing."""

    platform: PlatformManifest
    apps: tuple[AppManifest, ...]
    environment: str | None = None
