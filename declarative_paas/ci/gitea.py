"""Gitea's REST API, which is GitHub's but for what stands here. Forgejo has the same. /api/swagger of any server."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import quote

from declarative_paas.ci.forge import Comment, Proposal
from declarative_paas.ci.github import GitHub, comment_of, proposal_of
from declarative_paas.ci.http import ForgeError

_COLOUR: Final = "#6f42c1"
_ROBOTS: Final = frozenset({"gitea-actions", "forgejo-actions"})


@dataclass(frozen=True, slots=True)
class Gitea(GitHub):
    """One repository, `owner/name`. Labels have numbers here, and must be made before they are used."""

    @property
    def description_limit(self) -> int:
        return 255

    @property
    def page_size(self) -> str:
        return "limit"

    def comments(self, proposal: int) -> Sequence[Comment]:
        # All at once: this list has no pages, and would be the same one on each.
        me = self.whoami()
        found: list[Any] = self.client.get(f"{self._at}/issues/{proposal}/comments") or []
        return [_with_robots(comment_of(item, me), item, me) for item in found]

    def branch_head(self, branch: str) -> str:
        # A branch's name stands in the path as it is, slashes and all.
        return str(self.client.get(f"{self._at}/branches/{quote(branch)}")["commit"]["id"])

    def merged_by(self, commit: str) -> Proposal | None:
        try:
            found: Any = self.client.get(f"{self._at}/commits/{quote(commit)}/pull")
        except ForgeError as problem:
            if problem.status == 404:
                return None
            raise
        return proposal_of(found) if found.get("merged") else None

    def set_labels(self, proposal: int, wanted: Collection[str], ours: Collection[str]) -> None:
        labels = f"{self._at}/issues/{proposal}/labels"
        found: list[Any] = self.client.get(labels) or []
        there: dict[str, int] = {item["name"]: item["id"] for item in found}
        missing = sorted(set(wanted) - there.keys())
        if missing:
            known = {item["name"]: item["id"] for item in self.client.pages(f"{self._at}/labels", self.page_size)}
            numbers = [known[name] if name in known else self._make_label(name) for name in missing]
            self.client.send("POST", labels, {"labels": numbers})
        for name in sorted((set(ours) - set(wanted)) & there.keys()):
            self._take_off(labels, str(there[name]))

    def _make_label(self, name: str) -> int:
        made = self.client.send("POST", f"{self._at}/labels", {"name": name, "color": _COLOUR}).body
        return int(made["id"])


def _with_robots(comment: Comment, item: Mapping[str, Any], me: int | None) -> Comment:
    """A workflow's token may not ask who it is; what it writes stands under a name that nobody else can have."""
    user: Mapping[str, Any] = item.get("user") or {}
    return replace(comment, is_ours=True) if me is None and user.get("login") in _ROBOTS else comment
