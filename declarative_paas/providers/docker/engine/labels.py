"""The labels on everything we make in an engine, and its deterministic names. Pure.

Labels say whose a thing is; names make a late duplicate create collide instead of doubling.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Final

PREFIX: Final = "dpaas."
PLATFORM: Final = "dpaas.platform"
REGION: Final = "dpaas.region"
SCOPE: Final = "dpaas.scope"
APP: Final = "dpaas.app"
ADDRESS: Final = "dpaas.address"
INSTANCE: Final = "dpaas.instance"
RELEASE: Final = "dpaas.release"
SPEC: Final = "dpaas.spec"
KEY: Final = "dpaas.key"
ROLE: Final = "dpaas.role"

PROBE_ROLE: Final = "probe"
"""Of a container that is made to see whether it can be, and removed at once."""

ADDON_ROLE: Final = "addon"
"""Of add-on servers' containers, the only ones that are on the networks of others."""

NAME_LIMIT: Final = 63
"""A container's name is its host name too, and a DNS label ends there."""

_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_.-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """Whose a thing is. `platform` and `region` always; the rest where it applies ("" is no label).

    `role`: what it is for (dyno, oneoff, build, keeper, guard, router, addon, …). `spec`: a digest of what it
    was made from. `key`: the idempotency key of the step that made it. `address`: the resource's.
    """

    platform: str
    region: str
    role: str = ""
    scope: str = ""
    app: str = ""
    address: str = ""
    instance: str = ""
    release: str = ""
    spec: str = ""
    key: str = ""

    def to_map(self, **more: str) -> dict[str, str]:
        """As the engine wants them. `more` are labels of the caller's own, by the part behind `dpaas.`."""
        named = {field.name: str(getattr(self, field.name)) for field in fields(self)} | more
        return {f"{PREFIX}{name}": value for name, value in named.items() if value}

    @classmethod
    def of(cls, labels: Mapping[str, str] | None) -> Labels | None:
        """What a thing's labels say; None when it is not ours (of no platform of this tool)."""
        found = labels or {}
        if not found.get(PLATFORM) or not found.get(REGION):
            return None
        return cls(**{field.name: found.get(f"{PREFIX}{field.name}", "") for field in fields(cls)})

    def with_(self, **changed: str) -> Labels:
        """The same owner, other particulars: `owner.with_(role="dyno", app="shop")`."""
        return replace(self, **changed)

    @property
    def place(self) -> str:
        return place(self.platform, self.region)

    def filters(self) -> list[str]:
        """For the engine's `label` filter: every one of them must hold."""
        return [f"{name}={value}" for name, value in sorted(self.to_map().items())]


def is_ours(labels: Mapping[str, str] | None, owner: Labels) -> bool:
    """Whether a thing belongs to the owner's platform and region. Nothing else may be touched."""
    found = Labels.of(labels)
    return found is not None and (found.platform, found.region) == (owner.platform, owner.region)


def place(platform: str, region: str) -> str:
    """8 characters that stand for a platform's region in names: two platforms on one engine never meet."""
    return hashlib.sha256(f"{platform}\0{region}".encode()).hexdigest()[:8]


def object_name(owner: Labels, *parts: str) -> str:
    """`dpaas-1f2e3d4c-shop-web.1-v3`: the same thing has the same name, whoever makes it, whenever.

    Longer than 63 characters, with a character that an engine refuses, or with a dash in one of several parts (where
    else does a part end?), it ends in a digest of them.
    """
    plain = "-".join(["dpaas", owner.place, *parts])
    name = _NOT_IN_NAMES.sub("-", plain)
    is_plain = name == plain and len(name) <= NAME_LIMIT
    if is_plain and (len(parts) == 1 or not any("-" in part for part in parts)):
        return name
    digest = hashlib.sha256("\0".join((owner.place, *parts)).encode()).hexdigest()[:8]
    return f"{name[: NAME_LIMIT - 9]}-{digest}"


def told_owner(labels: Mapping[str, str] | None) -> str:
    """Whose a thing is, for a person."""
    found = Labels.of(labels)
    if found is None:
        return "nobody of this tool"
    what = f" ({found.address})" if found.address else ""
    return f"platform {found.platform}, region {found.region}{what}"
