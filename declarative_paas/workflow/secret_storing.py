"""Where a new value of a secret goes: to the place that the Platform says it comes from, and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from declarative_paas.core.diagnostic import Diagnostic, error
from declarative_paas.core.values import Sensitive
from declarative_paas.manifest.platform_models import SecretFromEncryptedFile, SecretFromEnvironment, SecretFromFile
from declarative_paas.vault.encrypted_file import editing
from declarative_paas.vault.keyring import VaultError
from declarative_paas.workflow.secret_sources import declared_sources, source_path
from declarative_paas.workflow.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What became of a value: `version` in the store, or the encrypted `file`. `fresh`: it was another one before.

    `declared`: the Platform already says that the secret comes from that file.
    """

    version: int | None = None
    file: Path | None = None
    fresh: bool
    declared: bool = True


def place_of(world: World, name: str, encrypted: Path | None = None) -> Path | Diagnostic | None:
    """The encrypted file that the secret belongs into, None for the store; a diagnostic when neither may have it.

    `encrypted` is the file that the user asks for.
    """
    platform = world.project.manifests.platform
    source = declared_sources(platform).get(name)
    match source:
        case None:
            return encrypted
        case SecretFromEncryptedFile():
            path = source_path(platform, name, source)
            if encrypted is not None and encrypted.resolve() != path.resolve():
                return _elsewhere(world, name, "encrypted", f"the encrypted file {path}", "the file that is declared")
            return path
        case SecretFromEnvironment():
            where = f"the environment variable {source.env}"
            return _elsewhere(world, name, "env", where, f"a new value in {source.env}, then `dpaas apply`")
        case SecretFromFile():
            path = source_path(platform, name, source)
            return _elsewhere(world, name, "file", f"the file {path}", f"a new value in {path}, then `dpaas apply`")


def store_value(world: World, name: str, value: str, place: Path | None) -> Stored:
    """Puts the value where `place_of` says. Raises StateError, VaultError, OSError."""
    if place is not None:
        fresh = _write_encrypted(world, name, value, place)
        return Stored(file=place, fresh=fresh, declared=name in declared_sources(world.project.manifests.platform))
    before = world.secrets.current(name)
    after = world.secrets.put(name, Sensitive(value))
    return Stored(version=after.version, fresh=before is None or before.version != after.version)


def encrypted_places(world: World, name: str, encrypted: Path | None = None) -> list[Path]:
    """The encrypted files that may hold the secret: the one that the user names; else the one that is declared for it,
    or, for a name that the Platform says nothing of, every one that it takes other secrets from."""
    platform = world.project.manifests.platform
    sources = declared_sources(platform)
    if encrypted is not None:
        return [encrypted]
    if name in sources:
        place = place_of(world, name)
        return [place] if isinstance(place, Path) else []
    files = {
        source_path(platform, other, source)
        for other, source in sources.items()
        if isinstance(source, SecretFromEncryptedFile)
    }
    return sorted(files)


def remove_encrypted(name: str, path: Path) -> bool:
    """Takes the secret out of the encrypted file; whether it was there. Raises VaultError, OSError."""
    with editing(path) as content:
        if name not in content.tokens:
            return False
        content.without(name).save()
    return True


def _write_encrypted(world: World, name: str, value: str, path: Path) -> bool:
    """Whether the file has another value now. Only a first file's key is made: a later one's was lost."""
    with editing(path) as content:
        key = world.environment.encryption_key(world.project.encryption_key_file, make=content.key is None)
        if name in content.tokens:
            try:
                if content.open(name, key) == value:
                    return False
            except VaultError:
                if content.key != key.id:
                    raise
                # It was altered: a new value is how that is mended.
        content.with_value(name, value, key).save()
    return True


def _elsewhere(world: World, name: str, key: str, where: str, expected: str) -> Diagnostic:
    position = world.project.manifests.platform.position("secrets", name, key)
    return error("secret-from-elsewhere", f"secret {name!r} comes from {where}", position, expected=expected)
