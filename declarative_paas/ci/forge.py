"""What plan and apply need of a forge: changes, one comment, statuses of commits, labels, branches."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol


class State(Enum):
    """Of a commit's status. GitLab calls a failure `failed`."""

    PENDING = "pending"
    SUCCESS = "success"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A pull request, or merge request: `head` is the last commit of its branch, `base` the branch it goes to."""

    number: int
    head: str
    base: str
    is_fork: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """`is_ours`: written with this token, or by a bot where nobody can tell whose token it is."""

    id: int
    body: str
    is_ours: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What stands at a commit: `context` names which of its statuses, `description` is ours."""

    context: str
    state: State
    description: str
    link: str | None = None


class Forge(Protocol):
    """GitHub, GitLab or Gitea. Every method raises ForgeError."""

    @property
    def description_limit(self) -> int:
        """Characters that the description of a status may have."""
        ...

    def comments(self, proposal: int) -> Sequence[Comment]:
        """All of them, oldest first."""
        ...

    def add_comment(self, proposal: int, body: str) -> None:
        """Raises MaybeDone when nobody knows whether it is there."""
        ...

    def edit_comment(self, proposal: int, comment: int, body: str) -> None: ...

    def statuses(self, commit: str, context: str) -> Sequence[Status]:
        """Of one context, the newest first."""
        ...

    def set_status(self, commit: str, status: Status) -> None: ...

    def branch_head(self, branch: str) -> str: ...

    def merged_by(self, commit: str) -> Proposal | None:
        """The proposal that brought a commit to its branch; None for one that was pushed there."""
        ...

    def set_labels(self, proposal: int, wanted: Collection[str], ours: Collection[str]) -> None:
        """Of `ours` exactly the wanted ones are on it afterwards; others are left alone."""
        ...
