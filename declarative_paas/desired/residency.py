"""Residency: where an app and its data may be, by jurisdiction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from declarative_paas.core.diagnostic import Diagnostic, error
from declarative_paas.desired.inputs import DesiredInputs
from declarative_paas.manifest.app_models import AddonAttach


def jurisdictions_of(inputs: DesiredInputs) -> dict[str, str]:
    """Region -> jurisdiction, the Platform's word before the catalog's. A region without one is missing."""
    found: dict[str, str] = {}
    for name, region in inputs.manifests.platform.spec.regions.items():
        known = inputs.catalog.region(name)
        jurisdiction = region.jurisdiction or (known.jurisdiction if known else None)
        if jurisdiction:
            found[name] = jurisdiction
    return found


def residency_diagnostics(inputs: DesiredInputs, jurisdictions: Mapping[str, str]) -> Iterator[Diagnostic]:
    """An app that says where it must stay, and a region or a shared add-on that is elsewhere."""
    apps = {app.name: app for app in inputs.manifests.apps}
    for app in inputs.manifests.apps:
        must = app.spec.residency
        if must is None:
            continue
        here = jurisdictions.get(app.spec.region)
        if here != must:
            yield error(
                "residency",
                f"{app.name} must stay in {must}, "
                f"but region {app.spec.region} is in {here or 'no declared jurisdiction'}",
                app.position("residency"),
                expected=f"a region with jurisdiction {must}",
            )
        for number, addon in enumerate(app.spec.addons or ()):
            owner = apps.get(addon.attach.partition("/")[0]) if isinstance(addon, AddonAttach) else None
            there = None if owner is None else jurisdictions.get(owner.spec.region)
            if owner is not None and there != must:
                yield error(
                    "residency",
                    f"{app.name} must stay in {must}, but its data would go to {addon.alias} of {owner.name} "
                    f"in {owner.spec.region} ({there or 'no declared jurisdiction'})",
                    app.position("addons", number),
                    expected=f"an add-on in a region with jurisdiction {must}",
                )
