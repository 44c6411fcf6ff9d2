"""What each forge's API takes and gives, for the operations that `dpaas ci` uses.

GitHub's and Gitea's are their own published descriptions (see `source` in github_api.json and gitea_api.json). What
Gitea's leaves open is closed: no answer of it has a required key there, so those that are read are required here.
GitLab's is in no package: it is written by hand after the sources that its published description is made from.
In every forge's requests and in Gitea's answers, a key that is not told is refused.
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
YES_NO: dict[str, Any] = {"type": "boolean"}
SHORT: dict[str, Any] = {"type": "string", "maxLength": 255}
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
        "body": strict(
            {"body": TEXT}, {**dict.fromkeys(["created_at", "merge_request_diff_head_sha"], TEXT), "internal": YES_NO}
        ),
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
            {
                **dict.fromkeys(["name", "context", "ref"], TEXT),
                "target_url": SHORT,
                "description": SHORT,
                "coverage": {"type": "number"},
                "pipeline_id": NUMBER,
            },
        ),
        "responses": {"201": _GITLAB_STATUS},
    },
    "GET /projects/{id}/repository/commits/{sha}/statuses": {
        "query": [*_PAGES, "name", "all", "ref", "stage", "pipeline_id", "order_by", "sort"],
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


GITEA_READ: dict[str, list[str]] = {
    "User": ["id", "login"],
    "Comment": ["id", "body", "user"],
    "CommitStatus": ["id", "context", "status", "description", "target_url"],
    "PullRequest": ["number", "merged", "head", "base"],
    "PRBranchInfo": ["sha", "ref", "repo"],
    "Branch": ["name", "commit"],
    "PayloadCommit": ["id"],
    "Label": ["id", "name"],
}
"""What the client reads, by definition."""


def description_of(platform: str) -> Description:
    match platform:
        case "gitlab":
            return Description(operations=GITLAB)
        case "gitea":
            told = _published("gitea_api.json")
            for name, schema in told["$defs"].items():
                schema["additionalProperties"] = False
                schema.setdefault("required", GITEA_READ.get(name, []))
            return Description(operations=told["operations"], definitions=told["$defs"])
        case _:
            told = _published("github_api.json")
            return Description(operations=told["operations"], definitions=told["$defs"])


def _published(file: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(Path(__file__).with_name(file).read_text(encoding="utf-8"))
    return told
