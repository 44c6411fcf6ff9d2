"""What the regions hold, whatever the state records: things as their platforms tell them, and the secrets in them."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.diagnostic import Diagnostic, error, nearest, warning
from declarative_paas.core.provider import Discovered, Importable, InstanceKey, ProviderError
from declarative_paas.core.values import SecretRef, Sensitive, secret_refs
from declarative_paas.desired.config import SECRETS_REGION
from declarative_paas.workflow.key import project_key
from declarative_paas.workflow.stored_secrets import maker_of
from declarative_paas.workflow.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing and the region that it was found in; generated secrets are in a region of their own."""

    region: str
    thing: Discovered

    @property
    def address(self) -> ResourceAddress:
        return self.thing.address

    @property
    def key(self) -> InstanceKey:
        return self.thing.key


OutputKey: TypeAlias = tuple[Scope, ResourceAddress, str]
"""An output of one scope's thing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """`names` are those that outputs are stored under, by what uses them: a thing that was another scope's, or had
    another address, keeps the name. `values` are the secrets that are known, by name; `untold` refs to the others.
    """

    findings: Sequence[Finding] = ()
    names: Mapping[OutputKey, str] = field(default_factory=dict[OutputKey, str])
    values: Mapping[str, Sensitive] = field(default_factory=dict[str, Sensitive])
    untold: Sequence[SecretRef] = ()
    diagnostics: Sequence[Diagnostic] = ()

    def stored_name(self, thing: Discovered, output: str) -> str:
        """The name under which a thing's output, a secret, is stored."""
        return _stored_name(self.names, thing, output)


def discover(world: World, regions: Collection[str]) -> Discovery:
    """Reads the regions, all of them where none is named. A region that cannot be asked is a diagnostic."""
    findings, diagnostics = _ask(world, regions)
    refs: dict[str, SecretRef] = {}
    names: dict[OutputKey, str] = {}
    moved = {**_moved_secrets(findings), **_moved_outputs(world, findings)}
    for finding in findings:
        for ref in secret_refs(finding.thing.attributes):
            refs[ref.name] = ref
            maker = maker_of(ref.name)
            if maker is not None:
                address, output = maker
                names[(finding.thing.scope, moved.get((finding.thing.scope, ref.name), address), output)] = ref.name
    values = _values(world, findings, refs, names)
    findings += _generated(names, values)
    stored = world.secrets.refs()
    # What comes from outside is not stored; what a person has stored anew since reaches the app by a plan.
    expected = [ref for ref in refs.values() if ref.version and (ref.name[0] == "@" or ref.name not in stored)]
    return Discovery(
        findings=sorted(findings, key=lambda finding: (finding.region, *finding.key)),
        names=names,
        values=values,
        untold=sorted((ref for ref in expected if ref.name not in values), key=lambda ref: ref.name),
        diagnostics=diagnostics,
    )


def _ask(world: World, regions: Collection[str]) -> tuple[list[Finding], list[Diagnostic]]:
    diagnostics = _unknown_regions(world, regions)
    findings: list[Finding] = []
    # Not all of the world's providers: what belongs to no region is not found, but made from what is.
    for region in sorted(world.project.manifests.platform.spec.regions):
        provider = world.providers.get(region)
        if provider is None or (regions and region not in regions):
            continue
        if not isinstance(provider, Importable):
            # Without a word where nobody named it, a thing there would seem not to exist.
            told = error if regions else warning
            diagnostics.append(told("cannot-discover", f"the provider of region {region} cannot tell what it holds"))
            continue
        try:
            findings += [Finding(region=region, thing=thing) for thing in provider.discover()]
        except ProviderError as problem:
            diagnostics.append(
                error("region-unreachable", f"region {region} cannot be asked what it holds", detail=problem.summary)
            )
    return findings, diagnostics


