"""Whatever a Docker engine, or the way to it, answers with: a `ProviderError` told for a person."""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from declarative_paas.core.provider import ErrorKind, ProviderError

KEPT_LINES: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What one of the engine's own messages means. `told` may use the pattern's named groups and `{message}`."""

    pattern: re.Pattern[str]
    kind: ErrorKind
    told: str


class EngineAnswer(OSError):
    """What an engine said within an answer that had begun well. `lines` are the last that it printed before."""

    def __init__(self, explanation: str, lines: Sequence[str]) -> None:
        super().__init__(explanation)
        self.explanation = explanation
        self.lines = tuple(lines[-KEPT_LINES:])


def _rule(pattern: str, kind: ErrorKind, told: str) -> Rule:
    return Rule(pattern=re.compile(pattern, re.IGNORECASE), kind=kind, told=told)


RULES: tuple[Rule, ...] = (
    _rule(r"no space left on device", ErrorKind.FAILED, "the engine's disk is full"),
    _rule(r"disk quota exceeded", ErrorKind.FAILED, "the engine's disk quota is used up"),
    _rule(
        r'container name "/?(?P<name>[^"]+)" is already in use by container "?(?P<id>[0-9a-f]{12})',
        ErrorKind.CONFLICT,
        "the name {name} is taken by container {id}",
    ),
    _rule(r"network with name (?P<name>\S+) already exists", ErrorKind.CONFLICT, "the network {name} exists already"),
    _rule(r"pool overlaps with other one", ErrorKind.CONFLICT, "the subnet is in use by another network"),
    _rule(r"port is already allocated|address already in use", ErrorKind.CONFLICT, "the port is taken: {message}"),
    _rule(r"network (?P<name>\S+) .*has active endpoints", ErrorKind.TRANSIENT, "the network {name} is still in use"),
    _rule(r"volume is in use", ErrorKind.TRANSIENT, "the volume is still in use: {message}"),
    _rule(
        r"is using its referenced image|image is (?:being used by|referenced in)|has dependent child images",
        ErrorKind.TRANSIENT,
        "the image is still in use",
    ),
    _rule(r"is restarting, wait until", ErrorKind.TRANSIENT, "the container is being restarted"),
    _rule(r"removal of container \S+ is already in progress", ErrorKind.TRANSIENT, "it is being removed already"),
    _rule(r"no available IPv4 addresses|no available addresses", ErrorKind.FAILED, "the network has no free address"),
    _rule(r"all predefined address pools", ErrorKind.FAILED, "the engine has no free address pool"),
    _rule(r"client version (?P<v>\S+) is too (?:old|new)", ErrorKind.INVALID, "it does not speak API version {v}"),
    _rule(
        r"HTTP request to an HTTPS server|HTTP response to HTTPS client",
        ErrorKind.UNAVAILABLE,
        "one side speaks TLS and the other does not",
    ),
    _rule(r"no such image:? (?P<name>\S+)", ErrorKind.INVALID, "the image {name} is not on the engine"),
    _rule(
        r"not found: manifest unknown|pull access denied", ErrorKind.INVALID, "the image cannot be pulled: {message}"
    ),
    _rule(r"no such container", ErrorKind.FAILED, "the container is gone: it was removed by somebody"),
    _rule(r"container \S+ is not running", ErrorKind.FAILED, "the container is not running"),
    _rule(r"network \S+ not found", ErrorKind.FAILED, "the network is gone: it was removed by somebody"),
    _rule(r"context deadline exceeded|i/o timeout|TLS handshake timeout", ErrorKind.TRANSIENT, "{message}"),
)
"""First match wins. The patterns are the engine's texts, which its API has instead of codes."""


@contextmanager
def told(where: str, doing: str) -> Generator[None]:
    """Turns whatever the SDK, or the transport, raises into a ProviderError: "`doing`: what it means, at `where`"."""
    import docker.errors
    import requests.exceptions
    import urllib3.exceptions

    try:
        yield
    except (
        docker.errors.DockerException,
        requests.exceptions.RequestException,
        urllib3.exceptions.HTTPError,
        OSError,
    ) as problem:
        raise translated(problem, where, doing) from None


def translated(problem: BaseException, where: str, doing: str) -> ProviderError:
    """The error for a person. Holds the engine's own words, never a request's body: that may hold a secret."""
    import docker.errors

    message = message_of(problem)
    for rule in RULES:
        match = rule.pattern.search(message)
        if match is not None:
            meaning = rule.told.format(message=message, **match.groupdict())
            return ProviderError(rule.kind, f"{doing}: {meaning} ({where})", detail=_detail(message, meaning))
    if isinstance(problem, EngineAnswer):
        return ProviderError(ErrorKind.FAILED, f"{doing}: {message} ({where})", detail=problem.lines)
    if isinstance(problem, docker.errors.APIError):
        return ProviderError(_kind_of_status(problem.status_code), f"{doing}: {message} ({where})")
    return _transport_error(problem, message, where, doing)


def message_of(problem: BaseException) -> str:
    """The engine's explanation where there is one, else the exception's own text; one line."""
    explanation = getattr(problem, "explanation", None)
    text = str(explanation) if explanation else str(problem)
    return " ".join(text.split()) or type(problem).__name__


def _detail(message: str, meaning: str) -> tuple[str, ...]:
    return () if message in meaning else (message,)


def _kind_of_status(status: int | None) -> ErrorKind:
    match status:
        case 409:
            return ErrorKind.CONFLICT
        case 400:
            return ErrorKind.INVALID
        case 401 | 403:
            return ErrorKind.UNAVAILABLE
        case 502 | 503 | 504:
            return ErrorKind.TRANSIENT
        case _:
            return ErrorKind.FAILED


def _transport_error(problem: BaseException, message: str, where: str, doing: str) -> ProviderError:
    """The way to the engine failed: requests wraps urllib3, which wraps the socket's error; the innermost tells."""
    import ssl

    import docker.errors
    import requests.exceptions

    causes = list(_chain(problem))
    if any(isinstance(cause, (ssl.SSLError, requests.exceptions.SSLError)) for cause in causes):
        reason = next((str(cause) for cause in reversed(causes) if isinstance(cause, ssl.SSLError)), message)
        return ProviderError(
            ErrorKind.UNAVAILABLE, f"{doing}: TLS with {where} failed: check tls_ca, tls_cert, tls_key", detail=[reason]
        )
    if any(isinstance(cause, docker.errors.TLSParameterError) for cause in causes):
        return ProviderError(ErrorKind.INVALID, f"{doing}: the TLS settings for {where} cannot be used: {message}")
    if any(isinstance(cause, (TimeoutError, requests.exceptions.Timeout)) for cause in causes):
        return ProviderError(ErrorKind.UNAVAILABLE, f"{doing}: {where} did not answer in time")
    for cause in reversed(causes):
        if isinstance(cause, OSError) and cause.strerror:
            return ProviderError(ErrorKind.UNAVAILABLE, f"{doing}: {where} cannot be reached: {cause.strerror}")
    return ProviderError(ErrorKind.UNAVAILABLE, f"{doing}: {where} cannot be reached: {message}")


def _chain(problem: BaseException) -> Generator[BaseException]:
    """The exception and what it holds: causes, contexts, and exceptions among its arguments."""
    waiting, seen = [problem], set[int]()
    while waiting:
        current = waiting.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        held = [*current.args, getattr(current, "reason", None), current.__cause__, current.__context__]
        waiting += [item for item in held if isinstance(item, BaseException)]
