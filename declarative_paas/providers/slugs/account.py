"""The user that builds and dynos run as."""

from __future__ import annotations

from typing import Any


def run_as(user: str | None) -> dict[str, Any]:
    """Arguments that make `subprocess` run as the user, with no group of ours. None: as ourselves."""
    if user is None:
        return {}
    import pwd

    entry = pwd.getpwnam(user)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
