"""The client against a real server: what it repeats, what it waits for, what it never sends twice."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from declarative_paas.ci.http import ATTEMPTS, Client, ForgeError, MaybeDone
from declarative_paas.core.values import Sensitive

TOKEN = "tok_fJ3kd93kdlw0"


@dataclass
class Script:
    """Answers in this order; None: hangs up without one."""

    answers: list[tuple[int, dict[str, str], Any] | None] = field(default_factory=list)
    seen: list[tuple[str, str, str]] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)
    address: str = ""

    def client(self) -> Client:
        return Client(
            base=self.address,
            token=Sensitive(TOKEN),
            authorization=("Authorization", "Bearer "),
            sleep=self.waited.append,
            now=lambda: 1000.0,
        )


@pytest.fixture
def script() -> Iterator[Script]:
    told = Script()

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            told.seen.append((self.command, self.path, self.headers.get("authorization", "")))
            answer = told.answers.pop(0)
            if answer is None:
                self.close_connection = True
                return
            status, headers, body = answer
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = _serve

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    told.address = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_what_passes_is_tried_again_with_longer_and_longer_waits(script: Script) -> None:
    script.answers = [(502, {}, {}), (500, {}, {}), None, (200, {}, {"ok": True})]
    assert script.client().get("/thing") == {"ok": True}
    assert script.waited == [0.5, 1.0, 2.0]


def test_after_the_last_attempt_the_failure_is_told(script: Script) -> None:
    script.answers = [(502, {}, {"message": "bad gateway"})] * ATTEMPTS
    with pytest.raises(ForgeError, match="HTTP 502: bad gateway"):
        script.client().get("/thing")
    assert script.answers == []


@pytest.mark.parametrize(
    ("status", "headers", "wait"),
    [
        (429, {"retry-after": "7"}, 7.0),
        (429, {"retry-after": "Thu, 01 Jan 1970 00:17:00 GMT"}, 20.0),
        (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1030"}, 30.0),
        (429, {"ratelimit-remaining": "0", "ratelimit-reset": "1040"}, 40.0),
        (429, {"retry-after": "soon"}, 0.5),
    ],
)
def test_a_rate_limit_is_waited_for_as_the_forge_asks(
    script: Script, status: int, headers: dict[str, str], wait: float
) -> None:
    script.answers = [(status, headers, {}), (200, {}, [])]
    script.client().send("POST", "/thing", {}, once=True)
    assert script.waited == [wait]


def test_no_permission_is_no_rate_limit(script: Script) -> None:
    script.answers = [(403, {"x-ratelimit-remaining": "12"}, {"message": "Resource not accessible"})]
    with pytest.raises(ForgeError, match="Resource not accessible"):
        script.client().get("/thing")
    assert script.waited == []


def test_what_is_wrong_with_which_field_is_told(script: Script) -> None:
    script.answers = [(400, {}, {"message": {"target_url": ["must be a valid URL", "is too long"], "base": "odd"}})]
    with pytest.raises(ForgeError, match=r"HTTP 400: target_url must be a valid URL, is too long; base odd$"):
        script.client().send("POST", "/thing", {})


def test_what_may_be_done_already_is_not_sent_again(script: Script) -> None:
    for answer in (None, (502, {}, {})):
        script.answers = [answer]
        with pytest.raises(MaybeDone):
            script.client().send("POST", "/thing", {}, once=True)
    assert script.waited == []


def test_what_never_arrived_is_sent_again_even_if_it_must_not_be_done_twice() -> None:
    waited: list[float] = []
    client = Client(
        base="http://127.0.0.1:1", token=Sensitive(TOKEN), authorization=("Authorization", ""), sleep=waited.append
    )
    with pytest.raises(ForgeError, match="does not answer: ConnectionRefusedError") as told:
        client.send("POST", "/thing", {}, once=True)
    assert not isinstance(told.value, MaybeDone)
    assert len(waited) == ATTEMPTS - 1
    assert TOKEN not in str(told.value) + repr(client)


def test_pages_end_where_the_forge_says_so(script: Script) -> None:
    following = {"link": '<https://x/?page=2>; rel="next"'}
    script.answers = [(200, following, [1]), (200, {"x-next-page": "3"}, [2]), (200, {"x-next-page": ""}, [3])]
    assert list(script.client().pages("/list")) == [1, 2, 3]
    assert [path for _, path, _ in script.seen] == [f"/list?per_page=100&page={page}" for page in (1, 2, 3)]
    script.answers = [(200, {}, list(range(100))), (200, {}, [100])]
    assert list(script.client().pages("/list")) == list(range(101))


def test_where_no_next_page_is_linked_the_count_of_all_items_tells_the_end(script: Script) -> None:
    told = {"x-total-count": "3"}
    script.answers = [(200, told, [1, 2]), (200, told, [3])]
    assert list(script.client().pages("/list")) == [1, 2, 3]
    script.answers = [(200, {"x-total-count": "150"}, list(range(150)))]
    assert list(script.client().pages("/list")) == list(range(150)), "a list without pages is read once"
    script.answers = [(200, told, [1]), (200, told, [])]
    assert list(script.client().pages("/list")) == [1], "what was deleted meanwhile is not waited for"


def test_an_empty_page_is_not_the_end_where_the_forge_names_a_next_one(script: Script) -> None:
    script.answers = [(200, {"x-next-page": "2"}, []), (200, {"x-next-page": ""}, [1])]
    assert list(script.client().pages("/list")) == [1]


def test_what_somebody_else_is_writing_is_written_again(script: Script) -> None:
    script.answers = [(409, {}, {"message": "Another update is in progress"}), (200, {}, {})]
    script.client().send("POST", "/thing", {}, once=True)
    assert script.waited == [0.5]


def test_a_list_that_is_none_and_a_page_of_a_proxy_are_told(script: Script) -> None:
    script.answers = [(200, {}, {"not": "a list"})]
    with pytest.raises(ForgeError, match="a list was expected"):
        list(script.client().pages("/list"))
    script.answers = [(404, {}, b"<html>no</html>")]
    with pytest.raises(ForgeError, match="HTTP 404"):
        script.client().get("/thing")
