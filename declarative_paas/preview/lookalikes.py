"""Text that looks like a secret though nobody said it is one. Pure: patterns and counting, no dictionary.

The prefixes are those that the issuers document so that scanners find their tokens. What is public by design
(publishable keys, public keys, certificates) is not in the table.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final

_ISSUED: Final[tuple[tuple[str, str], ...]] = (
    ("a GitHub token", r"\b(?:gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_[A-Za-z0-9_]{22,255})"),
    ("a GitLab token", r"\bgl(?:pat|dt|rt|cbt|ptt|ft|soat)-[\w-]{20,}"),
    ("a Stripe key", r"\b(?:[sr]k_(?:live|test)_[A-Za-z0-9]{10,}|whsec_[A-Za-z0-9+/=]{16,})"),
    ("an AWS access key id", r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    ("a Slack token", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"),
    ("a Slack webhook", r"hooks\.slack\.com/services/T\w+/B\w+/\w+"),
    ("a Google API key", r"\bAIza[\w-]{35}"),
    ("a Google OAuth secret", r"\b(?:GOCSPX-[\w-]{20,}|ya29\.[\w-]{20,})"),
    ("a SendGrid key", r"\bSG\.[\w-]{16,}\.[\w-]{16,}"),
    ("a Twilio key", r"\bSK[0-9a-f]{32}\b"),
    ("a Mailgun key", r"\bkey-[0-9a-f]{32}\b"),
    ("an npm token", r"\bnpm_[A-Za-z0-9]{36}\b"),
    ("a PyPI token", r"\bpypi-AgEI[\w-]{30,}"),
    ("an sk- API key", r"\bsk-(?:ant-|proj-|svcacct-)?(?=[\w-]*[0-9])(?=[\w-]*[A-Z])[\w-]{20,}"),
    ("a Heroku API key", r"\bHRKU-[\w-]{30,}"),
    ("a DigitalOcean token", r"\bdo[opr]_v1_[0-9a-f]{64}\b"),
    ("a Hugging Face token", r"\bhf_[A-Za-z0-9]{30,}\b"),
    ("a Vault token", r"\bhv[sbr]\.[\w-]{20,}"),
    ("a Telegram bot token", r"\b\d{8,10}:AA[\w-]{32,}"),
    ("a Shopify token", r"\bshp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}\b"),
    ("an age key", r"\bAGE-SECRET-KEY-1[0-9A-Z]{50,}"),
    ("a JSON web token", r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}"),
    ("a private key", r"(?s:-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]+-----|\Z))"),
)
"""(what it looks like, the whole of it)"""

_CARRIED: Final[tuple[tuple[str, str], ...]] = (
    ("a password in a URL", r"(?<=://)[^/\s:@'\"]*:(?P<password>[^@/\s'\"]+)(?=@)"),
    ("an Authorization header", r"(?i:\b(?:bearer|basic)\s+(?P<credential>(?=\S*\d)[\w+/=.~-]{12,}))"),
    ("a password on a command line", r"(?i:--(?:password|token|secret|api-key)[= ](?P<option>[^\s'\"]{6,}))"),
)
"""(what it looks like, its surroundings with the secret itself as the one named group)"""

_PATTERNS: Final = re.compile(
    "|".join(f"(?P<k{number}>{pattern})" for number, (_, pattern) in enumerate((*_ISSUED, *_CARRIED)))
)
_KINDS: Final = tuple(kind for kind, _ in (*_ISSUED, *_CARRIED))
_PARTS: Final = ("password", "credential", "option")
_PLACEHOLDER: Final = re.compile(r"\$.*|\*+|x+|<.*>|\{\{.*|%\w+%|\[.*\]|-.*", re.IGNORECASE)
"""What stands for a value that is filled in elsewhere: `$DB_PASSWORD`, `***`, `<password>`."""

_SECRET_NAME: Final = re.compile(
    r"(?:^|_)(?:pass|password|passwd|passphrase|pwd|secret|secret_?key(?:_base)?|token|api_?key|private_?key|access_?key|"
    r"auth_?key|signing_?key|encryption_?key|session_?key|client_?secret|credentials?)$",
    re.IGNORECASE,
)
"""Names of config vars whose value hardly is anything but a secret. `TOKEN_URL` and `PASSWORD_MIN_LENGTH` are none."""

_NO_SECRET: Final = re.compile(
    r"(?:[a-z][a-z0-9+.-]*://|sha(?:256|384|512)[:-]|ssh-|\.{0,2}/|data:|arn:|urn:|G-|UA-|pk_|-----BEGIN )"
    r"|[^@\s/]+@[^@\s/]+$|.*@sha256:",
)
"""What has its own form and is no secret as a whole: URLs, digests, public keys, paths, ids that pages publish."""

_HEX: Final = re.compile(r"(?:0x)?[0-9a-fA-F]+")
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_WORDS: Final = re.compile(r"[a-zA-Z]+(?:[-_ .,:/][a-zA-Z]+)*\d{0,4}|\d+(?:\.\d+)*\w?")
_RUN: Final = re.compile(r"[A-Za-z0-9+/=]+")
_URL_SAFE: Final = re.compile(r"(?=(?:[^-_]*[-_]){1,3}[^-_]*$)[\w-]{32,}")
"""Base64 for URLs has few dashes where names have many."""
_SHORTEST_RUN: Final = 20
_SHORTEST_NAMED: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookalike:
    """Where in a text something stands that looks like a secret: `kind` is a noun with its article."""

    kind: str
    start: int
    end: int


@lru_cache(maxsize=16_384)
def lookalikes(text: str, name: str | None = None) -> tuple[Lookalike, ...]:
    """Every part of a text that looks like a secret, left to right, none inside another.

    `name` is the config var whose whole value the text is: only then does its randomness count, because in a
    command or a sentence anything may look random.
    """
    found = tuple(_patterns(text))
    if found or name is None or text != text.strip() or " " in text:
        return found
    kind = _whole(text, name)
    return () if kind is None else (Lookalike(kind=kind, start=0, end=len(text)),)


def masked(text: str, found: tuple[Lookalike, ...]) -> str:
    """The text with each lookalike replaced by what it looks like."""
    for one in reversed(found):
        text = f"{text[: one.start]}[masked: {one.kind}]{text[one.end :]}"
    return text


def _patterns(text: str) -> Iterator[Lookalike]:
    for match in _PATTERNS.finditer(text):
        name = match.lastgroup
        part = next((part for part in _PARTS if match[part] is not None), None)
        if part is not None:
            name = next(group for group in match.re.groupindex if group.startswith("k") and match[group] is not None)
            if _PLACEHOLDER.fullmatch(match[part]):
                continue
        assert name is not None, "every alternative is a named group"
        start, end = match.span(part or 0)
        yield Lookalike(kind=_KINDS[int(name[1:])], start=start, end=end)


def _whole(text: str, name: str) -> str | None:
    if _NO_SECRET.match(text) or _PLACEHOLDER.fullmatch(text) or _UUID.fullmatch(text):
        return None
    if _SECRET_NAME.search(name):
        plain = len(text) < _SHORTEST_NAMED or _WORDS.fullmatch(text) is not None
        return None if plain else f"a value of something called {name}"
    runs = _RUN.findall(text)
    if _URL_SAFE.fullmatch(text):
        runs.append("".join(runs))
    return "a random key" if any(_is_random(run) for run in runs) else None


def _is_random(run: str) -> bool:
    """Long, many different characters, digits in several places, and a change of case or kind wherever chance has it.

    Random base64 changes between lower case, upper case and digits at two of three steps, words in camel case
    at one of four. Hex alone is a digest, a colour or an id more often than a key.
    """
    if len(run) < _SHORTEST_RUN or _HEX.fullmatch(run):
        return False
    kinds = [0 if letter.islower() else 1 if letter.isupper() else 2 for letter in run]
    changes = sum(a != b for a, b in pairwise(kinds)) / (len(run) - 1)
    numbers = sum(a != b == 2 for a, b in pairwise([0, *kinds]))
    if numbers < 2 or _entropy(run) < 3.5:
        return False
    return changes >= 0.4 if len(set(kinds)) == 3 else changes >= 0.3 and len(run) >= 24


def _entropy(text: str) -> float:
    """Bits a character, by how often each occurs."""
    return -sum(count / len(text) * math.log2(count / len(text)) for count in Counter(text).values())
