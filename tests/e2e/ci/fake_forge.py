"""A forge's REST API over HTTP: it keeps what it is told, and holds every request and answer against the API's
description. What is not described there is answered with 404 and counted as a mistake of ours."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from api_descriptions import Description, description_of

TOKEN = "tok_Zk29vQ0aLw81xXyNn7"
ME, SOMEBODY = 4711, 99
ROOTS = {"github": "", "gitea": "/api/v1", "gitlab": "/api/v4"}


@dataclass
class Fault:
    """The next request that fits is answered so; `lost`: done, and its answer never arrives."""

    method: str
    part: str
    status: int = 502
    headers: dict[str, str] = field(default_factory=dict)
    lost: bool = False


@dataclass
class Pull:
    number: int
    head: str
    base: str
    is_fork: bool = False
    is_orphan: bool = False
    """Its fork is deleted."""
    merged_as: str | None = None
    labels: list[str] = field(default_factory=list)


@dataclass
class FakeForge:
    """`requests` are all that arrived, `mistakes` what the description does not allow."""

    platform: str
    branches: dict[str, str] = field(default_factory=dict)
    pulls: dict[int, Pull] = field(default_factory=dict)
    comments: list[dict[str, Any]] = field(default_factory=list)
    statuses: list[dict[str, Any]] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    mistakes: list[str] = field(default_factory=list)
    most_a_page: int = 100
    has_user: bool = True
    is_silent: bool = False
    """Gitea's lists of labels tell how many there are in all, and link to no next page."""

    def __post_init__(self) -> None:
        self.description: Description = description_of(self.platform)
        self._lock = threading.RLock()
        self._ids = iter(range(1000, 10**9))
        forge = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                forge.serve(self)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def api(self) -> str:
        return self.origin + ROOTS[self.platform]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def add_comment(self, body: str, author: int = SOMEBODY) -> dict[str, Any]:
        made = {"id": next(self._ids), "body": body, "author": author}
        self.comments.append(made)
        return made

    def ours(self) -> list[dict[str, Any]]:
        return [comment for comment in self.comments if comment["author"] == ME]

    def latest(self, sha: str, context: str) -> dict[str, Any]:
        return [item for item in self.statuses if (item["sha"], item["context"]) == (sha, context)][-1]

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers.get("content-length") or 0)
        data = handler.rfile.read(length)
        with self._lock:
            status, body, headers, lost = self._answer(handler, data)
        if lost:
            handler.close_connection = True
            return
        payload = b"" if body is None else json.dumps(body).encode()
        handler.send_response(status)
        for name, value in {**headers, "content-type": "application/json", "content-length": len(payload)}.items():
            handler.send_header(name, str(value))
        handler.end_headers()
        handler.wfile.write(payload)

    def _answer(self, handler: BaseHTTPRequestHandler, data: bytes) -> tuple[int, Any, dict[str, Any], bool]:
        address = urlsplit(handler.path)
        path = address.path.removeprefix(ROOTS[self.platform])
        method, query = handler.command, {name: found[-1] for name, found in parse_qs(address.query).items()}
        self.requests.append((method, path))
        expected = {"github": f"Bearer {TOKEN}", "gitea": f"token {TOKEN}", "gitlab": TOKEN}[self.platform]
        if handler.headers.get("PRIVATE-TOKEN" if self.platform == "gitlab" else "Authorization") != expected:
            return 401, {"message": "Bad credentials"}, {}, False
        fault = next((f for f in self.faults if f.method == method and f.part in path), None)
        if fault is not None:
            self.faults.remove(fault)
            if not fault.lost:
                return fault.status, {"message": "told by the test"}, fault.headers, False
        found = self.description.find(method, path)
        if found is None:
            self.mistakes.append(f"{method} {path} is not described")
            return 404, {"message": "Not Found"}, {}, False
        key, operation = found
        body = json.loads(data) if data else None
        problems = self.description.problems(operation["body"], body)
        problems += self.description.wrong_query(operation["query"], query)
        if problems:
            self.mistakes.append(f"{key}: {problems}")
            return (400 if self.platform == "gitlab" else 422), {"message": "Validation Failed"}, {}, False
        status, answer = self._do(method, [unquote(part) for part in path.strip("/").split("/")], body or {}, query)
        headers: dict[str, Any] = {}
        if status < 300 and isinstance(answer, list):
            answer, headers = self._page(answer, query)
        if status < 300:
            schema = operation["responses"].get(str(status))
            answer = None if schema is None else answer
            wrong = self.description.problems(schema, answer)
            assert str(status) in operation["responses"], f"the fake answers {key} with {status}"
            assert not wrong, f"the fake's answer to {key} is not as described: {wrong}"
        elif "refused" in operation:
            assert status in operation["refused"], f"the fake refuses {key} with {status}"
        return status, answer, headers, fault is not None and fault.lost

    def _page(self, items: list[Any], query: dict[str, str]) -> tuple[list[Any], dict[str, Any]]:
        if self.platform == "gitlab":
            return self._gitlab_page(items, int(query.get("per_page", 20)), int(query.get("page", 1)))
        if "page" not in query:
            # Gitea lists comments and labels of an issue all at once, and tells only how many they are.
            return items, {"x-total-count": len(items)} if self.platform == "gitea" else {}
        size = min(int(query.get("per_page") or query.get("limit") or 30), self.most_a_page)
        page = int(query["page"])
        shown, more = items[(page - 1) * size : page * size], len(items) > page * size
        if self.platform == "gitea" and self.is_silent:
            return shown, {"x-total-count": len(items)}
        if len(items) <= size:
            return shown, {}
        rel = "next" if more else "prev"
        return shown, {"link": f'<{self.origin}/?page={page + 1}>; rel="{rel}"', "x-total-count": len(items)}

    def _gitlab_page(self, items: list[Any], asked: int, page: int) -> tuple[list[Any], dict[str, Any]]:
        """All lists come in pages, whether asked for or not, with these headers: doc/api/rest, "Pagination"."""
        size = min(asked, self.most_a_page)
        last = max(1, -(-len(items) // size))
        near = {"prev": page - 1 if page > 1 else "", "next": page + 1 if page < last else ""}
        links = {**{rel: number for rel, number in near.items() if number}, "first": 1, "last": last}
        return items[(page - 1) * size : page * size], {
            "link": ", ".join(
                f'<{self.api}/?page={number}&per_page={size}>; rel="{rel}"' for rel, number in links.items()
            ),
            "x-next-page": near["next"],
            "x-page": page,
            "x-per-page": size,
            "x-prev-page": near["prev"],
            "x-total": len(items),
            "x-total-pages": last,
        }

    def _do(self, method: str, parts: list[str], body: dict[str, Any], query: dict[str, str]) -> tuple[int, Any]:
        if parts == ["user"]:
            return (200, self._user(ME)) if self.has_user else (403, {"message": "Resource not accessible"})
        rest = parts[2:] if self.platform == "gitlab" else parts[3:]
        doers: dict[str, Callable[[], tuple[int, Any]]] = {
            "comments": lambda: self._comments(method, rest, body),
            "statuses": lambda: self._statuses(method, rest, body, query),
            "branches": lambda: self._branch("/".join(rest[rest.index("branches") + 1 :])),
            "pulls": lambda: self._pulls(rest[-2]),
            "labels": lambda: self._labels(method, rest, body),
        }
        kind = {"notes": "comments", "pull": "pulls"}
        for part in reversed(rest):
            name = kind.get(part, part)
            if name == "merge_requests":
                return self._pulls(rest[-2]) if rest[-1] == part else self._edit(int(rest[-1]), body)
            if name in doers:
                return doers[name]()
        return 404, {"message": "Not Found"}

    def _comments(self, method: str, rest: list[str], body: dict[str, Any]) -> tuple[int, Any]:
        if method == "GET":
            return 200, [self._comment(item) for item in self.comments]
        if method == "POST":
            return 201, self._comment(self.add_comment(body["body"], ME))
        found = [item for item in self.comments if item["id"] == int(rest[-1])]
        if not found:
            return 404, {"message": "Not Found"}
        found[0]["body"] = body["body"]
        return 200, self._comment(found[0])

    def _statuses(self, method: str, rest: list[str], body: dict[str, Any], query: dict[str, str]) -> tuple[int, Any]:
        if method == "POST":
            limit = 140 if self.platform == "github" else 255
            if len(body.get("description", "")) > limit:
                refused = 400 if self.platform == "gitlab" else 422
                return refused, {"message": f"description is too long (maximum is {limit} characters)"}
            made = {
                "id": next(self._ids),
                "sha": rest[-1],
                "context": body.get("context") or body.get("name"),
                "state": body["state"],
                "description": body.get("description") or "",
                "link": body.get("target_url") or "",
            }
            self.statuses.append(made)
            return 201, self._status(made)
        sha = rest[rest.index("commits") + 1]
        found = [item for item in self.statuses if item["sha"] == sha and query.get("name") in (None, item["context"])]
        # GitLab tells the oldest first (`order_by` and `sort` are `id` and `asc`), the others the newest.
        return 200, [self._status(item) for item in (found if self.platform == "gitlab" else reversed(found))]

    def _branch(self, name: str) -> tuple[int, Any]:
        if name not in self.branches:
            return 404, {"message": "Branch not found"}
        sha = self.branches[name]
        if self.platform != "github":
            return 200, {"name": name, "commit": {"id": sha}}
        made = self._sample("GET /repos/{owner}/{repo}/branches/{branch}", "200")
        return 200, {**made, "name": name, "commit": {**made["commit"], "sha": sha}}

    def _pulls(self, sha: str) -> tuple[int, Any]:
        found = [pull for pull in self.pulls.values() if sha in (pull.merged_as, pull.head)]
        shown = [self._pull(pull) for pull in found]
        if self.platform == "gitea":
            return (200, shown[0]) if shown else (404, {"message": "pull request does not exist"})
        return 200, shown

    def _edit(self, number: int, body: dict[str, Any]) -> tuple[int, Any]:
        pull = self.pulls[number]
        kept = set(pull.labels) - set(body.get("remove_labels", []))
        pull.labels = sorted(kept | set(body.get("add_labels", [])))
        return 200, self._pull(pull)

    def _labels(self, method: str, rest: list[str], body: dict[str, Any]) -> tuple[int, Any]:
        if "issues" not in rest:
            if method == "POST":
                self.labels.append(body["name"])
                return 201, self._label(body["name"])
            return 200, [self._label(name) for name in self.labels]
        pull = self.pulls[int(rest[rest.index("issues") + 1])]
        if method == "POST":
            given = [self.labels[item - 1] if isinstance(item, int) else item for item in body["labels"]]
            pull.labels = sorted({*pull.labels, *given})
        if method == "DELETE":
            name = self.labels[int(rest[-1]) - 1] if self.platform == "gitea" else rest[-1]
            if name not in pull.labels:
                return 404, {"message": "Label does not exist"}
            pull.labels.remove(name)
            if self.platform == "gitea":
                return 204, None
        return 200, [self._label(name) for name in pull.labels]

    def _sample(self, operation: str, status: str) -> Any:
        schema = self.description.operations[operation]["responses"][status]
        return self.description.sample(schema["items"] if schema.get("type") == "array" else schema)

    def _user(self, number: int) -> dict[str, Any]:
        if self.platform == "gitlab":
            return {"id": number, "username": f"user{number}"}
        if self.platform == "gitea":
            return {"id": number, "login": "gitea-actions" if number == ME else f"user{number}"}
        made = self._sample("GET /user", "200")
        return {**made, "id": number, "login": f"user{number}", "type": "Bot" if number == ME else "User"}

    def _comment(self, item: dict[str, Any]) -> dict[str, Any]:
        user = self._user(item["author"])
        if self.platform == "gitlab":
            return {"id": item["id"], "body": item["body"], "system": False, "author": user}
        if self.platform == "gitea":
            return {"id": item["id"], "body": item["body"], "user": user}
        made = self._sample("GET /repos/{owner}/{repo}/issues/{issue_number}/comments", "200")
        made["user"] = {**(made["user"] or {}), **{key: user[key] for key in ("id", "login", "type")}}
        return {**made, "id": item["id"], "body": item["body"]}

    def _status(self, item: dict[str, Any]) -> dict[str, Any]:
        told = {"id": item["id"], "description": item["description"], "target_url": item["link"]}
        if self.platform == "gitlab":
            return {**told, "sha": item["sha"], "name": item["context"], "status": item["state"]}
        if self.platform == "gitea":
            return {**told, "context": item["context"], "status": item["state"]}
        made = self._sample("POST /repos/{owner}/{repo}/statuses/{sha}", "201")
        return {**made, **told, "context": item["context"], "state": item["state"]}

    def _label(self, name: str) -> dict[str, Any]:
        if self.platform == "gitea":
            return {"id": self.labels.index(name) + 1, "name": name, "color": "6f42c1", "is_archived": False}
        made = self._sample("GET /repos/{owner}/{repo}/issues/{issue_number}/labels", "200")
        return {**made, "name": name}

    def _pull(self, pull: Pull) -> dict[str, Any]:
        if self.platform == "gitlab":
            return {
                "iid": pull.number,
                "state": "opened" if pull.merged_as is None else "merged",
                "sha": pull.head,
                "target_branch": pull.base,
                "source_project_id": None if pull.is_orphan else 7 if pull.is_fork else 42,
                "target_project_id": 42,
                "merge_commit_sha": pull.merged_as,
                "squash_commit_sha": None,
            }
        head = {"sha": pull.head, "ref": "change", "repo": {"id": 7 if pull.is_fork else 42}}
        base = {"sha": "0" * 40, "ref": pull.base, "repo": {"id": 42}}
        if self.platform == "gitea":
            return {"number": pull.number, "merged": pull.merged_as is not None, "head": head, "base": base}
        made = self._sample("GET /repos/{owner}/{repo}/commits/{commit_sha}/pulls", "200")
        for side, told in (("head", head), ("base", base)):
            repo = {**made[side]["repo"], **told["repo"]}
            made[side] = {**made[side], **told, "repo": repo}
        merged = {"merged_at": None if pull.merged_as is None else "2026-01-01T00:00:00Z"}
        return {**made, **merged, "number": pull.number, "merge_commit_sha": pull.merged_as}
