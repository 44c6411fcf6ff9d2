"""How everything about a follower is called, on both servers. Pure: what is left over is found by its name."""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import Final

from declarative_paas.core.follow import FollowIdentity

_PREFIX: Final = "dpaas_"


def stream_name(identity: FollowIdentity) -> str:
    """The publication of a follower at its source, and its subscription: `dpaas_3fa9c1d2e4b5`."""
    digest = hashlib.sha256(f"{identity.source_instance}\0{identity.target_instance}".encode()).hexdigest()
    return _PREFIX + digest[:12]


def is_stream(name: str) -> bool:
    """Whether a publication or a subscription is one of ours."""
    return re.fullmatch(rf"{_PREFIX}[0-9a-f]{{12}}", name) is not None


def follower_role(identity: FollowIdentity) -> str:
    """The role that the source lets the follower in with."""
    return stream_name(identity).replace(_PREFIX, f"{_PREFIX}follower_")


def new_slot(identity: FollowIdentity) -> str:
    """Another slot for each try: a copy belongs to one slot, and must never be continued from another."""
    return f"{stream_name(identity)}_{secrets.token_hex(4)}"


def snapshot_id(exported: str, slot: str) -> str:
    """How a copy is recorded that was taken where `slot` begins."""
    return f"{exported} of slot {slot}"


def slot_of(snapshot: str) -> str:
    """The slot of such a copy; empty for a copy that has none."""
    return snapshot.partition(" of slot ")[2]


def holder_role(database: str) -> str:
    """The role that owns a database, and all in it, while it follows."""
    return f"{_PREFIX}holder_{hashlib.sha256(database.encode()).hexdigest()[:12]}"
