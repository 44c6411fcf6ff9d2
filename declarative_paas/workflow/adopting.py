"""`dpaas import`: records what runs already. It makes, changes and restarts nothing."""

from __future__ import annotations

import getpass
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.diagnostic import Diagnostic, error
from declarative_paas.core.provider import Discovered, Importable, InstanceKey
from declarative_paas.core.resource import Resource, ResourceState
from declarative_paas.core.resource_type import RESOURCE_TYPES
from declarative_paas.core.state import HistoryEntry, Hold, Lease, StateError, StepResult
from declarative_paas.core.values import Attributes, Sensitive, secret_refs
from declarative_paas.state.location import backup_store
from declarative_paas.workflow.adoptable import AdoptionRequest, choose
from declarative_paas.workflow.deploy import desire
from declarative_paas.workflow.discovery import Discovery, Finding, discover
from declarative_paas.workflow.lock import holding_lock
from declarative_paas.workflow.stored_secrets import with_stored_versions
from declarative_paas.workflow.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """What would be recorded. `undeclared` are apps that no manifest asks for; `all_findings` what they refer to."""

    findings: Sequence[Finding]
    undeclared: Sequence[str]
    all_findings: Sequence[Finding]
    diagnostics: Sequence[Diagnostic]


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopted:
    """What an import did. `backup` is the state as it was, None where there was none."""

    recorded: Sequence[ResourceState]
    backup: Path | None
    diagnostics: Sequence[Diagnostic]


def plan_adoption(world: World, request: AdoptionRequest) -> Adoption:
    """Reads the regions and the state, and changes nothing. Raises StateError."""
    _, adoption = _look(world, request)
    if request.address is None or request.address in desire(world)[0]:
        return adoption
    undeclared = error(
        "undeclared",
        f"the manifests do not declare {request.address}: the next plan would delete it",
        expected=f"its declaration first; or `dpaas import --app {request.address.app}`, which writes the manifest of "
        "an app that none declares",
    )
    return replace(adoption, diagnostics=[*adoption.diagnostics, undeclared])


def adopt(world: World, request: AdoptionRequest, shown: Collection[InstanceKey], *, command: str) -> Adopted:
    """Records, under the lock, what was shown. Raises StateError, also when some of it is not there any more,
    LockHeld, and ProviderError when a region does not let go of what another scope had.

    A crash at any moment is made good by the same import again.
    """
    project, store = world.project, world.store
    was_there = bool(store.snapshot(project.scope).lineage)
    with holding_lock(store, project.scope) as lease:
        discovery, adoption = _look(world, request)
        findings = [finding for finding in adoption.findings if finding.key in shown]
        gone = sorted(set(shown) - {finding.key for finding in findings})
        if gone:
            raise StateError(f"{gone[0][0]} is not there to be imported any more: run the import again")
        location = project.manifests.platform.spec.state
        copy = None
        if was_there:
            copy = backup_store(location, project.scope, base_dir=project.directory, now=world.clock.now())
        # Secrets and holds first: they are part of what is asked for. Then the regions, and the record last: what a
        # crash leaves between is found by the next import.
        _store_secrets(world, discovery, findings)
        _hold_again(world, lease, findings)
        _take_over(world, findings)
        desired, diagnostics, _ = desire(world)
        records = _records(world, discovery, findings, desired)
        store.commit(lease, results=[StepResult(step_id=f"import {item.address}", put=item) for item in records])
        _note(world, lease, command, len(records))
    return Adopted(recorded=records, backup=copy, diagnostics=[item for item in diagnostics if item.is_error])


def _look(world: World, request: AdoptionRequest) -> tuple[Discovery, Adoption]:
    project = world.project
    snapshot = world.store.snapshot(project.scope)
    other = None if request.from_scope is None else world.store.snapshot(request.from_scope)
    discovery = discover(world, request.regions)
    declared = {app.name for app in project.manifests.apps}
    chosen, diagnostics = choose(
        request,
        discovery,
        scope=project.scope,
        snapshot=snapshot,
        other=other,
        sources=project.manifests.platform.spec.secrets or {},
    )
    adoption = Adoption(
        findings=chosen,
        undeclared=sorted({finding.address.app for finding in chosen} - declared),
        all_findings=discovery.findings,
        diagnostics=[*discovery.diagnostics, *diagnostics],
    )
    return discovery, adoption


