"""A Valkey server as it is, from its own answers, and how that differs from what its plan asks. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.addons.records import PlanFact
from declarative_paas.providers.addons.resp import Reply
from declarative_paas.providers.addons.valkey_config import ADMIN_CONNECTIONS, APP, EVICTION_POLICIES, ValkeySettings

DEFAULT_MEMORY_MB = 25  # the smallest plan's


@dataclass(frozen=True, slots=True, kw_only=True)
class ValkeyFacts:
    """A running server as it is. `app_hash` is None when its access list names no single password."""

    version: str
    run_id: str
    maxmemory_mb: int
    used_memory_bytes: int
    eviction: str
    persistent: bool
    connection_limit: int
    app_hash: str | None


INSPECT: Final[Sequence[tuple[str, ...]]] = (
    ("INFO",),
    ("CONFIG", "GET", "max*"),
    ("CONFIG", "GET", "appendonly"),
    ("ACL", "GETUSER", APP),
)
"""The commands whose replies `facts_of` reads."""


def facts_of(replies: Sequence[Reply]) -> ValkeyFacts:
    """From the replies to INSPECT, in its order."""
    told, limits, appendonly, user = replies
    info, config, hashes = info_of(told), {**pairs(limits), **pairs(appendonly)}, password_hashes(user)
    return ValkeyFacts(
        version=info.get("valkey_version") or info["redis_version"],
        run_id=info["run_id"],
        maxmemory_mb=int(str(config["maxmemory"])) // (1024 * 1024),
        used_memory_bytes=int(info["used_memory"]),
        eviction=str(config["maxmemory-policy"]),
        persistent=config["appendonly"] == "yes",
        connection_limit=int(str(config["maxclients"])) - ADMIN_CONNECTIONS,
        app_hash=str(hashes[0]) if len(hashes) == 1 else None,
    )


def info_of(reply: Reply) -> Mapping[str, str]:
    """INFO's lines by name."""
    return dict(line.split(":", 1) for line in str(reply).splitlines() if ":" in line)


def pairs(reply: Reply) -> Mapping[str, Reply]:
    """A reply of names and values."""
    if not isinstance(reply, list):
        return {}
    return {str(name): value for name, value in zip(reply[::2], reply[1::2], strict=True)}


def password_hashes(reply: Reply) -> list[Reply]:
    """Of `ACL GETUSER`."""
    found = pairs(reply).get("passwords")
    return found if isinstance(found, list) else []


def aof_is_written(info: Mapping[str, str]) -> bool:
    """Whether the append-only file holds all data: no rewrite is under way or due, and the last one went well."""
    pending = info["aof_rewrite_in_progress"] != "0" or info.get("aof_rewrite_scheduled", "0") != "0"
    return not pending and info["aof_last_bgrewrite_status"] == "ok"


def settings_of(plan: Mapping[str, PlanFact], attainable: int) -> ValkeySettings:
    """What a plan asks of a server that can have `attainable` clients at most. Raises ProviderError (INVALID)."""
    limit, eviction = plan.get("connection_limit"), str(plan.get("eviction") or "noeviction")
    if eviction not in EVICTION_POLICIES:
        summary = f"no eviction policy {eviction!r}; there are {', '.join(EVICTION_POLICIES)}"
        raise ProviderError(ErrorKind.INVALID, summary)
    return ValkeySettings(
        maxmemory_mb=int(plan.get("memory_mb") or DEFAULT_MEMORY_MB),
        eviction=eviction,
        persistent=bool(plan.get("persistent")),
        connection_limit=None if limit is None else min(int(limit), attainable),
    )


def differences(facts: ValkeyFacts, settings: ValkeySettings, app_hash: str) -> tuple[str, ...]:
    """How a server differs from its settings and the hash of its app's password, in words."""
    wanted_limit = facts.connection_limit if settings.connection_limit is None else settings.connection_limit
    compared = (
        ("memory limit in MB", facts.maxmemory_mb, settings.maxmemory_mb),
        ("eviction policy", facts.eviction, settings.eviction),
        ("persistence", facts.persistent, settings.persistent),
        ("connection limit", facts.connection_limit, wanted_limit),
    )
    found = [f"{label} is {_word(is_)}, should be {_word(wanted)}" for label, is_, wanted in compared if is_ != wanted]
    if facts.app_hash != app_hash:
        found.append("the password was changed")
    return tuple(found)


def _word(value: object) -> str:
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value)


def plan_as_found(plan: Mapping[str, PlanFact], facts: ValkeyFacts, attainable: int) -> Mapping[str, PlanFact]:
    """The facts that the plan names, as the server has them; others of the plan as recorded."""
    actual: dict[str, PlanFact] = {
        "memory_mb": facts.maxmemory_mb,
        "eviction": facts.eviction,
        "persistent": facts.persistent,
    }
    if facts.connection_limit != settings_of(plan, attainable).connection_limit:
        # Else it is as much of the plan's as this machine can give.
        actual["connection_limit"] = facts.connection_limit
    return {name: actual.get(name, value) for name, value in plan.items()}
