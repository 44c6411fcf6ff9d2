"""Plans of any size with everything a reviewer must see in them."""

from __future__ import annotations

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.diagnostic import Position
from declarative_paas.core.plan import Action, Change, FieldChange, Plan, Risk, RiskKind
from declarative_paas.core.values import Attributes

KINDS = ("app", "config", "slug", "release", "formation")
ACTIONS = (Action.CREATE, Action.UPDATE, Action.REPLACE, Action.DELETE)


def large_plan(changes: int, *, long_values: bool = False) -> Plan:
    """Five resources an app; a quarter of the apps each is created, updated, replaced and deleted."""
    width = 400 if long_values else 20
    made = [change for number in range(changes // len(KINDS)) for change in _app(number, width)]
    return Plan(
        scope=Scope("acme", "production"),
        lineage="line",
        serial=7,
        tool_version="1.0.0",
        catalog_digest="c" * 64,
        changes=tuple(made),
        price_before_cents=250_000,
        price_after_cents=300_000,
    )


def _app(number: int, width: int) -> list[Change]:
    app, action = f"app-{number:05}", ACTIONS[number % 4]
    return [_change(ResourceAddress(kind, app), number, place, action, width) for place, kind in enumerate(KINDS)]


def _change(address: ResourceAddress, number: int, place: int, action: Action, width: int) -> Change:
    attributes = _attributes(address, width)
    needs = [ResourceAddress(KINDS[place - 1], address.app)] if place else []
    if address.type == "config" and number % 7 == 3:
        needs.append(ResourceAddress("app", f"app-{number - 1:05}"))
    updated = action is Action.UPDATE and address.type == "config"
    return Change(
        address=address,
        action=action,
        region="eu" if number % 2 else "us",
        prior_region="us" if action is Action.REPLACE else None,
        instance=f"i{number}-{place}",
        before=None if action is Action.CREATE else attributes,
        after=None if action is Action.DELETE else attributes,
        fields=(FieldChange(path="vars.KEY_1", before="old " * 9, after="new " * 9),) if updated else (),
        causes=("no longer in the manifests" if action is Action.DELETE else "the manifest changed",),
        risks=tuple(_risks(address, action)),
        dependencies=tuple(needs),
        price_after_cents=2_500 if address.type == "formation" else 0,
        position=None if action is Action.DELETE else Position(f"apps/{address.app}.yaml", 3 * place + 1, 3),
        declared_in=f"apps/{address.app}.yaml",
    )


def _risks(address: ResourceAddress, action: Action) -> list[Risk]:
    match (address.type, action):
        case ("formation", Action.DELETE | Action.REPLACE):
            return [Risk(RiskKind.DOWNTIME, "web dynos are stopped")]
        case ("app", Action.REPLACE):
            return [Risk(RiskKind.REGION_MOVE, "region us -> eu")]
        case ("slug", Action.DELETE):
            return [Risk(RiskKind.DATA_LOSS, f"the data of {address} is destroyed")]
        case _:
            return []


def _attributes(address: ResourceAddress, width: int) -> Attributes:
    match address.type:
        case "config":
            return {"vars": {f"KEY_{key}": f"value {key} of {address.app} ".ljust(width, ".") for key in range(6)}}
        case "release":
            return {"command": "python manage.py migrate"}
        case "formation":
            process = {"command": "gunicorn shop:app --bind 0.0.0.0:$PORT", "size": "standard-1x", "quantity": 2}
            return {"processes": {"web": {**process, "health": "/healthz"}}}
        case "slug":
            return {"source": "ab" * 20}
        case _:
            return {"name": address.app}
