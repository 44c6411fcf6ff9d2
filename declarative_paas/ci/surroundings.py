"""Which workflow of which forge this command runs in, read from what the forge puts into the environment."""

from __future__ import annotations

import json
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from declarative_paas.ci.forge import Forge, Proposal
from declarative_paas.ci.gitea import Gitea
from declarative_paas.ci.github import GitHub, proposal_of
from declarative_paas.ci.gitlab import GitLab
from declarative_paas.ci.http import Client
from declarative_paas.core.values import Sensitive, is_map


class SurroundingsError(Exception):
    """This is no workflow that the command knows, or what it needs of it is missing. Told for a person."""


class Platform(Enum):
    """The forges."""

    GITHUB = "GitHub"
    GITLAB = "GitLab"
    GITEA = "Gitea"


TOKENS: Final[Mapping[Platform, tuple[str, ...]]] = {
    Platform.GITHUB: ("DPAAS_CI_TOKEN", "GITHUB_TOKEN", "GH_TOKEN"),
    Platform.GITLAB: ("DPAAS_CI_TOKEN", "GITLAB_TOKEN"),
    Platform.GITEA: ("DPAAS_CI_TOKEN", "GITEA_TOKEN", "GITHUB_TOKEN"),
}
"""Variables that may hold the token, the first one that does counts. All are taken out of the environment."""

_NO_BRANCH: Final = "0" * 40
_MOST_OF_AN_EVENT: Final = 32 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One run of a workflow. `proposal` is the pull request it runs for, None on a branch.

    `commit` is what is to be checked out; `link` leads to the run, `browse` to the repository's pages.
    """

    platform: Platform
    api: str
    repository: str
    commit: str
    proposal: Proposal | None
    token: Sensitive | None
    link: str | None
    browse: str
    summary: Path | None = None
    outputs: Path | None = None

    def forge(self) -> Forge:
        """Raises SurroundingsError without a token, or with one that would go over the net in clear."""
        if self.token is None:
            names = " or ".join(TOKENS[self.platform])
            raise SurroundingsError(f"there is no token to report to {self.platform.value} with: set {names}")
        address = urlsplit(self.api)
        if address.scheme != "https" and not (address.scheme == "http" and _is_own_machine(address.hostname)):
            raise SurroundingsError(f"{self.api} is no https address: the token is not sent there")
        match self.platform:
            case Platform.GITHUB:
                accept = "application/vnd.github+json"
                client = Client(
                    base=self.api, token=self.token, authorization=("Authorization", "Bearer "), accept=accept
                )
                return GitHub(client, self.repository)
            case Platform.GITEA:
                client = Client(base=self.api, token=self.token, authorization=("Authorization", "token "))
                return Gitea(client, self.repository)
            case Platform.GITLAB:
                return GitLab(
                    Client(base=self.api, token=self.token, authorization=("PRIVATE-TOKEN", "")), self.repository
                )

    def file_base(self, commit: str) -> str:
        """Under which address a path leads to the file as it is in a commit."""
        match self.platform:
            case Platform.GITHUB:
                return f"{self.browse}/blob/{commit}"
            case Platform.GITLAB:
                return f"{self.browse}/-/blob/{commit}"
            case Platform.GITEA:
                return f"{self.browse}/src/commit/{commit}"


def job_around(environment: MutableMapping[str, str]) -> Job:
    """The job that the environment tells of. Raises SurroundingsError.

    The token's variables are taken out: what this command starts is to know nothing of it.
    """
    platform = _platform(environment)
    token = _take_token(environment, TOKENS[platform])
    return _gitlab(environment, token) if platform is Platform.GITLAB else _actions(platform, environment, token)


def _platform(environment: Mapping[str, str]) -> Platform:
    if environment.get("GITLAB_CI"):
        return Platform.GITLAB
    if environment.get("GITEA_ACTIONS") or environment.get("FORGEJO_ACTIONS"):
        return Platform.GITEA
    if environment.get("GITHUB_ACTIONS"):
        return Platform.GITHUB
    raise SurroundingsError(
        "this is no workflow of GitHub, GitLab or Gitea: `dpaas plan` and `dpaas apply` run anywhere"
    )


def _take_token(environment: MutableMapping[str, str], names: tuple[str, ...]) -> Sensitive | None:
    found = [environment.pop(name, "").strip() for name in names]
    text = next((token for token in found if token), None)
    return None if text is None else Sensitive(text)


def _is_own_machine(host: str | None) -> bool:
    return host in ("127.0.0.1", "::1", "localhost")


def _needed(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "").strip()
    if not value:
        raise SurroundingsError(f"the workflow sets no {name}")
    return value


def _actions(platform: Platform, environment: Mapping[str, str], token: Sensitive | None) -> Job:
    event = _event(Path(_needed(environment, "GITHUB_EVENT_PATH")))
    repository = _needed(environment, "GITHUB_REPOSITORY")
    browse = f"{_needed(environment, 'GITHUB_SERVER_URL').rstrip('/')}/{repository}"
    run = environment.get("GITHUB_RUN_ID")
    files = [environment.get(name) or None for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT")]
    return Job(
        platform=platform,
        api=_needed(environment, "GITHUB_API_URL"),
        repository=repository,
        commit=_needed(environment, "GITHUB_SHA"),
        proposal=_proposal(event),
        token=token,
        link=f"{browse}/actions/runs/{run}" if run else None,
        browse=browse,
        summary=None if files[0] is None else Path(files[0]),
        outputs=None if files[1] is None else Path(files[1]),
    )


def _event(path: Path) -> Mapping[str, Any]:
    try:
        with path.open("rb") as file:
            event: Any = json.loads(file.read(_MOST_OF_AN_EVENT))
    except OSError as problem:
        raise SurroundingsError(f"the event file {path} cannot be read: {problem.strerror}") from None
    except ValueError:
        raise SurroundingsError(f"the event file {path} is no JSON") from None
    if not is_map(event):
        raise SurroundingsError(f"the event file {path} holds no event")
    return event


def _proposal(event: Mapping[str, Any]) -> Proposal | None:
    told = event.get("pull_request")
    if told is None:
        return None
    try:
        return proposal_of(told)
    except (KeyError, TypeError, AttributeError):
        raise SurroundingsError("the event file tells of a pull request without its number, head and base") from None


def _gitlab(environment: Mapping[str, str], token: Sensitive | None) -> Job:
    number = environment.get("CI_MERGE_REQUEST_IID", "")
    proposal = None
    if number:
        if not number.isdigit():
            raise SurroundingsError(f"CI_MERGE_REQUEST_IID is no number: {number!r}")
        theirs = _needed(environment, "CI_MERGE_REQUEST_SOURCE_PROJECT_ID")
        proposal = Proposal(
            number=int(number),
            # Set in a pipeline of the merge result only; in others the branch itself is checked out.
            head=environment.get("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA") or _needed(environment, "CI_COMMIT_SHA"),
            base=_needed(environment, "CI_MERGE_REQUEST_TARGET_BRANCH_NAME"),
            is_fork=theirs != _needed(environment, "CI_MERGE_REQUEST_PROJECT_ID"),
        )
    return Job(
        platform=Platform.GITLAB,
        api=_needed(environment, "CI_API_V4_URL"),
        repository=_needed(environment, "CI_PROJECT_ID"),
        commit=_needed(environment, "CI_COMMIT_SHA"),
        proposal=proposal,
        token=token,
        link=environment.get("CI_JOB_URL"),
        browse=_needed(environment, "CI_PROJECT_URL"),
    )
