"""Which resource type is handled by what."""

from __future__ import annotations

from collections.abc import Mapping

from declarative_paas.providers.local.addon_step import AddonStep
from declarative_paas.providers.local.app_step import AppStep, DomainStep
from declarative_paas.providers.local.formation_step import FormationStep
from declarative_paas.providers.local.provider import Kind
from declarative_paas.providers.local.region import LocalRegion
from declarative_paas.providers.local.release_step import ReleaseStep
from declarative_paas.providers.local.staging import SlugStep, StagedVars


def kinds_of(region: LocalRegion) -> Mapping[str, Kind]:
    staged = StagedVars(region)
    return {
        "app": AppStep(region),
        "addon": AddonStep(region),
        "attachment": staged,
        "config": staged,
        "slug": SlugStep(region),
        "release": ReleaseStep(region),
        "formation": FormationStep(region),
        "domain": DomainStep(region),
    }