def _store_secrets(world: World, discovery: Discovery, findings: Sequence[Finding]) -> None:
    """What the platforms told. A secret that a person stored here counts more than what was applied once."""
    stored = world.secrets.refs()
    refs = {ref.name: ref for finding in findings for ref in secret_refs(finding.thing.attributes)}
    told = {name for finding in findings for name in finding.thing.secrets}
    # Version 0 comes from outside, and is not to be stored.
    for name in sorted(name for name in told & refs.keys() if refs[name].version):
        if name.startswith("@") or name not in stored:
            world.secrets.put(name, discovery.values[name])


def _take_over(world: World, findings: Sequence[Finding]) -> None:
    scope = world.project.scope
    by_region: dict[str, list[Finding]] = {}
    for finding in findings:
        if finding.thing.scope != scope:
            by_region.setdefault(finding.region, []).append(finding)
    for region, others in sorted(by_region.items()):
        provider = world.providers[region]
        if isinstance(provider, Importable):
            provider.adopt([finding.thing for finding in others], scope)


def _records(
    world: World, discovery: Discovery, findings: Sequence[Finding], desired: Mapping[ResourceAddress, Resource]
) -> list[ResourceState]:
    """As an apply would have written them."""
    outputs = {finding.key: _concealed(world, discovery, finding.thing) for finding in findings}
    stored = world.secrets.refs()
    records: list[ResourceState] = []
    for finding in findings:
        thing, wanted = finding.thing, desired.get(finding.address)
        record = ResourceState(
            address=thing.address,
            instance=thing.instance,
            region=finding.region,
            remote_id=thing.remote_id,
            attributes=cast("Attributes", with_stored_versions(thing.attributes, stored)),
            outputs=outputs[thing.key],
        )
        if wanted is None:
            records.append(replace(record, dependencies=_beneath(thing.address, findings)))
            continue
        records.append(
            replace(
                record,
                dependencies=wanted.dependencies(),
                price_cents=wanted.price_cents,
                declared_in=wanted.declared_in,
            )
        )
    return records


def _concealed(world: World, discovery: Discovery, thing: Discovered) -> Attributes:
    return {
        name: value
        if not isinstance(value, Sensitive)
        else value.ref or world.secrets.put(discovery.stored_name(thing, name), value)
        for name, value in thing.outputs.items()
    }


def _beneath(address: ResourceAddress, findings: Sequence[Finding]) -> tuple[ResourceAddress, ...]:
    """Of what no manifest asks for, so that it goes before what it may stand on: all of its app that comes earlier."""
    order = RESOURCE_TYPES[address.type].order
    return tuple(
        sorted(
            finding.address
            for finding in findings
            if finding.address.app == address.app and RESOURCE_TYPES[finding.address.type].order < order
        )
    )


def _hold_again(world: World, lease: Lease, findings: Sequence[Finding]) -> None:
    """A release that was made by a rollback is held, as it was: else the next plan would undo the rollback."""
    held = {hold.app for hold in world.store.holds(lease.scope)}
    attributes = {finding.address: finding.thing.attributes for finding in findings}
    for app in sorted({finding.address.app for finding in findings} - held):
        version = attributes.get(ResourceAddress("release", app), {}).get("rollback_to")
        source = attributes.get(ResourceAddress("slug", app), {}).get("source")
        if version is not None and source is not None:
            hold = Hold(
                app=app,
                version=int(version),
                source=str(source),
                since=world.clock.now().isoformat(timespec="seconds"),
                by=getpass.getuser(),
            )
            world.store.set_hold(lease, hold)


def _note(world: World, lease: Lease, command: str, count: int) -> None:
    now = world.clock.now()
    entry = HistoryEntry(
        id=f"{now:%Y%m%dT%H%M%S}-{lease.fence}",
        started_at=now.isoformat(timespec="seconds"),
        finished_at=now.isoformat(timespec="seconds"),
        actor=getpass.getuser(),
        command=command,
        outcome="succeeded",
        plan_digest="",
        summary={"import": count},
    )
    world.store.record(lease.scope, entry)
