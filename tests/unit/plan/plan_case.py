"""Short ways to say what a plan is made from."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.plan import Plan
from declarative_paas.core.provider import InstanceKey, Present, Reading
from declarative_paas.core.resource import Resource, ResourceState
from declarative_paas.core.state import Intent, Snapshot
from declarative_paas.core.values import Reference
from declarative_paas.plan.inputs import PlanInputs
from declarative_paas.plan.planner import make_plan

SCOPE = Scope("acme")


def at(text: str) -> ResourceAddress:
    return ResourceAddress.parse(text)


def ref(text: str, attribute: str) -> Reference:
    return Reference(at(text), attribute)


def want(
    address: str,
    attributes: Mapping[str, Any] | None = None,
    *,
    region: str = "us",
    after: Collection[str] = (),
    price: int | None = 0,
) -> Resource:
    return Resource(
        address=at(address),
        region=region,
        attributes=attributes or {},
        after=tuple(at(text) for text in after),
        price_cents=price,
    )


def recorded(
    resource: Resource, outputs: Mapping[str, Any] | None = None, instance: str = "i1", **attributes: Any
) -> ResourceState:
    return ResourceState(
        address=resource.address,
        instance=instance,
        region=resource.region,
        remote_id=f"remote-{resource.address}",
        attributes={**resource.attributes, **attributes},
        outputs=outputs or {},
        dependencies=resource.dependencies(),
        price_cents=resource.price_cents,
    )


def snapshot(*records: ResourceState, intents: Collection[Intent] = ()) -> Snapshot:
    return Snapshot(
        lineage="line", serial=7, resources={record.key: record for record in records}, intents=tuple(intents)
    )


def healthy(*records: ResourceState) -> dict[InstanceKey, Reading]:
    return {
        record.key: Present(remote_id=record.remote_id, attributes=record.attributes, outputs=record.outputs)
        for record in records
    }


def plan_of(
    desired: Collection[Resource],
    records: Collection[ResourceState] = (),
    readings: Mapping[InstanceKey, Reading] | None = None,
    **options: Any,
) -> Plan:
    plan, _ = plan_and_diagnostics(desired, records, readings, **options)
    return plan


def plan_and_diagnostics(
    desired: Collection[Resource],
    records: Collection[ResourceState] = (),
    readings: Mapping[InstanceKey, Reading] | None = None,
    intents: Collection[Intent] = (),
    **options: Any,
):
    return make_plan(
        PlanInputs(
            scope=SCOPE,
            desired={resource.address: resource for resource in desired},
            snapshot=snapshot(*records, intents=intents),
            readings=healthy(*records) if readings is None else readings,
            tool_version="test",
            **options,
        )
    )


def actions(plan: Plan) -> dict[str, str]:
    return {str(change.address): change.action.value for change in plan.changes}


def app_with_parts(
    name: str = "shop", *, config: Mapping[str, Any] | None = None, source: str = "s1", quantity: int = 2
) -> list[Resource]:
    """The usual chain: app, addon, attachment, config, slug, release, formation."""
    return [
        want(f"app.{name}", {"name": name}),
        want(f"addon.{name}/DB", {"service": "postgres", "plan": "mini"}, after=[f"app.{name}"]),
        want(
            f"attachment.{name}/DB",
            {"addon": ref(f"addon.{name}/DB", "id"), "vars": {"DB_URL": ref(f"addon.{name}/DB", "url")}},
        ),
        want(f"config.{name}", {"vars": config or {"LOG": "info"}}, after=[f"app.{name}"]),
        want(f"slug.{name}", {"source": source, "path": name, "build": None}, after=[f"app.{name}"]),
        want(
            f"release.{name}",
            {
                "slug": ref(f"slug.{name}", "id"),
                "config": ref(f"config.{name}", "revision"),
                "attachments": {"DB": ref(f"attachment.{name}/DB", "revision")},
                "command": None,
            },
        ),
        want(
            f"formation.{name}",
            {
                "release": ref(f"release.{name}", "version"),
                "processes": {"web": {"command": "run", "size": "standard-1x", "quantity": quantity, "health": None}},
            },
        ),
    ]


OUTPUTS: Mapping[str, Mapping[str, Any]] = {
    "app": {"id": "a", "url": "http://shop"},
    "addon": {"id": "d", "url": "db://shop"},
    "attachment": {"revision": "r1"},
    "config": {"revision": "c1"},
    "slug": {"id": "sl1"},
    "release": {"version": 1},
    "formation": {"id": "f"},
}


def applied(resources: Collection[Resource]) -> list[ResourceState]:
    """The records that a successful apply of these resources leaves."""

    def fill(value: Any) -> Any:
        if isinstance(value, Reference):
            return OUTPUTS[value.address.type][value.attribute]
        if isinstance(value, Mapping):
            return {key: fill(item) for key, item in value.items()}
        return value

    return [
        ResourceState(
            address=resource.address,
            instance=f"i-{resource.address.type}",
            region=resource.region,
            remote_id=f"remote-{resource.address}",
            attributes=fill(resource.attributes),
            outputs=OUTPUTS[resource.address.type],
            dependencies=resource.dependencies(),
            price_cents=resource.price_cents,
        )
        for resource in resources
    ]
