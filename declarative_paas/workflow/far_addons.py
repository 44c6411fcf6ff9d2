"""Add-ons that an app of one region uses in another: only where the regions' providers can reach each other's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.diagnostic import Diagnostic, error
from declarative_paas.core.provider import Provider
from declarative_paas.core.resource import Resource
from declarative_paas.core.values import Reference


def far_addons(desired: Mapping[ResourceAddress, Resource], providers: Mapping[str, Provider]) -> Iterator[Diagnostic]:
    """An error for each attachment whose dynos could not reach the add-on. Asks no region."""
    for address, resource in sorted(desired.items()):
        reference = resource.attributes.get("addon") if address.type == "attachment" else None
        addon = desired.get(reference.address) if isinstance(reference, Reference) else None
        if addon is None or addon.region == resource.region or addon.attributes.get("credentials") is not None:
            continue
        closed = [
            region
            for region in (resource.region, addon.region)
            if region in providers and not providers[region].capabilities().far_addons
        ]
        if closed:
            yield error(
                "addon-out-of-reach",
                f"{address.app} is in region {resource.region} and uses {addon.address} in region {addon.region}, "
                f"but no add-on is reached into or out of region {closed[0]}",
                resource.position,
                expected=f"an add-on in {resource.region}; for a fork `copy` or `empty`",
                address=str(address),
            )
