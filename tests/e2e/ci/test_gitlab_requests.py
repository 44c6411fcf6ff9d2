"""What GitLab's description does not allow fails on the fake, and what the client sends is allowed by it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from fake_forge import TOKEN, FakeForge, Pull

from declarative_paas.ci.forge import State, Status
from declarative_paas.ci.gitlab import GitLab
from declarative_paas.ci.http import Client
from declarative_paas.core.values import Sensitive

SHA = "a" * 40


@pytest.fixture
def forge() -> Iterator[FakeForge]:
    made = FakeForge("gitlab", branches={"a/b": SHA}, pulls={1: Pull(1, SHA, "main")})
    try:
        yield made
    finally:
        made.close()


def client_of(forge: FakeForge) -> GitLab:
    client = Client(base=forge.api, token=Sensitive(TOKEN), authorization=("PRIVATE-TOKEN", ""))
    return GitLab(client, "acme/shop")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "merge_requests/one/notes", None),
        ("GET", "merge_requests/1/notes?per_page=101", None),
        ("GET", "merge_requests/1/notes?page=0", None),
        ("GET", "merge_requests/1/notes?sort=newest", None),
        ("GET", f"repository/commits/{SHA}/statuses?all=yes", None),
        ("GET", f"repository/commits/{SHA}/statuses?author=1", None),
        ("GET", f"repository/commits/{SHA}/merge_requests?state=open", None),
        ("GET", "repository/branches/a/b", None),
        ("POST", "merge_requests/1/notes", {"body": ""}),
        ("POST", "merge_requests/1/notes", {"body": "x" * 1_000_001}),
        ("POST", "merge_requests/1/notes", {"note": "x"}),
        ("PUT", "merge_requests/1/notes/1", {}),
        ("PUT", "merge_requests/1", {}),
        ("PUT", "merge_requests/1", {"add_labels": "one,two"}),
        ("PUT", "merge_requests/1", {"add_labels": ["one,two"]}),
        ("POST", f"statuses/{SHA}", {"name": "x"}),
        ("POST", f"statuses/{SHA}", {"state": "failure"}),
        ("POST", f"statuses/{SHA}", {"state": "success", "description": "x" * 256}),
        ("POST", f"statuses/{SHA}", {"state": "success", "target_url": "https://x/" + "x" * 246}),
        ("POST", f"statuses/{SHA}", {"state": "success", "target_url": "no address"}),
        ("POST", f"statuses/{SHA}", {"state": "success", "pipeline_id": "12"}),
    ],
)
def test_what_is_not_described_is_refused_and_counted(
    forge: FakeForge, method: str, path: str, body: dict[str, Any] | None
) -> None:
    request = urllib.request.Request(
        f"{forge.api}/projects/42/{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"PRIVATE-TOKEN": TOKEN},
    )
    with pytest.raises(urllib.error.HTTPError) as told:
        urllib.request.urlopen(request)
    told.value.close()
    assert told.value.code in (400, 404)
    assert len(forge.mistakes) == 1


def test_every_page_is_read_by_the_headers_that_gitlab_sends(forge: FakeForge) -> None:
    for number in range(7):
        forge.add_comment(f"remark {number}")
    forge.most_a_page = 3
    assert [item.body for item in client_of(forge).comments(1)] == [f"remark {number}" for number in range(7)]
    assert [path for _, path in forge.requests[1:]] == ["/projects/acme%2Fshop/merge_requests/1/notes"] * 3
    assert forge.mistakes == []


def test_the_latest_status_is_first_though_gitlab_tells_the_oldest_first(forge: FakeForge) -> None:
    gitlab = client_of(forge)
    for state in (State.FAILURE, State.SUCCESS):
        gitlab.set_status(SHA, Status(context="dpaas/x", state=state, description=state.value))
    assert [item.description for item in gitlab.statuses(SHA, "dpaas/x")] == ["success", "failure"]
    assert forge.mistakes == []


def test_a_link_that_gitlab_would_refuse_is_left_out_of_a_status(forge: FakeForge) -> None:
    gitlab = client_of(forge)
    for link in ("https://x/" + "x" * 245, "https://x/" + "x" * 246):
        gitlab.set_status(SHA, Status(context=link[-1], state=State.SUCCESS, description="x" * 255, link=link))
    assert [len(item["link"]) for item in forge.statuses] == [255, 0]
    assert forge.mistakes == []


def test_labels_are_given_and_taken_as_lists_and_a_branch_is_one_part_of_a_path(forge: FakeForge) -> None:
    gitlab = client_of(forge)
    forge.pulls[1].labels = ["mine", "dpaas: errors"]
    gitlab.set_labels(
        1, ["dpaas: changes", "dpaas: data loss"], ["dpaas: changes", "dpaas: data loss", "dpaas: errors"]
    )
    assert forge.pulls[1].labels == ["dpaas: changes", "dpaas: data loss", "mine"]
    assert gitlab.branch_head("a/b") == SHA
    assert forge.mistakes == []


def test_a_merge_from_a_fork_that_is_deleted_is_a_forks(forge: FakeForge) -> None:
    forge.pulls[1].merged_as, forge.pulls[1].is_fork, forge.pulls[1].is_orphan = "b" * 40, True, True
    proposal = client_of(forge).merged_by("b" * 40)
    assert proposal is not None
    assert proposal.is_fork
