"""From a plan, and what it was made from, to its preview."""

from __future__ import annotations

from declarative_paas.catalog.load import packaged
from declarative_paas.catalog.model import Catalog
from declarative_paas.core.plan import Plan
from declarative_paas.preview.model import Origin, Preview
from declarative_paas.preview.review import Known, review, review_failure
from declarative_paas.workflow.deploy import Planned
from declarative_paas.workflow.project import Project

NOWHERE = Origin()


def preview_of(project: Project, planned: Planned, origin: Origin = NOWHERE) -> Preview:
    """Of a plan just made, whether or not it may be applied; without a plan, of what stands in its way."""
    plan = planned.plan
    if plan is None:
        return review_failure(planned.diagnostics, project.scope, origin)
    return review(plan, Known(diagnostics=planned.diagnostics, catalog=project.catalog, origin=origin))


def preview_of_saved(plan: Plan, origin: Origin = NOWHERE) -> Preview:
    """Of a saved plan alone: limits are told only where its catalog is the one of this version."""
    return review(plan, Known(catalog=_catalog_of(plan), origin=origin))


def _catalog_of(plan: Plan) -> Catalog | None:
    catalog = packaged()
    return catalog if catalog.digest == plan.catalog_digest else None
