"""GitLab's REST API, for the operations that `dpaas ci` uses.

Written by hand, and compared with GitLab's published description (doc/api/openapi/openapi_v3.yaml of version 19.5):
paths, parameters and where they stand, required fields, status codes, the fields that are read. That tells no
field of an answer as required or as possibly null, and no limit of length. Here all that is read is required; the
limits of a note (1,000,000), of a link (255) and of a page (100) are after GitLab's pages (doc/api) and sources; the
limit of a status's description (255) is caution. Two things are not as told there, by GitLab's own tests and pages:

- a new status is answered with 201, not 200;
- the notes of a merge request are a list, not one note.
"""

from __future__ import annotations

from typing import Any

TEXT: dict[str, Any] = {"type": "string"}
NUMBER: dict[str, Any] = {"type": "integer"}
YES_NO: dict[str, Any] = {"type": "boolean"}
MAYBE: dict[str, Any] = {"type": ["string", "null"]}
NOTE: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": 1_000_000}
LABELS: dict[str, Any] = {"type": "array", "items": {"type": "string", "pattern": "^[^,]+$"}}
"""A list in the description; GitLab splits each of its texts at commas."""

NUMERIC: dict[str, Any] = {"pattern": "^[1-9][0-9]*$"}
PAGES: dict[str, Any] = {"page": NUMERIC, "per_page": {"pattern": "^([1-9][0-9]?|100)$"}}
SORT: dict[str, Any] = {"enum": ["asc", "desc"]}


def strict(required: dict[str, Any], optional: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A request's body."""
    members = {**required, **(optional or {})}
    return {
        "type": "object",
        "properties": members,
        "required": sorted(required),
        "additionalProperties": False,
        **more,
    }


def holding(**members: Any) -> dict[str, Any]:
    """An answer: at least these."""
    return {"type": "object", "properties": members, "required": sorted(members)}


def listing(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item}


def operation(
    status: str, answer: dict[str, Any], refused: list[int], body: dict[str, Any] | None = None, **query: Any
) -> dict[str, Any]:
    """`refused`: the statuses that it may be refused with."""
    return {"query": query, "body": body, "responses": {status: answer}, "refused": refused}


_NOTE = holding(id=NUMBER, body=TEXT, system=YES_NO, author=holding(id=NUMBER, username=TEXT))
_STATUS = holding(id=NUMBER, sha=TEXT, name=TEXT, status=TEXT, description=MAYBE, target_url=MAYBE)
_MERGE_REQUEST = holding(
    iid=NUMBER,
    state={"enum": ["opened", "closed", "locked", "merged"]},
    sha=TEXT,
    target_branch=TEXT,
    source_project_id={"type": ["integer", "null"]},  # null: the fork is deleted
    target_project_id=NUMBER,
    merge_commit_sha=MAYBE,
    squash_commit_sha=MAYBE,
)
OPERATIONS: dict[str, Any] = {
    "GET /user": operation("200", holding(id=NUMBER, username=TEXT), [401, 403]),
    "GET /projects/{id}/merge_requests/{number}/notes": operation(
        "200",
        listing(_NOTE),
        [400, 404],
        **PAGES,
        sort=SORT,
        order_by={"enum": ["created_at", "updated_at"]},
        activity_filter={"enum": ["all_notes", "only_comments", "only_activity"]},
    ),
    "POST /projects/{id}/merge_requests/{number}/notes": operation(
        "201",
        _NOTE,
        [400, 404],
        strict({"body": NOTE}, {"created_at": TEXT, "merge_request_diff_head_sha": TEXT, "internal": YES_NO}),
    ),
    "PUT /projects/{id}/merge_requests/{number}/notes/{number}": operation(
        "200", _NOTE, [400, 404], strict({"body": NOTE})
    ),
    "POST /projects/{id}/statuses/{sha}": operation(
        "201",
        _STATUS,
        [400, 401, 403, 404, 409],
        strict(
            {"state": {"enum": ["pending", "running", "success", "failed", "canceled", "skipped"]}},
            {
                **dict.fromkeys(["name", "context", "ref"], TEXT),
                "target_url": {"type": "string", "maxLength": 255, "pattern": "^https?://[^ ]+$"},
                "description": {"type": "string", "maxLength": 255},
                "coverage": {"type": "number"},
                "pipeline_id": NUMBER,
            },
        ),
    ),
    "GET /projects/{id}/repository/commits/{sha}/statuses": operation(
        "200",
        listing(_STATUS),
        [400, 401, 403, 404],
        **PAGES,
        **dict.fromkeys(["name", "ref", "stage"], TEXT),
        all={"enum": ["true", "false"]},
        pipeline_id=NUMERIC,
        order_by={"enum": ["id", "pipeline_id"]},
        sort=SORT,
    ),
    "GET /projects/{id}/repository/commits/{sha}/merge_requests": operation(
        "200", listing(_MERGE_REQUEST), [400, 404], **PAGES, state={"enum": ["opened", "closed", "locked", "merged"]}
    ),
    "GET /projects/{id}/repository/branches/{branch}": operation(
        "200", holding(name=TEXT, commit=holding(id=TEXT)), [400, 404]
    ),
    "PUT /projects/{id}/merge_requests/{number}": operation(
        "200",
        _MERGE_REQUEST,
        [400, 404, 409, 422],
        strict({}, {"add_labels": LABELS, "remove_labels": LABELS, "title": TEXT}, minProperties=1),
    ),
}
