"""GitHub's REST API, version 2022-11-28. https://docs.github.com/rest"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from declarative_paas.ci.forge import Comment, Proposal, State, Status
from declarative_paas.ci.http import Client, ForgeError

_STATES: Final = {"error": State.FAILURE, **{state.value: state for state in State}}


@dataclass(frozen=True, slots=True)
class GitHub:
    """One repository, `owner/name`."""

    client: Client
    repository: str

    @property
    def description_limit(self) -> int:
        return 140

    @property
    def _at(self) -> str:
        return f"/repos/{quote(self.repository)}"

    def comments(self, proposal: int) -> Sequence[Comment]:
        me = self.whoami()
        found = self.client.pages(f"{self._at}/issues/{proposal}/comments", self.page_size)
        return [comment_of(item, me) for item in found]

    def add_comment(self, proposal: int, body: str) -> None:
        self.client.send("POST", f"{self._at}/issues/{proposal}/comments", {"body": body}, once=True)

    def edit_comment(self, proposal: int, comment: int, body: str) -> None:
        self.client.send("PATCH", f"{self._at}/issues/comments/{comment}", {"body": body})

    def statuses(self, commit: str, context: str) -> Sequence[Status]:
        found = self.client.pages(f"{self._at}/commits/{quote(commit)}/statuses", self.page_size)
        return [_status(item) for item in found if item.get("context") == context]

    def set_status(self, commit: str, status: Status) -> None:
        body: dict[str, Any] = {
            "state": status.state.value,
            "context": status.context,
            "description": status.description,
            **({"target_url": status.link} if status.link else {}),
        }
        self.client.send("POST", f"{self._at}/statuses/{quote(commit)}", body)

    def branch_head(self, branch: str) -> str:
        return str(self.client.get(f"{self._at}/branches/{quote(branch, safe='')}")["commit"]["sha"])

    def merged_by(self, commit: str) -> Proposal | None:
        merged = [
            item
            for item in self.client.pages(f"{self._at}/commits/{quote(commit)}/pulls", self.page_size)
            if item.get("merged_at") and commit in (item.get("merge_commit_sha"), item["head"]["sha"])
        ]
        return _proposal(merged[0]) if merged else None

    def set_labels(self, proposal: int, wanted: Collection[str], ours: Collection[str]) -> None:
        labels = f"{self._at}/issues/{proposal}/labels"
        there = {item["name"] for item in self.client.pages(labels, self.page_size)}
        missing = sorted(set(wanted) - there)
        if missing:
            self.client.send("POST", labels, {"labels": missing})
        for name in sorted((set(ours) - set(wanted)) & there):
            self._take_off(labels, name)

    def whoami(self) -> int | None:
        """Who comments with this token; None for the token of a workflow, which may not ask."""
        try:
            return int(self.client.get("/user")["id"])
        except ForgeError as problem:
            if problem.status in (401, 403, 404):
                return None
            raise

    @property
    def page_size(self) -> str:
        """The name of the query's parameter."""
        return "per_page"

    def _take_off(self, labels: str, name: str) -> None:
        try:
            self.client.send("DELETE", f"{labels}/{quote(name, safe='')}")
        except ForgeError as problem:
            if problem.status != 404:  # somebody else was faster
                raise


def _is_ours(item: Mapping[str, Any], me: int | None) -> bool:
    user: Mapping[str, Any] | None = item.get("user")
    if user is None:
        return False
    return user.get("type") == "Bot" if me is None else user.get("id") == me


def _status(item: Mapping[str, Any]) -> Status:
    return Status(
        context=item["context"],
        # Gitea calls it `status`, GitHub `state`.
        state=_STATES.get(item.get("state") or item.get("status") or "", State.FAILURE),
        description=item.get("description") or "",
        link=item.get("target_url"),
    )


def _proposal(item: Mapping[str, Any]) -> Proposal:
    head, base = item["head"], item["base"]
    # The repository of a fork that was deleted since is null.
    theirs, ours = _repository(head), _repository(base)
    return Proposal(number=item["number"], head=head["sha"], base=base["ref"], is_fork=theirs != ours)


def _repository(side: Mapping[str, Any]) -> int | None:
    told: Mapping[str, Any] | None = side.get("repo")
    return None if told is None else told.get("id")


def comment_of(item: Mapping[str, Any], me: int | None) -> Comment:
    """`me` is who writes with this token, as far as it may tell."""
    return Comment(id=item["id"], body=item.get("body") or "", is_ours=_is_ours(item, me))


def proposal_of(item: Mapping[str, Any]) -> Proposal:
    """A pull request as the API and the webhooks tell it. Raises KeyError or TypeError on anything else."""
    return _proposal(item)
