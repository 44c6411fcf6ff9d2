"""What a plan must satisfy, and tell, because of the forks in it. Every plan comes by here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.diagnostic import Diagnostic, error, note
from declarative_paas.core.plan import Action, Plan
from declarative_paas.core.resource import InstanceStatus, Resource
from declarative_paas.core.state import Snapshot
from declarative_paas.core.values import SecretRef, Sensitive
from declarative_paas.manifest.manifests import AppManifest
from declarative_paas.workflow.copies import data_copies
from declarative_paas.workflow.fork_admission import ForkAdmission
from declarative_paas.workflow.fork_credentials import ForkGuard
from declarative_paas.workflow.fork_review import ForkReviewer
from declarative_paas.workflow.secret_sources import NOT_STORED, SourcedSecrets

if TYPE_CHECKING:
    from declarative_paas.workflow.world import World


def guard_of(world: World, sourced: SourcedSecrets) -> ForkGuard:
    """The guard of the project's forks, by the secrets that are stored and those that were taken from sources."""

    def opened(ref: SecretRef) -> Sensitive | None:
        return sourced.values.get(ref.name) if ref.version == NOT_STORED else world.secrets.get(ref)

    return ForkGuard(apps={app.name: app for app in world.project.manifests.apps}, open_secret=opened)


def admission_of(world: World, sourced: SourcedSecrets) -> ForkAdmission:
    """What an apply asks before each step."""
    copies = data_copies(world.providers, world.clock)
    scope = world.project.scope
    return ForkAdmission(guard=guard_of(world, sourced), settle=lambda record: copies.settle(scope, record))


def with_forks(
    world: World,
    plan: Plan,
    desired: Mapping[ResourceAddress, Resource],
    snapshot: Snapshot,
    sourced: SourcedSecrets,
    jurisdictions: Mapping[str, str],
    *,
    ask: bool,
) -> tuple[Plan, list[Diagnostic]]:
    """The plan with what its reviewer is told of its forks, and what is wrong with them. Raises StateError."""
    apps = {app.name: app for app in world.project.manifests.apps}
    if plan.destroy or all(app.fork is None for app in apps.values()):
        return plan, []
    leaks, common = guard_of(world, sourced).planned(desired, snapshot)
    reviewer = ForkReviewer(
        plan=plan,
        snapshot=snapshot,
        apps=apps,
        providers=world.providers,
        jurisdictions=jurisdictions,
        common_secrets=common,
        ask=ask,
    )
    reviews, silent = reviewer.reviews()
    return replace(plan, forks=reviews), [*leaks, *copy_rules(apps, plan, snapshot), *silent]


def copy_rules(apps: Mapping[str, AppManifest], plan: Plan, snapshot: Snapshot) -> Iterator[Diagnostic]:
    """A copy is made before its fork first runs, or never; and once made, it is the fork's own data."""
    anew = {change.address for change in plan.changes if change.action in (Action.CREATE, Action.REPLACE)}
    for change in plan.changes:
        address = change.address
        app = apps.get(address.app)
        if address.type != "data_copy" or app is None or app.fork is None:
            continue
        target = ResourceAddress("addon", address.app, address.name)
        if change.action is Action.CREATE and target not in anew and _in_use(snapshot, target):
            yield error(
                "fork-data-in-use",
                f"{address.app} has run with its own {address.name}: a copy would go into a database that is in use",
                change.position,
                expected=f"data: {{{address.name}: empty}}, or a new add-on: --replace {target}, which loses its data",
                address=str(target),
            )
        if change.action is Action.DELETE:
            yield note(
                "fork-data-kept",
                f"{address.name} of {address.app} keeps the data that was copied: "
                "what becomes of it is said once, before the fork first runs",
                app.position(),
                address=str(address),
            )


def _in_use(snapshot: Snapshot, target: ResourceAddress) -> bool:
    """Whether the app has had a release with this add-on: before that, nothing but a copy can have written to it."""
    release = ResourceAddress("release", target.app)
    for (address, _), record in snapshot.resources.items():
        if address == release and record.status is InstanceStatus.CURRENT:
            attachments = record.attributes.get("attachments")
            # A release that went back to an earlier one does not tell what that one had.
            return attachments is None or target.name in attachments
    return False
