"""From a plan, and what it was made from, to its preview."""

from __future__ import annotations

from declarative_paas.catalog.load import packaged
from declarative_paas.catalog.model import Catalog
from declarative_paas.core.plan import Plan
from declarative_paas.preview.costs import app_totals
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
    totals = app_totals(plan, {} if plan.destroy else planned.desired, planned.snapshot)
    known = Known(diagnostics=planned.diagnostics, totals=totals, catalog=project.catalog, origin=origin)
    return review(plan, known)


def preview_of_saved(plan: Plan, origin: Origin = NOWHERE) -> Preview:
    """Of a saved plan alone: what its apps cost in all is not in it, and limits only where the catalog is known."""
    return review(plan, Known(catalog=_catalog_of(plan), origin=origin))


def _catalog_of(plan: Plan) -> Catalog | None:
    catalog = packaged()
    return catalog if catalog.digest == plan.catalog_digest else None
