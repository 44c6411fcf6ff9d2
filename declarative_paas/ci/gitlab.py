"""GitLab's REST API, version 4. https://docs.gitlab.com/api/rest/"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from declarative_paas.ci.forge import Comment, Proposal, State, Status
from declarative_paas.ci.http import Client

_OURS: Final = {State.PENDING: "pending", State.SUCCESS: "success", State.FAILURE: "failed"}
_THEIRS: Final = {"pending": State.PENDING, "running": State.PENDING, "success": State.SUCCESS}
_LONGEST_LINK: Final = 255
"""Characters; a status with a longer one is refused, and one without any tells as much."""


@dataclass(frozen=True, slots=True)
class GitLab:
    """One project, by its number or `group/name`."""

    client: Client
    project: str

    @property
    def description_limit(self) -> int:
        return 255

    @property
    def _at(self) -> str:
        return f"/projects/{quote(self.project, safe='')}"

    def comments(self, proposal: int) -> Sequence[Comment]:
        me = self.client.get("/user")["id"]
        notes = self.client.pages(f"{self._at}/merge_requests/{proposal}/notes", sort="asc", order_by="created_at")
        return [
            Comment(id=note["id"], body=note.get("body") or "", is_ours=note["author"]["id"] == me)
            for note in notes
            if not note.get("system")
        ]

    def add_comment(self, proposal: int, body: str) -> None:
        self.client.send("POST", f"{self._at}/merge_requests/{proposal}/notes", {"body": body}, once=True)

    def edit_comment(self, proposal: int, comment: int, body: str) -> None:
        self.client.send("PUT", f"{self._at}/merge_requests/{proposal}/notes/{comment}", {"body": body})

    def statuses(self, commit: str, context: str) -> Sequence[Status]:
        found = self.client.pages(
            f"{self._at}/repository/commits/{quote(commit, safe='')}/statuses", name=context, all="true"
        )
        ours = [item for item in found if item.get("name") == context]
        return [_status(item) for item in sorted(ours, key=lambda item: -int(item["id"]))]

    def set_status(self, commit: str, status: Status) -> None:
        body: dict[str, Any] = {
            "state": _OURS[status.state],
            "name": status.context,
            "description": status.description,
        }
        if status.link and len(status.link) <= _LONGEST_LINK:
            body["target_url"] = status.link
        self.client.send("POST", f"{self._at}/statuses/{quote(commit, safe='')}", body)

    def branch_head(self, branch: str) -> str:
        return str(self.client.get(f"{self._at}/repository/branches/{quote(branch, safe='')}")["commit"]["id"])

    def merged_by(self, commit: str) -> Proposal | None:
        found = self.client.pages(f"{self._at}/repository/commits/{quote(commit, safe='')}/merge_requests")
        merged = [item for item in found if item.get("state") == "merged" and _brought(item, commit)]
        if not merged:
            return None
        item = merged[0]
        return Proposal(
            number=item["iid"],
            head=item["sha"],
            base=item["target_branch"],
            is_fork=item["source_project_id"] != item["target_project_id"],
        )

    def set_labels(self, proposal: int, wanted: Collection[str], ours: Collection[str]) -> None:
        body = {"add_labels": sorted(wanted), "remove_labels": sorted(set(ours) - set(wanted))}
        given = {name: value for name, value in body.items() if value}
        if given:
            self.client.send("PUT", f"{self._at}/merge_requests/{proposal}", given)


def _brought(item: Mapping[str, Any], commit: str) -> bool:
    return commit in (item.get("merge_commit_sha"), item.get("squash_commit_sha"), item.get("sha"))


def _status(item: Mapping[str, Any]) -> Status:
    return Status(
        context=item["name"],
        state=_THEIRS.get(item["status"], State.FAILURE),
        description=item.get("description") or "",
        link=item.get("target_url"),
    )
