"""JSON over HTTP for the three forges: retries, rate limits, pages. The token goes into one header and nowhere else."""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from declarative_paas import __version__
from declarative_paas.core.values import Sensitive, is_list, is_map

ATTEMPTS: Final = 5
LONGEST_WAIT_S: Final = 120.0
"""A forge that asks for more patience than this gets none: the job fails, and says when to try again."""

PAGE: Final = 100
MOST_PAGES: Final = 100
TIMEOUT_S: Final = 30.0
MOST_BYTES: Final = 32 * 2**20

_FIRST_WAIT_S: Final = 0.5
_PASSING: Final = frozenset({500, 502, 503, 504})
_BUSY: Final = 409
"""GitLab's answer where somebody else writes the same status: nothing was done."""


class ForgeError(Exception):
    """The forge cannot be reached, or does not do what was asked. Holds no token. `status` 0: it did not answer."""

    def __init__(self, summary: str, status: int = 0) -> None:
        super().__init__(summary)
        self.status = status


class MaybeDone(ForgeError):
    """The answer to a request that must not be sent twice got lost: look before it is sent again."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` is the JSON, None where there is none."""

    status: int
    body: Any
    headers: Message = field(default_factory=Message)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the token to wherever it points."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One forge's API at `base`. `authorization` is the header's name, and what stands before the token in it.

    `sleep` and `now` (seconds since 1970) are the caller's, so that waiting can be told from hanging.
    """

    base: str
    token: Sensitive
    authorization: tuple[str, str]
    accept: str = "application/json"
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.time

    def get(self, path: str, **query: str | int) -> Any:
        """The JSON at a path. Raises ForgeError."""
        return self.send("GET", path, query=query).body

    def pages(self, path: str, size_key: str = "per_page", **query: str | int) -> Iterator[Any]:
        """Every item of a list that comes in pages. Raises ForgeError, also when there is no end of them."""
        seen = 0
        for page in range(1, MOST_PAGES + 1):
            answer = self.send("GET", path, query={**query, size_key: PAGE, "page": page})
            items = answer.body
            if not is_list(items):
                raise ForgeError(f"{path}: a list was expected")
            yield from items
            seen += len(items)
            # A forge may allow smaller pages than were asked for: only its own word, or nothing, is the end.
            if _is_last(answer.headers, len(items), seen):
                return
        raise ForgeError(f"{path}: more than {MOST_PAGES} pages")

    def send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, str | int] | None = None,
        once: bool = False,
    ) -> Answer:
        """One request, repeated while that is of use. Raises ForgeError for whatever is no success.

        `once`: sent twice, it is done twice. It is repeated only when it is sure that nothing was done; where
        nobody knows, MaybeDone is raised.
        """
        waited = _FIRST_WAIT_S
        for attempt in range(1, ATTEMPTS + 1):
            try:
                answer = self._exchange(method, path, body, query, once=once)
            except ForgeError as problem:
                if isinstance(problem, MaybeDone) or attempt == ATTEMPTS:
                    raise
                self.sleep(waited)
            else:
                if answer.status < 300:
                    return answer
                wait = self._wait_for(answer, waited, once=once)
                if wait is None or attempt == ATTEMPTS:
                    raise _refused(method, path, answer)
                if wait > LONGEST_WAIT_S:
                    raise ForgeError(f"{method} {path}: rate limit reached, free again in {wait:.0f} s", answer.status)
                self.sleep(wait)
            waited *= 2
        raise AssertionError("the last attempt answers or raises")

    def _exchange(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        query: Mapping[str, str | int] | None,
        *,
        once: bool,
    ) -> Answer:
        name, prefix = self.authorization
        address = f"{self.base.rstrip('/')}{path}{f'?{urlencode(query)}' if query else ''}"
        request = urllib.request.Request(
            address,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Accept": self.accept, "User-Agent": f"dpaas/{__version__}", "Content-Type": "application/json"},
        )
        # Unredirected: a second guard that no redirect gets it.
        request.add_unredirected_header(name, f"{prefix}{self.token.reveal()}")
        opener = urllib.request.build_opener(_NoRedirect)
        sent = False
        try:
            with opener.open(request, timeout=TIMEOUT_S) as response:
                sent = True
                return Answer(response.status, _parsed(response.read(MOST_BYTES)), response.headers)
        except urllib.error.HTTPError as problem:
            with problem:
                return Answer(problem.code, _parsed(problem.read(MOST_BYTES)), problem.headers)
        except (OSError, http.client.HTTPException) as problem:
            # No text of theirs: it may quote the request.
            reason = getattr(problem, "reason", problem)
            told = f"{method} {path}: {urlsplit(self.base).netloc} does not answer: {type(reason).__name__}"
            never_arrived = isinstance(reason, ConnectionRefusedError) and not sent
            if once and not never_arrived:
                raise MaybeDone(told) from None
            raise ForgeError(told) from None

    def _wait_for(self, answer: Answer, waited: float, *, once: bool) -> float | None:
        """Seconds until the request is worth sending again; None when it is not."""
        limited = answer.status == 429 or (answer.status == 403 and _is_limit(answer))
        if limited or answer.status == 503:
            return max(waited, _asked_for(answer.headers, self.now()))
        if answer.status == _BUSY:
            return waited
        if answer.status not in _PASSING:
            return None
        if once:
            raise MaybeDone(f"HTTP {answer.status}: whether it is done is not known", answer.status)
        return waited


def _is_limit(answer: Answer) -> bool:
    """GitHub's way to say 429: https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api"""
    return "retry-after" in answer.headers or answer.headers.get("x-ratelimit-remaining") == "0"


def _asked_for(headers: Message, now: float) -> float:
    """What the forge asks for: `Retry-After` in seconds or as a date, or when its limit is reset."""
    after = headers.get("retry-after", "").strip()
    if after.isdigit():
        return float(after)
    if after:
        try:
            return max(0.0, parsedate_to_datetime(after).timestamp() - now)
        except ValueError:
            return 0.0
    reset = headers.get("x-ratelimit-reset") or headers.get("ratelimit-reset") or ""
    spent = (headers.get("x-ratelimit-remaining") or headers.get("ratelimit-remaining")) == "0"
    return max(0.0, float(reset) - now) if spent and reset.isdigit() else 0.0


def _is_last(headers: Message, count: int, seen: int) -> bool:
    """By `Link` (all three), GitLab's `X-Next-Page` or Gitea's `X-Total-Count`; by none, a page that is not full.

    A page of GitLab's may even be empty before the last one: what its reader may not see is taken out afterwards.
    """
    link, following, total = (headers.get(name, "") for name in ("link", "x-next-page", "x-total-count"))
    if link:
        return 'rel="next"' not in link
    if headers.get("x-next-page") is not None:
        return not following.strip()
    if total.isdigit():
        return not count or seen >= int(total)
    return count < PAGE


def _parsed(data: bytes) -> Any:
    if not data.strip():
        return None
    try:
        return json.loads(data)
    except ValueError:
        return None  # a proxy's page: the status tells enough


def _refused(method: str, path: str, answer: Answer) -> ForgeError:
    said = (answer.body.get("message") or answer.body.get("error")) if is_map(answer.body) else None
    if is_map(said):
        # GitLab's way to tell what is wrong with which field.
        said = "; ".join(f"{name} {', '.join(map(str, why)) if is_list(why) else why}" for name, why in said.items())
    told = f": {said}" if isinstance(said, str) else ""
    hint = " (the token may not do this)" if answer.status in (401, 403) else ""
    return ForgeError(f"{method} {path}: HTTP {answer.status}{told}{hint}", answer.status)
