"""A plan of what a change can have an effect on, and of nothing else: for repositories of many apps."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from declarative_paas import __version__
from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.plan import Plan
from declarative_paas.core.resource import Resource
from declarative_paas.core.state import Snapshot
from declarative_paas.manifest.load import SUFFIXES
from declarative_paas.manifest.platform_models import SecretFromEncryptedFile, SecretFromFile
from declarative_paas.plan.affected import affected_apps
from declarative_paas.workflow.deploy import Planned, PlanRequest, plan_changes
from declarative_paas.workflow.git_changes import Checkout
from declarative_paas.workflow.project import Project
from declarative_paas.workflow.world import World

_DOCUMENTS: Final = (".md", ".rst", ".txt", ".adoc", ".png", ".jpg", ".svg")


@dataclass(frozen=True, slots=True, kw_only=True)
class Affected:
    """`apps` that are planned, sorted; None: all of them, because of `why`."""

    apps: tuple[str, ...] | None
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """`everything` is not empty, and says why, where the apps cannot be told."""

    apps: frozenset[str] = frozenset()
    everything: str = ""


def plan_affected(
    world: World, request: PlanRequest, base: str, others: Collection[Path] = ()
) -> tuple[Planned, Affected]:
    """Plans the apps that differ from the commit `base`, and their dependents. Raises StateError, GitError."""
    project = world.project
    touched = touched_apps(project, Checkout.around(project.directory), base, others)
    if touched.everything:
        return plan_changes(world, request), Affected(apps=None, why=touched.everything)
    affected = Affected(apps=None, why="mistakes")

    def choose(desired: Mapping[ResourceAddress, Resource], snapshot: Snapshot) -> Collection[str] | None:
        nonlocal affected
        known = {address.app for address in desired} | {address.app for address, _ in snapshot.resources}
        wanted = {address: resource.dependencies() for address, resource in desired.items()}
        recorded = {record.address: record.dependencies for record in snapshot.resources.values()}
        apps = affected_apps(touched.apps | _undeclared(project, snapshot), wanted, recorded) & known
        affected = Affected(apps=tuple(sorted(apps)))
        return affected.apps or None

    planned = plan_changes(world, request, choose)
    if affected.apps == ():
        planned = replace(planned, plan=_nothing(project, planned.snapshot), diagnostics=[])
    return planned, affected


def touched_apps(project: Project, checkout: Checkout, base: str, others: Collection[Path] = ()) -> Touched:
    """The apps that a changed file belongs to; everything, where a file can concern any. Raises GitError.

    `others` are files beside the manifests that were read for every app: those of `--var-file`.
    """
    sources = _by_directory(project, checkout.root)
    declared = {_inside(checkout.root, Path(app.file)) for app in project.manifests.apps}
    home = _inside(checkout.root, project.directory)
    common = {_inside(checkout.root, path) for path in (*others, *_secret_files(project))}
    apps: set[str] = set()
    for path in checkout.changed_since(base):
        owners = {
            name
            for directory, names in sources.items()
            # A submodule changes as a whole, with every source below it.
            if _below(path, directory) or _below(directory, path)
            for name in names
        }
        apps |= owners
        if path in common:
            return Touched(everything=f"{path} can concern every app")
        if path not in declared and (owners or not _below(path, home) or _is_harmless(path, home)):
            continue
        if not path.endswith(SUFFIXES) and not (checkout.root / path).exists():
            continue  # what is gone, and in no source, was in that of an app that is gone
        named = _named(checkout, base, path)
        if named is None:
            return Touched(everything=f"{path} can concern every app")
        apps |= named
    return Touched(apps=frozenset(_with_forks(project, apps)))


def _secret_files(project: Project) -> Iterator[Path]:
    """Files that secrets come from, whatever their names are."""
    for source in (project.manifests.platform.spec.secrets or {}).values():
        match source:
            case SecretFromFile(file=name) | SecretFromEncryptedFile(encrypted=name):
                yield project.directory / name
            case _:
                pass


def _is_harmless(path: str, home: str) -> bool:
    """Documents, and what lies in hidden directories: no plan reads them."""
    below = path if home in ("", ".") else path.removeprefix(f"{home}/")
    return path.endswith(_DOCUMENTS) or any(part.startswith(".") for part in below.split("/"))


def _named(checkout: Checkout, base: str, path: str) -> set[str] | None:
    """The apps that a file declares or changes, now and at the base; None when it is, or was, about anything else."""
    import yaml

    apps: set[str] = set()
    for text in (checkout.text_at(base, path), _read(checkout.root / path)):
        if text is None:
            continue
        try:
            documents = [item for item in yaml.load_all(text, Loader=_loader()) if item is not None]
        except (yaml.YAMLError, ValueError):
            return None
        for document in documents:
            match document:
                case {"kind": "App" | "Fork", "metadata": {"name": str(name)}}:
                    apps.add(name)
                case _:
                    return None
    return apps


def _loader() -> Any:
    """The loader in C where there is one: it is ten times faster."""
    import yaml

    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _with_forks(project: Project, apps: set[str]) -> set[str]:
    """A fork is what its source is, but for what it says itself."""
    found = set(apps)
    while more := {
        app.name
        for app in project.manifests.apps
        if app.fork is not None and app.fork.source in found and app.name not in found
    }:
        found |= more
    return found


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError):
        return "unreadable"  # whatever is in it, it is no App: everything is planned


def _by_directory(project: Project, root: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for app in project.manifests.apps:
        directory = app.source_directory
        if directory is not None:
            found.setdefault(_inside(root, directory), []).append(app.name)
    return found


def _undeclared(project: Project, snapshot: Snapshot) -> set[str]:
    """Recorded apps that no manifest declares any more: whichever file they stood in, they are to be looked at."""
    declared = {app.name for app in project.manifests.apps}
    return {address.app for address, _ in snapshot.resources} - declared


def _nothing(project: Project, snapshot: Snapshot) -> Plan:
    """The change touches no app: a plan without changes, of nothing."""
    return Plan(
        scope=project.scope,
        lineage=snapshot.lineage,
        serial=snapshot.serial,
        tool_version=__version__,
        catalog_digest=project.catalog.digest,
    )


def _inside(root: Path, path: Path) -> str:
    """From the checkout's root, with forward slashes; a path outside it stays absolute, and matches nothing."""
    whole = path.resolve()
    base = root.resolve()
    return whole.relative_to(base).as_posix() if whole.is_relative_to(base) else whole.as_posix()


def _below(path: str, directory: str) -> bool:
    return directory in ("", ".") or path == directory or path.startswith(f"{directory}/")


def remarks(affected: Affected, base: str) -> Iterator[str]:
    """How much of the platform a plan is about, in a sentence."""
    if affected.apps is None:
        yield f"Planned: everything, for {affected.why}."
    elif not affected.apps:
        yield f"Planned: nothing, for the change since {base[:12]} touches no app."
    else:
        yield f"Planned: what the change since {base[:12]} can have an effect on: {_some(affected.apps)}."


def _some(apps: Sequence[str]) -> str:
    return ", ".join(apps[:8]) + (f" and {len(apps) - 8} more apps" if len(apps) > 8 else "")
