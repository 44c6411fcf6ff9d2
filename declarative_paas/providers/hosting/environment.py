"""What a dyno's environment is made of: what its slug needs, below what its release sets. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping

from declarative_paas.providers.hosting.records import ReleaseRecord
from declarative_paas.vault.keyring import Keyring


def opened(release: ReleaseRecord, keyring: Keyring) -> dict[str, str]:
    """The release's config and attachments, in clear."""
    found: dict[str, str] = json.loads(keyring.open(release.environment))
    return found


def dyno_environment(
    release: Mapping[str, str], slug: Mapping[str, str], *, app_directory: str, path: str
) -> dict[str, str]:
    """In a slug's variables `{app}` is the directory that the dyno runs in, and `$PATH` in its PATH is `path`."""
    from_slug = {variable: value.replace("{app}", app_directory) for variable, value in slug.items()}
    slug_path = from_slug.pop("PATH", None)
    environment = {**from_slug, **release}
    if slug_path is not None and "PATH" not in release:
        environment["PATH"] = slug_path.replace("$PATH", path)
    return environment
