"""`dpaas promote`: the word `follow` in a fork's manifest becomes `copy`, and the plan that this makes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.diagnostic import Diagnostic, Position, error, has_errors, nearest
from declarative_paas.core.following import FOLLOWER_TYPE
from declarative_paas.core.links import LINK_TYPE
from declarative_paas.core.state import Snapshot
from declarative_paas.manifest.manifests import AppManifest
from declarative_paas.workflow.project import Project

_WORD: Final = re.compile(r"""(["']?)follow\1(?![\w-])""")
"""As it may stand in a manifest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestEdit:
    """One file before and after."""

    path: Path
    before: str
    after: str

    def write(self) -> None:
        """Raises OSError."""
        self.path.write_bytes(self.after.encode())

    def undo(self) -> None:
        """Puts back what was there. Raises OSError."""
        self.path.write_bytes(self.before.encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """What is to be promoted of a fork, and the edits of its manifests that say so."""

    app: str
    aliases: tuple[str, ...]
    edits: tuple[ManifestEdit, ...]

    def targets(self, snapshot: Snapshot) -> list[str]:
        """What its plan is limited to: the fork, and the links that it may not need any more."""
        followers = {ResourceAddress(FOLLOWER_TYPE, self.app, alias) for alias in self.aliases}
        links = {
            str(needed)
            for record in snapshot.resources.values()
            if record.address in followers
            for needed in record.dependencies
            if needed.type == LINK_TYPE
        }
        return [self.app, *sorted(links)]


def draft_promotion(project: Project, name: str, aliases: Sequence[str]) -> tuple[Promotion | None, list[Diagnostic]]:
    """The edits, or everything that is wrong with the wish. Without aliases it is all that follows. Writes nothing."""
    apps = {app.name: app for app in project.manifests.apps}
    app = apps.get(name)
    if app is None or app.fork is None:
        forks = [found.name for found in apps.values() if found.fork is not None]
        summary = f"there is no app {name!r}" if app is None else f"{name} is no fork, so that it follows nothing"
        expected = f"one of {', '.join(forks)}" if forks else "a fork with `data: {ALIAS: follow}`"
        return None, [error("unknown-fork", summary, expected=expected, suggestion=nearest(name, forks))]
    following = [alias for alias, mode in app.fork.data.items() if mode == "follow"]
    diagnostics = [_follows_not(app, alias, following) for alias in aliases if alias not in following]
    if not aliases and not following:
        diagnostics.append(_follows_not(app, None, following))
    chosen = tuple(dict.fromkeys(aliases or following))
    if has_errors(diagnostics):
        return None, diagnostics
    edits, mistakes = _edits({alias: app.fork.manifest.position("data", alias) for alias in chosen})
    if mistakes:
        return None, mistakes
    return Promotion(app=name, aliases=chosen, edits=tuple(edits)), []


def _follows_not(app: AppManifest, alias: str | None, following: Sequence[str]) -> Diagnostic:
    return error(
        "follows-not",
        f"{'nothing' if alias is None else alias} of {app.name} follows by its manifest",
        app.position(),
        expected=f"one of {', '.join(following)}" if following else "data: {ALIAS: follow} in the fork",
        suggestion=None if alias is None else nearest(alias, following),
    )


def _edits(places: Mapping[str, Position]) -> tuple[list[ManifestEdit], list[Diagnostic]]:
    by_file: dict[str, list[tuple[str, Position]]] = {}
    for alias, place in places.items():
        by_file.setdefault(place.file, []).append((alias, place))
    edits: list[ManifestEdit] = []
    mistakes: list[Diagnostic] = []
    for file, found in sorted(by_file.items()):
        path = Path(file)
        # Line ends stay as they are.
        before = path.read_bytes().decode("utf-8")
        lines = before.splitlines(keepends=True)
        for alias, place in sorted(found, key=lambda item: (item[1].line, item[1].column), reverse=True):
            mistakes += _replaced(lines, alias, place)
        edits.append(ManifestEdit(path=path, before=before, after="".join(lines)))
    return edits, mistakes


def _replaced(lines: list[str], alias: str, place: Position) -> Iterator[Diagnostic]:
    line, start = lines[place.line - 1], place.column - 1
    found = _WORD.match(line, start)
    if found is None:
        yield error(
            "not-written-so",
            f"the manifest does not say `follow` of {alias} by that word alone",
            place,
            expected="an edit by hand: `copy` in its place, then `dpaas plan`",
        )
        return
    lines[place.line - 1] = f"{line[:start]}copy{line[found.end() :]}"
