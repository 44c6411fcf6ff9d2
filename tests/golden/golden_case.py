"""One directory, one plan: manifests and recorded state in; the plan, its text and its JSON out.

manifest.yaml   what is asked for
before.yaml     optional: the manifests as they were applied last; `state.json` is made from it
state.json      optional: the records that the last apply left
readings.json   optional: by address `"absent"` or `{"problems": [...], "attributes": {...}}`, laid over the records
case.json       optional: `sources` (digest by app) and `secrets` (digest by name), now and under `before`;
                `releases` (number by app), `holds`, `destroy`, `confirmed`, `targets`
plan.txt, plan.json   what must come out
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from declarative_paas.catalog.load import packaged
from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.diagnostic import has_errors
from declarative_paas.core.fork_review import ForkReview
from declarative_paas.core.graph import topological_order
from declarative_paas.core.plan import Plan
from declarative_paas.core.provider import Absent, InstanceKey, Present, Reading
from declarative_paas.core.resource import Resource, ResourceState
from declarative_paas.core.state import Hold, Snapshot
from declarative_paas.core.values import Reference, SecretRef, encode
from declarative_paas.desired.build import desired_resources
from declarative_paas.desired.inputs import DesiredInputs, SourceFacts
from declarative_paas.desired.residency import jurisdictions_of
from declarative_paas.manifest.load import load
from declarative_paas.manifest.variables import VariableInputs
from declarative_paas.plan.inputs import PlanInputs
from declarative_paas.plan.planner import make_plan
from declarative_paas.preview.json_view import plan_view
from declarative_paas.preview.text import render_text
from declarative_paas.workflow.fork_review import ForkReviewer
from declarative_paas.workflow.moving_regions import moving_apps

ROOT = Path(__file__).parent
CASES = sorted(path.parent.name for path in ROOT.glob("*/manifest.yaml"))
WIDTH = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Golden:
    plan: Plan
    text: str
    json: str


def run_case(name: str) -> Golden:
    """The case's plan, made from its files by the real rooms."""
    plan = plan_of_case(name)
    return Golden(plan=plan, text=render_text(plan, colour=False, width=WIDTH), json=as_text(plan_view(plan)))


def plan_of_case(name: str) -> Plan:
    facts = _json(ROOT / name / "case.json", {})
    records = [ResourceState.from_json(item) for item in _json(ROOT / name / "state.json", [])]
    snapshot = Snapshot(
        lineage="golden" if records else "",
        serial=len(records),
        resources={record.key: record for record in records},
    )
    inputs = _inputs(ROOT / name / "manifest.yaml", facts)
    moving = moving_apps(inputs.manifests, snapshot)
    inputs = replace(inputs, moves=moving.moves, followers=moving.followers)
    desired, diagnostics = desired_resources(inputs)
    assert not has_errors(diagnostics), [str(item) for item in diagnostics]
    plan, _ = make_plan(
        PlanInputs(
            scope=Scope("acme"),
            desired=desired,
            snapshot=snapshot,
            readings=_readings(records, _json(ROOT / name / "readings.json", {})),
            tool_version="golden",
            catalog_digest="golden",
            destroy=facts.get("destroy", False),
            confirmed=tuple(ResourceAddress.parse(text) for text in facts.get("confirmed", ())),
            targets=facts.get("targets", ()),
            jurisdictions=jurisdictions_of(inputs),
        )
    )
    return replace(plan, forks=_forks(plan, snapshot, inputs))


def _forks(plan: Plan, snapshot: Snapshot, inputs: DesiredInputs) -> tuple[ForkReview, ...]:
    """As the workflow tells of them, but that nothing is asked."""
    reviewer = ForkReviewer(
        plan=plan,
        snapshot=snapshot,
        apps={app.name: app for app in inputs.manifests.apps},
        providers={},
        jurisdictions=jurisdictions_of(inputs),
        common_secrets={},
        ask=False,
    )
    return () if plan.destroy else reviewer.reviews()[0]


def state_of_case(name: str) -> str | None:
    """`state.json` as an apply of `before.yaml` leaves it; None for a case without one."""
    before = ROOT / name / "before.yaml"
    if not before.exists():
        return None
    facts = _json(ROOT / name / "case.json", {})
    desired, diagnostics = desired_resources(_inputs(before, {"releases": facts.get("releases"), **_before(facts)}))
    assert not has_errors(diagnostics), [str(item) for item in diagnostics]
    return as_text([record.to_json() for record in _applied(desired, facts.get("releases", {}))])


