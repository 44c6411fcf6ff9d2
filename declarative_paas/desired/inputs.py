"""What desired resources are made from, beside the manifests: facts that the workflow read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from declarative_paas.catalog.model import Catalog
from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.diagnostic import Diagnostic
from declarative_paas.core.region_move import RegionMove
from declarative_paas.core.state import Hold
from declarative_paas.core.values import Attributes, SecretRef
from declarative_paas.manifest.manifests import Manifests


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFacts:
    """What was read of an app's source directory.

    `digest` is over its content; `process_types` are the commands it declares itself (Procfile, or what
    the kind of source implies); `problem` says why it could not be read.
    """

    digest: str = ""
    process_types: Mapping[str, str] = field(default_factory=dict[str, str])
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltSlug:
    """A slug that a region has: its id, and the attributes that it was built from; None for one that was sent on."""

    id: str
    attributes: Attributes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenMove:
    """An app's move between regions, as far as it has come. `sources` are the ids of the add-ons in the region that
    it comes from, by alias; `brought` is how the data of each comes along where that is recorded, whatever the manifest
    says by now: "copy" or "follow". `slug` is what was built in that region: its id, and what it was built from.
    `arrived`: its release is where it is to serve, so its data is there."""

    region_move: RegionMove
    sources: Mapping[str, str] = field(default_factory=dict[str, str])
    brought: Mapping[str, str] = field(default_factory=dict[str, str])
    slug: BuiltSlug | None = None
    arrived: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredInputs:
    """`sources` by app; `secrets` holds the current version of every secret, by name, and `secret_problems` what
    is wrong with each that has no value where the Platform says that it comes from; `holds` are rollbacks by
    app, each in force as long as the app's source is the one it was made from; `moves` are open ones, by app;
    `followers` are the recorded ones, each with whether it is promoted."""

    manifests: Manifests
    catalog: Catalog
    sources: Mapping[str, SourceFacts]
    secrets: Mapping[str, SecretRef]
    secret_problems: Mapping[str, Diagnostic] = field(default_factory=dict[str, Diagnostic])
    holds: Mapping[str, Hold] = field(default_factory=dict[str, Hold])
    moves: Mapping[str, OpenMove] = field(default_factory=dict[str, OpenMove])
    followers: Mapping[ResourceAddress, bool] = field(default_factory=dict[ResourceAddress, bool])

    def hold_of(self, app: str) -> Hold | None:
        """The rollback that binds the app now; None when there is none or its source has changed since."""
        hold = self.holds.get(app)
        facts = self.sources.get(app)
        return hold if hold is not None and facts is not None and facts.digest == hold.source else None


Diagnostics = list[Diagnostic]