def _values(
    world: World, findings: Sequence[Finding], refs: Mapping[str, SecretRef], names: Mapping[OutputKey, str]
) -> dict[str, Sensitive]:
    """From the platforms; else from the store, where it is the very value that is in use."""
    values = {name: value for finding in findings for name, value in finding.thing.secrets.items()}
    for finding in findings:
        for output, value in finding.thing.outputs.items():
            if isinstance(value, Sensitive):
                values[_stored_name(names, finding.thing, output)] = value
    stored = world.secrets.refs()
    for name, ref in refs.items():
        if name not in values and name in stored and stored[name].digest == ref.digest:
            values[name] = world.secrets.get(stored[name])
    return values


def _stored_name(names: Mapping[OutputKey, str], thing: Discovered, output: str) -> str:
    return names.get((thing.scope, thing.address, output), f"@{thing.scope}/{thing.address}.{output}")


def _generated(names: Mapping[OutputKey, str], values: Mapping[str, Sensitive]) -> Iterator[Finding]:
    """Generated secrets are in no region, only in the config that uses them: a thing for each whose value is known."""
    for (scope, address, _), name in sorted(names.items()):
        if address.type != "secret" or name not in values:
            continue
        thing = Discovered(
            scope=scope,
            address=address,
            instance=hashlib.sha256(name.encode()).hexdigest()[:10],
            remote_id=name,
            attributes={"length": len(values[name].reveal())},
            outputs={"id": name, "value": values[name]},
        )
        yield Finding(region=SECRETS_REGION, thing=thing)


def _moved_secrets(findings: Sequence[Finding]) -> dict[tuple[Scope, str], ResourceAddress]:
    """Generated secrets whose app is not there any more, by stored name: a move of the app left that name.

    Each is that of the one app which uses it; of several users nobody can tell whose it is, and it stays.
    """
    apps = {(finding.thing.scope, finding.address.app) for finding in findings}
    users: dict[tuple[Scope, str], set[ResourceAddress]] = {}
    for finding in findings:
        scope = finding.thing.scope
        for key, value in finding.thing.attributes.get("vars", {}).items() if finding.address.type == "config" else ():
            maker = maker_of(value.name) if isinstance(value, SecretRef) else None
            if maker is not None and maker[0].type == "secret" and (scope, maker[0].app) not in apps:
                users.setdefault((scope, value.name), set()).add(ResourceAddress("secret", finding.address.app, key))
    return {stored: next(iter(found)) for stored, found in users.items() if len(found) == 1}


def _moved_outputs(world: World, findings: Sequence[Finding]) -> dict[tuple[Scope, str], ResourceAddress]:
    """Outputs of what has another address by now, by the name that they were stored under: a `moved` left that name.

    The value tells whose it is: an add-on's URL is like no other's.
    """
    there = {(finding.thing.scope, finding.address) for finding in findings}
    lost = {
        (finding.thing.scope, ref.name): (ref, maker)
        for finding in findings
        for ref in secret_refs(finding.thing.attributes)
        if (maker := maker_of(ref.name)) is not None
        and maker[0].type != "secret"
        and (finding.thing.scope, maker[0]) not in there
    }
    if not lost:
        return {}
    key = project_key(world.project)
    makers = {
        (finding.thing.scope, output, key.digest(value.reveal())): finding.address
        for finding in findings
        for output, value in finding.thing.outputs.items()
        if isinstance(value, Sensitive)
    }
    return {
        (scope, name): makers[(scope, output, ref.digest)]
        for (scope, name), (ref, (_, output)) in lost.items()
        if (scope, output, ref.digest) in makers
    }


def _unknown_regions(world: World, regions: Collection[str]) -> list[Diagnostic]:
    known = world.project.manifests.platform.spec.regions
    return [
        error(
            "unknown-region",
            f"the Platform declares no region {region!r}",
            expected=f"one of {', '.join(sorted(known))}",
            suggestion=nearest(region, known),
        )
        for region in sorted(set(regions) - known.keys())
    ]
