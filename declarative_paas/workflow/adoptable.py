"""What of a discovery an import may record: ours, asked for, and not recorded yet. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.diagnostic import Diagnostic, error, nearest, note, warning
from declarative_paas.core.state import Snapshot
from declarative_paas.core.values import secret_refs
from declarative_paas.desired.config import SECRETS_REGION
from declarative_paas.manifest.platform_models import SecretFromEnvironment, SecretFromFile, SecretSource
from declarative_paas.workflow.discovery import Discovery, Finding
from declarative_paas.workflow.stored_secrets import maker_of


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptionRequest:
    """What the user asked for: one `address` (and which thing, by its `id`), whole `apps`, or, with neither, all.

    `regions` are all where none is named. `from_scope` is the other scope whose things are taken over.
    """

    address: ResourceAddress | None = None
    id: str | None = None
    apps: Collection[str] = ()
    regions: Collection[str] = ()
    from_scope: Scope | None = None

    @property
    def is_for_all(self) -> bool:
        return self.address is None and not self.apps

    def names(self, finding: Finding) -> bool:
        """Whether this thing was asked for, whoever's it is."""
        if self.address is not None:
            is_it = self.id is None or self.id in (finding.thing.instance, finding.thing.remote_id)
            return finding.address == self.address and is_it
        return not self.apps or finding.address.app in self.apps


def choose(
    request: AdoptionRequest,
    discovery: Discovery,
    *,
    scope: Scope,
    snapshot: Snapshot,
    other: Snapshot | None,
    sources: Mapping[str, SecretSource],
) -> tuple[list[Finding], list[Diagnostic]]:
    """What is to be recorded, and why not the rest. `other` is the state of `request.from_scope`; `sources` are
    where the Platform takes secrets from, by name.
    """
    named = [finding for finding in discovery.findings if request.names(finding)]
    ours = [finding for finding in named if finding.thing.scope in (scope, request.from_scope)]
    # Under both scopes after a crash in between: it is taken over once more, which ends the other.
    in_order = sorted(ours, key=lambda finding: finding.thing.scope != scope)
    ours = list({(finding.region, finding.key): finding for finding in in_order}.values())
    free = [finding for finding in ours if not _is_recorded(finding, snapshot)]
    diagnostics = _unknown_scope(request, discovery, other, free=free)
    diagnostics = diagnostics or _missing(request, discovery, named=named, ours=ours, free=free)
    unfinished = {(intent.address, intent.instance) for intent in snapshot.intents}
    recorded = {address for address, _ in snapshot.resources}
    chosen: list[Finding] = []
    for finding in free:
        same = [one for one in free if one.address == finding.address]
        if finding.key in unfinished:
            diagnostics.append(
                warning(
                    "unfinished",
                    f"{finding.address} was begun by an interrupted apply: the next apply takes it up by itself",
                )
            )
        elif other is not None and finding.thing.scope != scope and finding.key in other.resources:
            diagnostics.append(
                error(
                    "recorded-elsewhere",
                    f"{finding.address} is recorded as {finding.thing.scope}'s: two would manage it",
                    expected=f"`dpaas state rm {finding.address}` for that scope first",
                )
            )
        elif finding.address in recorded or len(same) > 1:
            diagnostics.append(_doubled(request, finding, same, is_recorded=finding.address in recorded))
        else:
            chosen.append(finding)
    return chosen, [*dict.fromkeys(diagnostics), *_untold(discovery, chosen, sources)]


def _is_recorded(finding: Finding, snapshot: Snapshot) -> bool:
    """A generated secret is told by where it is stored: no platform knows its instance, and a move leaves its name."""
    if finding.region != SECRETS_REGION:
        return finding.key in snapshot.resources
    stored_as = finding.thing.remote_id
    return any(
        record.region == SECRETS_REGION and record.remote_id == stored_as for record in snapshot.resources.values()
    )


def _unknown_scope(
    request: AdoptionRequest, discovery: Discovery, other: Snapshot | None, *, free: Sequence[Finding]
) -> list[Diagnostic]:
    """A warning when `from_scope` has neither things nor a state. No error: after a crash everything of it may have
    been taken over already, and the import that is made again then succeeds."""
    known = sorted({str(finding.thing.scope) for finding in discovery.findings})
    asked = request.from_scope
    if asked is None or free or str(asked) in known or (other is not None and other.serial):
        return []
    held = f"the regions hold things of {', '.join(known)}" if known else "the regions hold nothing of any scope"
    return [
        warning("unknown-scope", f"there is no scope {asked}: {held}", suggestion=nearest(str(asked), known)),
    ]


def _missing(
    request: AdoptionRequest,
    discovery: Discovery,
    *,
    named: Sequence[Finding],
    ours: Sequence[Finding],
    free: Sequence[Finding],
) -> list[Diagnostic]:
    """When there is nothing to record: an error for what was named, a remark for all that others have."""
    if free:
        return []
    what = str(request.address) if request.address is not None else ", ".join(sorted(request.apps))
    if ours:
        return [] if request.is_for_all else [error("already-recorded", f"{what} is recorded already")]
    owners = sorted({str(finding.thing.scope) for finding in named})
    if owners:
        told = note if request.is_for_all else error
        summary = (
            f"what the regions hold is {', '.join(owners)}'s" if request.is_for_all else f"{what} is {owners[0]}'s"
        )
        return [told("anothers", summary, expected=f"--from-scope {owners[0]}, to take it over")]
    if request.is_for_all:
        return []
    known = {str(finding.address) if request.address else finding.address.app for finding in discovery.findings}
    where = f" as {request.id}" if request.id else ""
    return [error("not-found", f"no region holds {what}{where}", suggestion=nearest(what, known))]


def _doubled(request: AdoptionRequest, finding: Finding, same: Sequence[Finding], *, is_recorded: bool) -> Diagnostic:
    """Nobody but a person can tell which of two is the right one."""
    told = warning if request.is_for_all else error
    if is_recorded:
        return told(
            "recorded-as-another",
            f"{finding.address} is recorded as another one than {finding.thing.instance} in region {finding.region}",
            expected=f"`dpaas state rm {finding.address}` first, if this is the one to manage",
        )
    ids = ", ".join(sorted(one.thing.instance for one in same))
    return told(
        "more-than-one",
        f"there is more than one {finding.address}: {ids}",
        expected=f"`dpaas import {finding.address} ID`, with one of these",
    )


def _untold(discovery: Discovery, chosen: Sequence[Finding], sources: Mapping[str, SecretSource]) -> list[Diagnostic]:
    """Secrets that what is adopted uses, and whose values are lost: what happens next is told for each."""
    used = {ref.name for finding in chosen for ref in secret_refs(finding.thing.attributes)}
    found: list[Diagnostic] = []
    for ref in discovery.untold:
        if ref.name not in used:
            continue
        maker = maker_of(ref.name)
        if maker is None:
            expected = f"{_place(ref.name, sources.get(ref.name))} with the value that is in use"
        elif maker[0].type == "secret":
            expected = f"the next apply to make another value for {maker[0].app}'s {maker[0].name}, and a new release"
        else:
            continue  # an add-on tells its own outputs when it is next applied
        found.append(warning("untold-secret", f"the platform does not tell the value of {ref.name}", expected=expected))
    return found


def _place(name: str, source: SecretSource | None) -> str:
    """Where a person gives the secret its value: `dpaas secrets set` refuses what comes from elsewhere."""
    match source:
        case SecretFromEnvironment(env=variable):
            return f"the environment variable {variable}"
        case SecretFromFile(file=path):
            return f"the file {path}"
        case _:
            return f"`dpaas secrets set {name}`"
