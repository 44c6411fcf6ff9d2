"""Names derived from an instance's key: within each engine's limits, and never the same for two keys."""

from __future__ import annotations

import hashlib
import re

POSTGRES_NAME_BYTES = 63  # NAMEDATALEN - 1: PostgreSQL cuts longer names silently, which would join two databases
PROCESS_NAME_LENGTH = 100  # a file name holds 255 bytes; supervisors add a prefix and an ending
RESERVED_DATABASES = frozenset({"postgres", "template0", "template1", "dpaas_admin", "public", "none"})


def _shortened(name: str, key: str, limit: int, separator: str) -> str:
    tail = separator + hashlib.sha256(key.encode()).hexdigest()[:12]
    return name[: limit - len(tail)] + tail


def database_name(key: str) -> str:
    """The PostgreSQL role and database of an instance: `[a-z_][a-z0-9_]*`, at most 63 bytes.

    `storefront-database-3fa9c1` becomes `storefront_database_3fa9c1`. A key that loses anything on
    the way, or is too long, gets a digest at the end, so that two keys never share a name.
    """
    name = re.sub(r"[^a-z0-9_]", "_", key.lower())
    if not re.match(r"[a-z_]", name) or name.startswith("pg_"):
        name = f"db_{name}"
    faithful = name.replace("_", "-") == key
    if faithful and len(name) <= POSTGRES_NAME_BYTES and name not in RESERVED_DATABASES:
        return name
    return _shortened(name, key, POSTGRES_NAME_BYTES, "_")


def file_stem(key: str) -> str:
    """A file or process name for a key: `[a-z0-9-]+`, at most 100 characters."""
    name = re.sub(r"[^a-z0-9-]", "-", key.lower())
    if name == key and len(name) <= PROCESS_NAME_LENGTH and not name.startswith("-"):
        return name
    return _shortened(f"x{name}" if name.startswith("-") else name, key, PROCESS_NAME_LENGTH, "-")
