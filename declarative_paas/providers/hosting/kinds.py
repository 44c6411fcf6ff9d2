"""Which resource type is handled by what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.provider import Done, StepContext, StepRequest
from declarative_paas.providers.hosting.addon_step import AddonStep
from declarative_paas.providers.hosting.app_names import AppNames
from declarative_paas.providers.hosting.app_step import AppStep, DomainStep
from declarative_paas.providers.hosting.formation_step import FormationStep
from declarative_paas.providers.hosting.host import RegionHost
from declarative_paas.providers.hosting.records import Record
from declarative_paas.providers.hosting.release_step import ReleaseStep
from declarative_paas.providers.hosting.staging import SlugStep, StagedVars
from declarative_paas.providers.hosting.view import RegionView


class Kind(Protocol):
    """How one resource type is made, removed and looked at here."""

    def apply(self, request: StepRequest, context: StepContext) -> Done: ...

    def remove(self, request: StepRequest, context: StepContext) -> None: ...

    def problems(self, address: ResourceAddress, record: Record, view: RegionView) -> tuple[str, ...]: ...


def kinds_of(region: RegionHost, names: AppNames) -> Mapping[str, Kind]:
    staged = StagedVars(region)
    return {
        "app": AppStep(region, names),
        "addon": AddonStep(region, names),
        "attachment": staged,
        "config": staged,
        "slug": SlugStep(region),
        "release": ReleaseStep(region, names),
        "formation": FormationStep(region, names),
        "domain": DomainStep(region, names),
    }