def as_text(content: object) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False, sort_keys=False) + "\n"


def _before(facts: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = facts.get("before", {})
    return found


def _json(path: Path, default: Any) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else default


def _inputs(manifest: Path, facts: Mapping[str, Any]) -> DesiredInputs:
    with contextlib.chdir(manifest.parent):  # so that positions read the same in every checkout
        loaded = load([Path(manifest.name)], variables=VariableInputs())
    assert loaded.manifests is not None, [str(item) for item in loaded.diagnostics]
    sources = facts.get("sources", {})
    return DesiredInputs(
        manifests=loaded.manifests,
        catalog=packaged(),
        sources={
            app.name: SourceFacts(digest=_digest(sources.get(app.name, f"source of {app.name}")))
            for app in loaded.manifests.apps
        },
        secrets={name: SecretRef(name, 1, _digest(value)) for name, value in facts.get("secrets", {}).items()},
        holds={
            item["app"]: Hold(**{**item, "source": _digest(sources.get(item["app"], f"source of {item['app']}"))})
            for item in facts.get("holds", ())
        },
    )


def _readings(records: list[ResourceState], changed: Mapping[str, Any]) -> dict[InstanceKey, Reading]:
    found: dict[InstanceKey, Reading] = {}
    for record in records:
        seen = changed.get(str(record.address), {})
        if seen == "absent":
            found[record.key] = Absent()
            continue
        found[record.key] = Present(
            remote_id=record.remote_id,
            attributes=_laid_over(record.attributes, seen.get("attributes", {})),
            outputs=record.outputs,
            problems=tuple(seen.get("problems", ())),
        )
    return found


def _laid_over(attributes: Mapping[str, Any], changed: Mapping[str, Any]) -> dict[str, Any]:
    """Key by key; null takes a key away."""
    found = dict(attributes)
    for key, value in changed.items():
        found[key] = _laid_over(found.get(key, {}), value) if isinstance(value, dict) else value
    return {key: value for key, value in found.items() if key not in changed or value is not None}


def _applied(desired: Mapping[ResourceAddress, Resource], releases: Mapping[str, int]) -> list[ResourceState]:
    outputs: dict[ResourceAddress, dict[str, Any]] = {}
    records: list[ResourceState] = []
    for address in topological_order({address: resource.dependencies() for address, resource in desired.items()}):
        resource = desired[address]
        attributes = _resolved(resource.attributes, outputs)
        outputs[address] = _outputs(address, attributes, releases)
        records.append(
            ResourceState(
                address=address,
                instance=_digest(str(address))[:10],
                region=resource.region,
                remote_id=f"remote-{_digest(str(address))[:6]}",
                attributes=attributes,
                outputs=outputs[address],
                dependencies=resource.dependencies(),
                price_cents=resource.price_cents,
            )
        )
    return records


def _resolved(value: Any, outputs: Mapping[ResourceAddress, Mapping[str, Any]]) -> Any:
    if isinstance(value, Reference):
        return outputs[value.address][value.attribute]
    if isinstance(value, Mapping):
        return {key: _resolved(item, outputs) for key, item in value.items()}
    return value


def _outputs(address: ResourceAddress, attributes: Mapping[str, Any], releases: Mapping[str, int]) -> dict[str, Any]:
    identifier = _digest(f"{address} id")[:10]
    match address.type:
        case "app":
            host = f"{address.app}.example.net"
            return {"id": identifier, "name": address.app, "url": f"https://{host}", "host": host}
        case "addon":
            return {"id": identifier, "url": SecretRef(f"@{address}/url", 1, _digest(f"{address} url"))}
        case "secret":
            return {"id": identifier, "value": SecretRef(f"@{address}/value", 1, _digest(f"{address} value"))}
        case "release":
            return {"version": releases.get(address.app, 1)}
        case "slug":
            return {"id": _digest(json.dumps(encode(attributes)))}
        case "config" | "attachment":
            return {"revision": _digest(json.dumps(encode(attributes)))}
        case _:
            return {"id": identifier}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:24]
