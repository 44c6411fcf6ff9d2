"""What each forge's API takes and gives, for the operations that `dpaas ci` uses.

GitHub's is its own published OpenAPI description (see `source` in github_api.json). GitLab's and Gitea's are written
by hand after their documentation, strictly: a key in a request that is not told there is refused.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

TEXT: dict[str, Any] = {"type": "string"}
NUMBER: dict[str, Any] = {"type": "integer"}
MAYBE: dict[str, Any] = {"type": ["string", "null"]}


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


_NOTE = holding(id=NUMBER, body=TEXT, system={"type": "boolean"}, author=holding(id=NUMBER, username=TEXT))
_GITLAB_STATUS = holding(id=NUMBER, sha=TEXT, name=TEXT, status=TEXT, description=MAYBE, target_url=MAYBE)
_MERGE_REQUEST = holding(
    iid=NUMBER,
    state={"enum": ["opened", "closed", "locked", "merged"]},
    sha=TEXT,
    target_branch=TEXT,
    source_project_id=NUMBER,
    target_project_id=NUMBER,
    merge_commit_sha=MAYBE,
    squash_commit_sha=MAYBE,
)
_PAGES = ["per_page", "page"]
GITLAB: dict[str, Any] = {
    "GET /user": {"query": [], "body": None, "responses": {"200": holding(id=NUMBER, username=TEXT)}},
    "GET /projects/{id}/merge_requests/{iid}/notes": {
        "query": [*_PAGES, "sort", "order_by", "activity_filter"],
        "body": None,
        "responses": {"200": listing(_NOTE)},
    },
    "POST /projects/{id}/merge_requests/{iid}/notes": {
        "query": [],
        "body": strict({"body": TEXT}, {"created_at": TEXT, "internal": {"type": "boolean"}}),
        "responses": {"201": _NOTE},
    },
    "PUT /projects/{id}/merge_requests/{iid}/notes/{note}": {
        "query": [],
        "body": strict({"body": TEXT}),
        "responses": {"200": _NOTE},
    },
    "POST /projects/{id}/statuses/{sha}": {
        "query": [],
        "body": strict(
            {"state": {"enum": ["pending", "running", "success", "failed", "canceled", "skipped"]}},
            {"name": TEXT, "context": TEXT, "target_url": TEXT, "description": {"type": "string", "maxLength": 255}},
        ),
        "responses": {"201": _GITLAB_STATUS},
    },
    "GET /projects/{id}/repository/commits/{sha}/statuses": {
        "query": [*_PAGES, "name", "all", "ref", "stage"],
        "body": None,
        "responses": {"200": listing(_GITLAB_STATUS)},
    },
    "GET /projects/{id}/repository/commits/{sha}/merge_requests": {
        "query": [*_PAGES, "state"],
        "body": None,
        "responses": {"200": listing(_MERGE_REQUEST)},
    },
    "GET /projects/{id}/repository/branches/{branch}": {
        "query": [],
        "body": None,
        "responses": {"200": holding(name=TEXT, commit=holding(id=TEXT))},
    },
    "PUT /projects/{id}/merge_requests/{iid}": {
        "query": [],
        "body": strict({}, {"add_labels": TEXT, "remove_labels": TEXT, "title": TEXT}, minProperties=1),
        "responses": {"200": _MERGE_REQUEST},
    },
}

_COMMENT = holding(id=NUMBER, body=TEXT, user=holding(id=NUMBER, login=TEXT))
_LABEL = holding(id=NUMBER, name=TEXT, color=TEXT)
_GITEA_STATUS = holding(
    id=NUMBER,
    context=TEXT,
    status={"enum": ["pending", "success", "error", "failure", "warning"]},
    description=TEXT,
    target_url=TEXT,
)
_BRANCH = holding(sha=TEXT, ref=TEXT, repo={"anyOf": [holding(id=NUMBER), {"type": "null"}]})
_PAGED = ["limit", "page"]
_REPO = "/repos/{owner}/{repo}"
GITEA: dict[str, Any] = {
    "GET /user": {"query": [], "body": None, "responses": {"200": holding(id=NUMBER, login=TEXT)}},
    f"GET {_REPO}/issues/{{index}}/comments": {
        "query": [*_PAGED, "since", "before"],
        "body": None,
        "responses": {"200": listing(_COMMENT)},
    },
    f"POST {_REPO}/issues/{{index}}/comments": {
        "query": [],
        "body": strict({"body": TEXT}, {"updated_at": TEXT}),
        "responses": {"201": _COMMENT},
    },
    f"PATCH {_REPO}/issues/comments/{{id}}": {
        "query": [],
        "body": strict({"body": TEXT}, {"updated_at": TEXT}),
        "responses": {"200": _COMMENT},
    },
    f"POST {_REPO}/statuses/{{sha}}": {
        "query": [],
        "body": strict(
            {},
            {
                "state": {"enum": ["pending", "success", "error", "failure", "warning"]},
                "target_url": TEXT,
                "description": TEXT,
                "context": TEXT,
            },
        ),
        "responses": {"201": _GITEA_STATUS},
    },
    f"GET {_REPO}/commits/{{ref}}/statuses": {
        "query": [*_PAGED],
        "body": None,
        "responses": {"200": listing(_GITEA_STATUS)},
    },
    f"GET {_REPO}/commits/{{sha}}/pull": {
        "query": [],
        "body": None,
        "responses": {"200": holding(number=NUMBER, merged={"type": "boolean"}, head=_BRANCH, base=_BRANCH)},
    },
    f"GET {_REPO}/branches/{{branch}}": {
        "query": [],
        "body": None,
        "responses": {"200": holding(name=TEXT, commit=holding(id=TEXT))},
    },
    f"GET {_REPO}/issues/{{index}}/labels": {"query": [], "body": None, "responses": {"200": listing(_LABEL)}},
    f"POST {_REPO}/issues/{{index}}/labels": {
        "query": [],
        "body": strict({"labels": {"type": "array", "items": NUMBER, "minItems": 1}}),
        "responses": {"200": listing(_LABEL)},
    },
    f"DELETE {_REPO}/issues/{{index}}/labels/{{id}}": {"query": [], "body": None, "responses": {"204": None}},
    f"GET {_REPO}/labels": {"query": [*_PAGED], "body": None, "responses": {"200": listing(_LABEL)}},
    f"POST {_REPO}/labels": {
        "query": [],
        "body": strict(
            {"name": TEXT, "color": {"type": "string", "pattern": "^#?[0-9a-f]{6}$"}},
            {"description": TEXT, "exclusive": {"type": "boolean"}},
        ),
        "responses": {"201": _LABEL},
    },
}


@dataclass
class Description:
    """The operations of one forge, by method and path."""

    operations: dict[str, Any]
    definitions: dict[str, Any] = field(default_factory=dict)

    def find(self, method: str, path: str) -> tuple[str, dict[str, Any]] | None:
        for key, operation in self.operations.items():
            verb, template = key.split(" ", 1)
            pattern = re.sub(r"\{\w+\}", "[^/]+", template)
            # Gitea and GitHub take a branch's slashes as they are in this one place.
            pattern = re.sub(r"branches/\[\^/\]\+$", "branches/.+", pattern)
            if verb == method and re.fullmatch(pattern, path):
                return key, operation
        return None

    def problems(self, schema: dict[str, Any] | None, value: Any) -> list[str]:
        if schema is None:
            return [] if value is None else ["no body is taken"]
        validator = Draft202012Validator({**schema, "$defs": self.definitions})
        return [f"{error.json_path}: {error.message[:300]}" for error in validator.iter_errors(value)]

    def sample(self, schema: dict[str, Any]) -> Any:
        """The smallest value that the schema allows."""
        if "$ref" in schema:
            return self.sample(self.definitions[schema["$ref"].rsplit("/", 1)[1]])
        for key in ("anyOf", "oneOf"):
            if key in schema:
                return self.sample({**{k: v for k, v in schema.items() if k != key}, **_resolved(self, schema[key])})
        if "allOf" in schema:
            return {name: value for part in schema["allOf"] for name, value in self.sample(part).items()}
        if "enum" in schema:
            return schema["enum"][0]
        kind = schema.get("type")
        kind = kind[0] if isinstance(kind, list) else kind
        if kind == "object" or "properties" in schema:
            members = schema.get("properties", {})
            return {name: self.sample(members.get(name, {})) for name in schema.get("required", [])}
        samples: dict[str | None, Any] = {"array": [], "integer": 1, "number": 1, "boolean": False, "string": "x"}
        return samples.get(kind)


def _resolved(description: Description, choices: list[dict[str, Any]]) -> dict[str, Any]:
    first = choices[0]
    return description.definitions[first["$ref"].rsplit("/", 1)[1]] if "$ref" in first else first


def description_of(platform: str) -> Description:
    if platform == "github":
        text = Path(__file__).with_name("github_api.json").read_text(encoding="utf-8")
        told = json.loads(text)
        return Description(operations=told["operations"], definitions=told["$defs"])
    return Description(operations={"gitlab": GITLAB, "gitea": GITEA}[platform])
