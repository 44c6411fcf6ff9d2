"""Whether a text holds a credential, however it is written there: alone, in a URL, percent-encoded, in JSON. Pure."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import SplitResult, unquote, unquote_plus, urlsplit

from declarative_paas.core.values import Sensitive, is_list, is_map

_DEPTH: Final = 3
"""How often one way of writing may be inside another: JSON in a URL's query in JSON."""

_TELLING: Final = 6
"""A shorter password stands in many texts by chance: it only counts beside whom or what it is for."""

_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")


def holds_credential(text: str, credential: Sensitive) -> bool:
    """Whether the text tells a password of the credential, or whose account on which server it is.

    A credential is an add-on's URL, or, where it is none, a word that is secret as a whole.
    """
    secret = credential.reveal()
    if not secret:
        return False
    parts = _split(secret)
    return any(_tells(reading, secret, parts) for reading in _readings(text, _DEPTH))


def _tells(text: str, secret: str, parts: SplitResult | None) -> bool:
    if secret in text:
        return True
    if parts is None:
        return False
    server = _server(parts)
    user = unquote(parts.username or "")
    # `https://TOKEN@host`: without a password the name is the secret.
    password = unquote(parts.password or "") or user
    beside = bool(server and server in text) or bool(parts.password and user and user in text)
    if password and password in text and (len(password) >= _TELLING or beside):
        return True
    return bool(user and server) and user in text and server in text


def _split(secret: str) -> SplitResult | None:
    try:
        parts = urlsplit(secret)
        return parts if parts.scheme and parts.hostname else None
    except ValueError:
        return None


def _server(parts: SplitResult) -> str:
    try:
        return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname or "")
    except ValueError:
        return str(parts.hostname or "")


def _readings(text: str, depth: int) -> Iterator[str]:
    """The text, and what it says once it is decoded in each of the ways that config values are written in."""
    yield text
    if depth == 0:
        return
    for inner in {unquote(text), unquote_plus(text), *_json_texts(text), *_base64_texts(text)} - {text}:
        yield from _readings(inner, depth - 1)


def _json_texts(text: str) -> Iterator[str]:
    if text.lstrip()[:1] not in ("{", "[", '"'):
        return
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError):
        return
    waiting = [found]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif is_map(value):
            yield from value
            waiting.extend(value.values())
        elif is_list(value):
            waiting.extend(value)


def _base64_texts(text: str) -> Iterator[str]:
    for found in _BASE64.finditer(text):
        word = found[0].rstrip("=").translate(str.maketrans("-_", "+/"))
        try:
            yield base64.b64decode(word + "=" * (-len(word) % 4)).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            continue
