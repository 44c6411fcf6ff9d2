"""The approval that a commit's status carries: which plan, until when, and a seal that only the platform's key makes.

A comment is for reading: whoever may edit it may write anything into it. A status can be set by anybody who may push.
So what counts is neither, but the seal: over the plan, the commit and the time, with the key that the state is
sealed with. Whoever has no access to the state cannot make one, nor move one to another commit or platform.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from declarative_paas.vault.keyring import Keyring

_PATTERN: Final = re.compile(
    r"plan (?P<digest>[0-9a-f]{64}) until (?P<until>\d{10}) seal (?P<plan>[0-9a-f]{16})\.(?P<file>[0-9a-f]{16})"
)
_SEAL_LENGTH: Final = 16
"""Of a keyed digest's 20 characters: 64 bits, which nobody guesses by asking a forge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """What was planned for a commit. `checksum` is the saved plan's: over all of it, not its actions only."""

    scope: str
    commit: str
    digest: str
    until: datetime
    checksum: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A sealed approval that was read back. `file_seal` tells whether a plan file is the one it was given for."""

    approval: Approval
    file_seal: str

    def is_expired(self, now: datetime) -> bool:
        return now > self.approval.until

    def is_of_file(self, checksum: str, key: Keyring) -> bool:
        """Whether a saved plan with this checksum is what was planned then."""
        return hmac.compare_digest(self.file_seal, _seal(self.approval, key, checksum))


def sealed_text(approval: Approval, key: Keyring, counts: str, limit: int) -> str:
    """The description of a status: counts for people, as far as there is room, then what `approval_in` reads."""
    until = int(approval.until.timestamp())
    seal = f"{_seal(approval, key, '')}.{_seal(approval, key, approval.checksum)}"
    text = f"plan {approval.digest} until {until} seal {seal}"
    return f"{counts} {text}" if counts and len(counts) + 1 + len(text) <= limit else text


def approval_in(description: str, scope: str, commit: str, key: Keyring) -> Found | None:
    """What a status says; None when it holds no approval of this scope and commit, or another key's."""
    told = _PATTERN.search(description)
    if told is None:
        return None
    approval = Approval(
        scope=scope, commit=commit, digest=told["digest"], until=datetime.fromtimestamp(int(told["until"]), UTC)
    )
    if not hmac.compare_digest(told["plan"], _seal(approval, key, "")):
        return None
    return Found(approval=approval, file_seal=told["file"])


def _seal(approval: Approval, key: Keyring, checksum: str) -> str:
    parts = ["dpaas approval 1", approval.scope, approval.commit, approval.digest]
    return key.digest("\0".join([*parts, str(int(approval.until.timestamp())), checksum]))[:_SEAL_LENGTH]
