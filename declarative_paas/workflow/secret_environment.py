"""The environment variables that hold secrets, taken out of the environment before anything is started with it."""

from __future__ import annotations

import os
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from declarative_paas.core.values import Sensitive
from declarative_paas.manifest.manifests import PlatformManifest
from declarative_paas.manifest.platform_models import SecretFromEnvironment
from declarative_paas.vault.keyring import Keyring, VaultError

KEY_VARIABLE: Final = "DPAAS_SECRETS_KEY"
"""Holds the key of the encrypted files; without it a key file does."""

_READ_BY_US: Final = ("PG", "LC_", "PATH", "HOME", "LANG", "TERM", "TMPDIR")
"""How the names begin of variables that dpaas and its libraries read themselves: these stay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenEnvironment:
    """Variable -> value, only those that were set; and the key of encrypted files, where the environment has it."""

    values: dict[str, Sensitive] = field(default_factory=dict[str, Sensitive])
    key: Sensitive | None = None

    def encryption_key(self, key_file: Path, *, make: bool = False) -> Keyring:
        """The encrypted files' key: from the environment, else the key file, which `make` makes when it is missing.

        Raises VaultError.
        """
        if self.key is None:
            try:
                return Keyring.load_or_create(key_file) if make else Keyring.load(key_file)
            except VaultError as problem:
                raise VaultError(f"{problem} (and {KEY_VARIABLE} is not set)") from None
        try:
            return Keyring(os.fsencode(self.key.reveal()))
        except VaultError as problem:
            raise VaultError(f"{KEY_VARIABLE}: {problem}") from None


def take_environment(
    platform: PlatformManifest, environment: MutableMapping[str, str], *, taken: MutableMapping[str, Sensitive]
) -> TakenEnvironment:
    """Reads what the Platform names, and removes it: a program that dpaas starts has no business with it.

    `taken` is what was removed from this environment before, and takes up what is removed now: a variable that is
    set again counts more.
    """
    declared = sorted({*_declared(platform)})
    found = {name: Sensitive(environment[name]) for name in [*declared, KEY_VARIABLE] if name in environment}
    for name, value in found.items():
        if not name.startswith(_READ_BY_US):
            taken[name] = value
            del environment[name]
    known = {**taken, **found}
    key = known.get(KEY_VARIABLE)
    return TakenEnvironment(
        values={name: known[name] for name in declared if name in known},
        key=key if key is not None and key.reveal() else None,
    )


def _declared(platform: PlatformManifest) -> Iterator[str]:
    for source in (platform.spec.secrets or {}).values():
        if isinstance(source, SecretFromEnvironment):
            yield source.env
