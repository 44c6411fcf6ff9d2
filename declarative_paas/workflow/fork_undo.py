"""`dpaas fork undo`: exactly what a fork made, destroyed again, and the manifest that `dpaas fork` wrote."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.diagnostic import Diagnostic, error, nearest
from declarative_paas.core.links import LINK_TYPE
from declarative_paas.core.state import Snapshot
from declarative_paas.workflow.deploy import Planned, PlanRequest, plan_changes
from declarative_paas.workflow.project import Project
from declarative_paas.workflow.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Undoing:
    """`file` declares the fork; `alone`: nothing else stands in it."""

    name: str
    file: Path
    alone: bool


def find_fork(project: Project, name: str) -> tuple[Undoing | None, list[Diagnostic]]:
    """The declared fork of that name, or why it cannot be undone."""
    forks = {app.name: app for app in project.manifests.apps if app.fork is not None}
    app = forks.get(name)
    if app is None:
        return None, [
            error(
                "unknown-fork",
                f"no fork {name!r} is declared",
                expected="the name of a Fork; `dpaas destroy --target NAME` destroys what the manifests lost",
                suggestion=nearest(name, forks),
            )
        ]
    above = sorted(other.name for other in forks.values() if other.fork is not None and other.fork.source == name)
    if above:
        return None, [
            error(
                "fork-has-forks",
                f"{', '.join(above)} {'is a fork' if len(above) == 1 else 'are forks'} of {name}",
                app.position(),
                expected=f"`dpaas fork undo {above[0]}` first",
            )
        ]
    path = Path(app.file)
    return Undoing(name=name, file=path, alone=_documents(path) == 1), []


def plan_undo(world: World, undoing: Undoing, confirmed: Sequence[ResourceAddress]) -> Planned:
    """The plan that destroys what the fork made, and nothing else. Raises StateError."""
    snapshot = world.store.snapshot(world.project.scope)
    recorded: Collection[str] = {address.app for address, _ in snapshot.resources}
    begun = {intent.address.app for intent in snapshot.intents}
    links = list(_links_of(undoing.name, snapshot))
    targets = [undoing.name, *map(str, links)] if undoing.name in {*recorded, *begun} else []
    # Without a target a plan would destroy everything; excluding every other app leaves nothing to do.
    excludes = [] if targets else sorted({*recorded, *begun})
    planned = plan_changes(
        world, PlanRequest(destroy=True, targets=targets, excludes=excludes, confirmed=list(confirmed))
    )
    changed = {change.address for change in planned.plan.changes} if planned.plan else set[ResourceAddress]()
    others = sorted({address.app for address in changed.difference(links)} - {undoing.name})
    if not others:
        return planned
    refusal = error(
        "fork-in-use",
        f"{', '.join(others)} would lose what {undoing.name} gives",
        expected=f"manifests of {', '.join(others)} that do not refer to {undoing.name} or attach its add-ons, applied",
    )
    return replace(planned, diagnostics=[*planned.diagnostics, refusal])


def _links_of(fork: str, snapshot: Snapshot) -> Iterator[ResourceAddress]:
    """The links that nothing but this fork uses."""
    users: dict[ResourceAddress, set[str]] = {}
    for record in snapshot.resources.values():
        for needed in record.dependencies:
            if needed.type == LINK_TYPE:
                users.setdefault(needed, set()).add(record.address.app)
    yield from sorted(link for link, apps in users.items() if apps == {fork})


def forget_manifest(undoing: Undoing) -> str:
    """Removes the fork's file, when the fork is all that stands in it; what was done, in words. Raises OSError."""
    if undoing.alone:
        undoing.file.unlink(missing_ok=True)
        return f"removed {undoing.file}"
    return f"{undoing.file} declares more than {undoing.name}: take its Fork out, or the next apply makes it again"


def _documents(path: Path) -> int:
    with path.open(encoding="utf-8") as file:
        return sum(isinstance(node, yaml.MappingNode) for node in yaml.compose_all(file, Loader=yaml.SafeLoader))
