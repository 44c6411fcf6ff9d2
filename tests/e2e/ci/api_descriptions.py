"""What each forge's API takes and gives, for the operations that `dpaas ci` uses.

GitHub's and Gitea's are their own published descriptions (see `source` in github_api.json and gitea_api.json). What
Gitea's leaves open is closed: no answer of it has a required key there, so those that are read are required here.
GitLab's is in no package: see gitlab_api.py for what it was compared with.
In every forge's requests and in Gitea's answers, a key that is not told is refused.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gitlab_api import OPERATIONS
from jsonschema import Draft202012Validator


@dataclass
class Description:
    """The operations of one forge, by method and path."""

    operations: dict[str, Any]
    definitions: dict[str, Any] = field(default_factory=dict)

    def find(self, method: str, path: str) -> tuple[str, dict[str, Any]] | None:
        for key, operation in self.operations.items():
            verb, template = key.split(" ", 1)
            pattern = re.sub(r"\{\w+\}", "[^/]+", template.replace("{number}", "[0-9]+"))
            if template.startswith("/repos/"):
                # Gitea and GitHub take a branch's slashes as they are in this one place; GitLab does not.
                pattern = re.sub(r"branches/\[\^/\]\+$", "branches/.+", pattern)
            if verb == method and re.fullmatch(pattern, path):
                return key, operation
        return None

    def problems(self, schema: dict[str, Any] | None, value: Any) -> list[str]:
        if schema is None:
            return [] if value is None else ["no body is taken"]
        validator = Draft202012Validator({**schema, "$defs": self.definitions})
        return [f"{error.json_path}: {error.message[:300]}" for error in validator.iter_errors(value)]

    def wrong_query(self, told: list[str] | dict[str, Any], query: dict[str, str]) -> list[str]:
        """`told`: the names; with what their values must be, where the description of the forge holds it."""
        wrong = [f"unknown query {name}" for name in query.keys() - set(told)]
        if isinstance(told, dict):
            for name in query.keys() & told.keys():
                wrong += [f"query {name} {problem}" for problem in self.problems(told[name], query[name])]
        return wrong

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
            return Description(operations=OPERATIONS)
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
