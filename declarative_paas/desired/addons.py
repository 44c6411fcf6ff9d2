"""Add-ons and attachments: what an app owns, what it shares, and the config vars both give it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from declarative_paas.catalog.model import AddonPlan as CatalogPlan
from declarative_paas.catalog.model import Catalog, Service
from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.diagnostic import error, nearest
from declarative_paas.core.resource import Resource
from declarative_paas.core.values import Reference, SecretRef, Value
from declarative_paas.desired.inputs import DesiredInputs, Diagnostics
from declarative_paas.desired.secrets import find_secret
from declarative_paas.manifest.app_models import AddonAttach, AddonPlan
from declarative_paas.manifest.manifests import AppManifest


@dataclass(frozen=True, slots=True, kw_only=True)
class AddonIndex:
    """Every add-on that some app owns, by `APP/ALIAS`, with its service."""

    services: Mapping[str, Service]


def index_addons(inputs: DesiredInputs) -> AddonIndex:
    services: dict[str, Service] = {}
    for app in inputs.manifests.apps:
        for addon in app.spec.addons or ():
            if isinstance(addon, AddonPlan):
                service = inputs.catalog.service(addon.plan.partition(":")[0])
                if service is not None:
                    services[f"{app.name}/{addon.alias}"] = service
    return AddonIndex(services=services)


def addon_resources(
    app: AppManifest, inputs: DesiredInputs, index: AddonIndex, diagnostics: Diagnostics
) -> Iterator[Resource]:
    """The app's add-ons and attachments."""
    used: dict[str, int] = {}
    for number, addon in enumerate(app.spec.addons or ()):
        if addon.alias in used:
            diagnostics.append(
                error(
                    "duplicate-addon-alias",
                    f"two add-ons of {app.name} are called {addon.alias}",
                    app.position("addons", number),
                )
            )
            continue
        used[addon.alias] = number
        if isinstance(addon, AddonPlan):
            yield from _owned(app, number, addon, inputs, diagnostics)
        else:
            yield from _shared(app, number, addon, index, diagnostics)


def attached_vars(app: AppManifest, index: AddonIndex) -> dict[str, str]:
    """Config var -> alias of the attachment that gives it."""
    found: dict[str, str] = {}
    for addon in app.spec.addons or ():
        key = addon.attach if isinstance(addon, AddonAttach) else f"{app.name}/{addon.alias}"
        service = index.services.get(key)
        if service is not None:
            found[service.config_var(addon.alias)] = addon.alias
    return found


def _owned(
    app: AppManifest, number: int, addon: AddonPlan, inputs: DesiredInputs, diagnostics: Diagnostics
) -> Iterator[Resource]:
    found = _find_plan(app, number, addon, inputs.catalog, diagnostics)
    if found is None:
        return
    service, plan = found
    attributes: dict[str, Value] = {"service": service.name, "plan": plan.name}
    version = addon.version or service.default_version
    if service.versions:
        if version not in service.versions:
            diagnostics.append(
                error(
                    "unknown-addon-version",
                    f"{service.name} is not offered in version {version}",
                    app.position("addons", number, "version"),
                    expected=f"one of {', '.join(service.versions)}",
                    suggestion=nearest(str(version), service.versions),
                )
            )
        attributes["version"] = version
    if addon.protect is not None:
        attributes["protect"] = addon.protect
    if service.kind == "external":
        credentials = _credentials(app, number, addon, service, inputs, diagnostics)
        if credentials is None:
            return
        attributes["credentials"] = credentials
    address = ResourceAddress("addon", app.name, addon.alias)
    position = app.position("addons", number)
    yield Resource(
        address=address,
        region=app.spec.region,
        attributes=attributes,
        after=(ResourceAddress("app", app.name),),
        position=position,
        price_cents=plan.price_monthly_cents,
    )
    yield _attachment(app, number, addon.alias, address, service)


def _shared(
    app: AppManifest, number: int, addon: AddonAttach, index: AddonIndex, diagnostics: Diagnostics
) -> Iterator[Resource]:
    service = index.services.get(addon.attach)
    owner, _, alias = addon.attach.partition("/")
    if service is None:
        diagnostics.append(
            error(
                "unknown-attached-addon",
                f"no app owns an add-on {addon.attach!r}",
                app.position("addons", number, "attach"),
                expected="APP/ALIAS of an add-on with a plan",
                suggestion=nearest(addon.attach, index.services),
            )
        )
        return
    yield _attachment(app, number, addon.alias, ResourceAddress("addon", owner, alias), service)


def _attachment(app: AppManifest, number: int, alias: str, addon: ResourceAddress, service: Service) -> Resource:
    return Resource(
        address=ResourceAddress("attachment", app.name, alias),
        region=app.spec.region,
        attributes={"addon": Reference(addon, "id"), "vars": {service.config_var(alias): Reference(addon, "url")}},
        after=(ResourceAddress("app", app.name),),
        position=app.position("addons", number),
    )


def _find_plan(
    app: AppManifest, number: int, addon: AddonPlan, catalog: Catalog, diagnostics: Diagnostics
) -> tuple[Service, CatalogPlan] | None:
    position = app.position("addons", number, "plan")
    service_name, _, plan_name = addon.plan.partition(":")
    service = catalog.service(service_name)
    if service is None:
        diagnostics.append(
            error(
                "unknown-service",
                f"the catalog has no add-on service {service_name!r}",
                position,
                expected=f"one of {', '.join(sorted(catalog.services))}",
                suggestion=nearest(service_name, catalog.services),
            )
        )
        return None
    plan = catalog.plan(addon.plan)
    if plan is None:
        diagnostics.append(
            error(
                "unknown-plan",
                f"{service.name} has no plan {plan_name!r}",
                position,
                expected=f"one of {', '.join(sorted(service.plans))}",
                suggestion=_prefixed(service, nearest(plan_name, service.plans)),
            )
        )
        return None
    if not plan.offered_in(app.spec.region):
        offered = ", ".join(plan.regions or ())
        near = catalog.nearest_plans(plan, app.spec.region)
        diagnostics.append(
            error(
                "plan-not-offered",
                f"plan {plan} is not offered in region {app.spec.region}",
                position,
                expected=f"a plan offered in {app.spec.region}; {plan} is offered in {offered}",
                suggestion=", ".join(str(other) for other in near) or None,
            )
        )
        return None
    return service, plan


def _prefixed(service: Service, plan: str | None) -> str | None:
    return None if plan is None else f"{service.name}:{plan}"


def _credentials(
    app: AppManifest, number: int, addon: AddonPlan, service: Service, inputs: DesiredInputs, diagnostics: Diagnostics
) -> SecretRef | None:
    """An external service's URL comes from a secret: nobody else can provision it."""
    position = app.position("addons", number, "credentials")
    if addon.credentials is None:
        diagnostics.append(
            error(
                "missing-credentials",
                f"{service.name} is an external service: its credentials must be given",
                position,
                expected="credentials: {secret: NAME}",
            )
        )
        return None
    return find_secret(addon.credentials.secret, position, inputs, diagnostics)
