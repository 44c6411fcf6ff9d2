"""The texts that have a form (names, keys, URLs): the pattern, how to say it, and how to repair a near miss."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final


def _keep(text: str) -> str:
    return text


def _as_name(text: str) -> str:
    """`My_App` -> `my-app`."""
    return re.sub(r"[^a-z0-9]+", "-", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", text).lower()).strip("-")[:30].rstrip("-")


def _as_variable(text: str) -> str:
    """`my-key` -> `my_key`."""
    name = re.sub(r"[^A-Za-z0-9_]+", "_", text).strip("_")
    return f"_{name}" if name[:1].isdigit() else name


def _as_alias(text: str) -> str:
    """`database-2` -> `DATABASE_2`."""
    return _as_variable(text).upper()


def _as_secret(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_/.-]+", "-", text).strip("./-")


def _as_host(text: str) -> str:
    """`https://WWW.example.com/` -> `www.example.com`."""
    return re.sub(r"^[a-z+]+://", "", text.strip().lower()).split("/")[0].split(":")[0].rstrip(".")


def _as_path(text: str) -> str:
    return "/" + re.sub(r"^https?://[^/]*", "", text.strip()).lstrip("/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A text's form. `says` completes "expected: …"; `repair` proposes, and may propose what still does not match."""

    pattern: str
    says: str
    repair: Callable[[str], str] = _keep

    def matches(self, text: str) -> bool:
        return re.search(self.pattern, text) is not None

    def repaired(self, text: str) -> str | None:
        """The text when it has the form, else a valid spelling of nearly the same, or None."""
        if self.matches(text):
            return text
        proposed = self.repair(text)
        return proposed if self.matches(proposed) else None


