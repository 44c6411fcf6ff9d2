"""What a plan must satisfy, and tell, because of the forks in it. Every plan comes by here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.diagnostic import Diagnostic, error, note, warning
from declarative_paas.core.following import FOLLOWER_TYPE, follows
from declarative_paas.core.plan import Action, Change, Plan
from declarative_paas.core.resource import InstanceStatus, Resource
from declarative_paas.core.state import Snapshot
from declarative_paas.core.values import SecretRef, Sensitive
from declarative_paas.manifest.manifests import AppManifest
from declarative_paas.workflow.copies import data_copies
from declarative_paas.workflow.fork_admission import ForkAdmission
from declarative_paas.workflow.fork_credentials import ForkGuard
from declarative_paas.workflow.fork_review import ForkReviewer
from declarative_paas.workflow.fork_sharing import shared_release
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
    rules = [*copy_rules(apps, plan, desired, snapshot), *shared_release(apps, plan)]
    return replace(plan, forks=reviews), [*leaks, *rules, *silent]


def copy_rules(
    apps: Mapping[str, AppManifest], plan: Plan, desired: Mapping[ResourceAddress, Resource], snapshot: Snapshot
) -> Iterator[Diagnostic]:
    """Data is brought before its fork first runs, or never; and once brought, it stays the fork's own.

    `follow` becomes `copy` by a promotion, and nothing becomes `follow` again.
    """
    changes = {change.address: change for change in plan.changes}
    anew = {address for address, change in changes.items() if change.action in (Action.CREATE, Action.REPLACE)}
    for change in plan.changes:
        address = change.address
        app = apps.get(address.app)
        if address.type not in ("data_copy", FOLLOWER_TYPE) or app is None or app.fork is None:
            continue
        target = ResourceAddress("addon", address.app, address.name)
        came_otherwise = _other_way(address) in changes and target not in anew
        if change.action is Action.CREATE and target not in anew and (came_otherwise or _in_use(snapshot, target)):
            yield _taken(app, change, target)
        if address.type == FOLLOWER_TYPE and _resumes(change):
            yield _taken(app, change, target)
        if change.action is Action.DELETE and target in desired and target not in anew:
            yield _ended(app, change)
        release = desired.get(ResourceAddress("release", address.app))
        if address.type == FOLLOWER_TYPE and _begins(change) and release is not None:
            yield from _writes_too_early(app, address, release)


def _other_way(address: ResourceAddress) -> ResourceAddress:
    """What brings the same data the other way: copied once, or followed."""
    kind = "data_copy" if address.type == FOLLOWER_TYPE else FOLLOWER_TYPE
    return ResourceAddress(kind, address.app, address.name)


def _begins(change: Change) -> bool:
    return change.action in (Action.CREATE, Action.REPLACE) and follows(change.after or {})


def _resumes(change: Change) -> bool:
    """Whether a promoted one is to follow again."""
    return change.action is Action.UPDATE and follows(change.after or {}) and not follows(change.before or {})


def _taken(app: AppManifest, change: Change, target: ResourceAddress) -> Diagnostic:
    assert app.fork is not None, "asked of forks only"
    what = "what it follows would write" if app.fork.data.get(target.name) == "follow" else "a copy would go"
    kept = "copy" if change.address.type == FOLLOWER_TYPE and change.before is not None else "empty"
    return error(
        "fork-data-in-use",
        f"{app.name} has a {target.name} of its own by now: {what} into a database that is in use",
        change.position,
        expected=f"data: {{{target.name}: {kept}}}, or a new add-on: --replace {target}, which loses its data",
        address=str(target),
    )


def _ended(app: AppManifest, change: Change) -> Diagnostic:
    alias = change.address.name
    if change.address.type == FOLLOWER_TYPE and follows(change.before or {}):
        return error(
            "fork-data-follows",
            f"{alias} of {app.name} follows, and cannot become empty",
            app.position() if app.fork is None else app.fork.manifest.position("data", alias),
            expected=f"data: {{{alias}: copy}}, which makes it {app.name}'s own with what is in it; "
            f"or a new add-on: --replace addon.{app.name}/{alias}",
            address=str(change.address),
        )
    return note(
        "fork-data-kept",
        f"{alias} of {app.name} keeps the data that was brought: "
        "what becomes of it is said once, before the fork first runs",
        app.position(),
        address=str(change.address),
    )


def _writes_too_early(app: AppManifest, address: ResourceAddress, release: Resource) -> Iterator[Diagnostic]:
    command = release.attributes.get("command")
    if command:
        yield warning(
            "follow-release",
            f"{app.name} keeps the release command {command!r}, and {address.name} takes no writes yet",
            app.position("release"),
            expected='`release: null` in the fork until it is promoted (`release: "true"` where a Procfile has the '
            "command), unless the command only reads",
            address=str(release.address),
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