APP_NAME: Final = Format(
    pattern=r"^[a-z][a-z0-9-]{1,28}[a-z0-9]$",
    says="3 to 30 lower-case letters, digits and hyphens, a letter first, no hyphen last",
    repair=_as_name,
)
PLATFORM_NAME: Final = Format(
    pattern=r"^[a-z]([a-z0-9-]{0,28}[a-z0-9])?$",
    says="at most 30 lower-case letters, digits and hyphens, a letter first, no hyphen last",
    repair=_as_name,
)
REGION_NAME: Final = Format(
    pattern=r"^[a-z]([a-z0-9-]{0,20}[a-z0-9])?$",
    says="at most 22 lower-case letters, digits and hyphens, a letter first, no hyphen last",
    repair=_as_name,
)
JURISDICTION: Final = Format(
    pattern=r"^[A-Z][A-Z0-9-]{1,15}$",
    says="a code in capitals, such as US or EU",
    repair=lambda text: text.strip().upper(),
)
CONFIG_KEY: Final = Format(
    pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
    says="letters, digits and underscores, no digit first",
    repair=_as_variable,
)
VARIABLE_NAME: Final = Format(
    pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
    says="letters, digits and underscores, no digit first",
    repair=_as_variable,
)
PROCESS_TYPE: Final = Format(
    pattern=r"^[A-Za-z]([A-Za-z0-9_-]{0,30}[A-Za-z0-9])?$",
    says="at most 32 letters, digits, hyphens and underscores, a letter first",
    repair=lambda text: re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-_"),
)
ALIAS: Final = Format(
    pattern=r"^[A-Z][A-Z0-9_]{0,62}$",
    says="capital letters, digits and underscores, such as DATABASE: it begins the config keys (DATABASE_URL)",
    repair=_as_alias,
)
PLAN: Final = Format(
    pattern=r"^[a-z][a-z0-9-]*:[a-z0-9][a-z0-9-]*$",
    says="SERVICE:PLAN, such as postgres:standard-0",
    repair=lambda text: re.sub(r"\s*[:/]\s*", ":", text.strip().lower()),
)
ATTACHED: Final = Format(
    pattern=r"^[a-z][a-z0-9-]{1,28}[a-z0-9]/[A-Z][A-Z0-9_]{0,62}$",
    says="APP/ALIAS, such as billing/DATABASE",
    repair=lambda text: "/".join([_as_name(text.partition("/")[0]), _as_alias(text.partition("/")[2])]),
)
SECRET_NAME: Final = Format(
    pattern=r"^[A-Za-z0-9_-]+([./][A-Za-z0-9_-]+)*$",
    says="a secret's name, such as storefront/secret-key; never its value",
    repair=_as_secret,
)
DOMAIN: Final = Format(
    pattern=r"^(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$",
    says="a host name in lower case without scheme, port or path, such as www.example.com or *.example.com",
    repair=_as_host,
)
DRAIN: Final = Format(
    pattern=r"^(syslog(\+tls)?://[^\s/:@]+:[0-9]{1,5}/?|https?://[^\s/@]+(/\S*)?)$",
    says="syslog://HOST:PORT, syslog+tls://HOST:PORT or https://HOST/PATH, without credentials",
    repair=lambda text: text.strip().replace("syslogs://", "syslog+tls://"),
)
IGNORED_FIELD: Final = Format(
    pattern=(
        r"^(maintenance|config\.[A-Za-z_][A-Za-z0-9_]*"
        r"|formation\.[A-Za-z]([A-Za-z0-9_-]{0,30}[A-Za-z0-9])?\.(command|health|quantity|size)"
        r"|addons\.[A-Z][A-Z0-9_]{0,62}\.(plan|version))$"
    ),
    says=(
        "maintenance, config.KEY, formation.TYPE.FIELD (command, health, quantity or size) "
        "or addons.ALIAS.FIELD (plan or version)"
    ),
    repair=lambda text: re.sub(r"[/:\s]+", ".", re.sub(r"^spec\.", "", text.strip())),
)
HEALTH_PATH: Final = Format(pattern=r"^/\S*$", says="a path that begins with /, such as /healthz", repair=_as_path)
NOT_EMPTY: Final = Format(pattern=r"\S", says="text that is not blank")
STATE_URL: Final = Format(
    pattern=r"^(sqlite:\S.*|postgres(ql)?://([^\s:@/]+@)?[^\s@/]+/[^\s@]+)$",
    says="sqlite:PATH or postgresql://USER@HOST/DATABASE; its password is PGPASSWORD or a password file, never here",
    repair=lambda text: f"sqlite:{text.strip()}" if text.strip().endswith((".db", ".sqlite")) else text,
)
MOVED_ADDRESS: Final = Format(
    pattern=r"^(app\.[a-z][a-z0-9-]{1,28}[a-z0-9]|(addon|secret)\.[a-z][a-z0-9-]{1,28}[a-z0-9]/[A-Za-z_][A-Za-z0-9_]*)$",
    says="app.APP for everything of an app, addon.APP/ALIAS or secret.APP/KEY, where APP has 3 to 30 letters",
)
REMOVED_ADDRESS: Final = Format(
    pattern=(
        r"^(app|addon|attachment|config|domain|formation|release|secret|slug)"
        r"\.[a-z][a-z0-9-]{1,28}[a-z0-9](/[A-Za-z0-9_.*-]+)?$"
    ),
    says="a resource's address as plans print it, such as addon.storefront/DATABASE",
)
ENVIRONMENT_NAME: Final = Format(
    pattern=r"^[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?$",
    says="lower-case letters, digits and hyphens",
    repair=_as_name,
)

_ALL: Final = (
    APP_NAME,
    PLATFORM_NAME,
    REGION_NAME,
    JURISDICTION,
    CONFIG_KEY,
    PROCESS_TYPE,
    ALIAS,
    PLAN,
    ATTACHED,
    SECRET_NAME,
    DOMAIN,
    DRAIN,
    IGNORED_FIELD,
    HEALTH_PATH,
    NOT_EMPTY,
    STATE_URL,
    MOVED_ADDRESS,
    REMOVED_ADDRESS,
)
BY_PATTERN: Final[dict[str, Format]] = {known.pattern: known for known in _ALL}
"""Pydantic reports a mismatch by its pattern; this finds the words for it."""
