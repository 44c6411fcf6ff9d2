"""Secrets from where the Platform says they come from: read to plan with, stored only by an apply."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, assert_never

from declarative_paas.core.diagnostic import Diagnostic, error, warning
from declarative_paas.core.values import SecretRef, Sensitive
from declarative_paas.desired.secrets import apps_by_secret
from declarative_paas.manifest.manifests import PlatformManifest
from declarative_paas.manifest.platform_models import (
    SecretFromEncryptedFile,
    SecretFromEnvironment,
    SecretFromFile,
    SecretSource,
)
from declarative_paas.vault.encrypted_file import EncryptedFile
from declarative_paas.vault.keyring import Keyring, VaultError
from declarative_paas.workflow.key import existing_key
from declarative_paas.workflow.secret_text import MAX_SECRET_BYTES, Unusable, secret_text, without_line_end
from declarative_paas.workflow.world import World

NOT_STORED: Final = 0
"""The version of a value that no apply has stored yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcedSecrets:
    """What the declared sources hold, by secret: its ref, and its value or what is wrong with it.

    A ref has the version that is stored when that has the same value, else `NOT_STORED`. Its digest is "" as
    long as nothing was ever sealed: there is no key yet, and reading must not make one.
    """

    refs: Mapping[str, SecretRef] = field(default_factory=dict[str, SecretRef])
    values: Mapping[str, Sensitive] = field(default_factory=dict[str, Sensitive])
    problems: Mapping[str, Diagnostic] = field(default_factory=dict[str, Diagnostic])
    remarks: tuple[Diagnostic, ...] = ()


def read_sources_of_secrets(world: World) -> SourcedSecrets:
    """Reads the sources of the secrets that apps use; the others' may be missing. Raises StateError, VaultError."""
    declared = declared_sources(world.project.manifests.platform)
    if not declared:
        return SourcedSecrets()
    reader = _Reader(world)
    stored = world.secrets.refs()
    refs: dict[str, SecretRef] = {}
    for name in apps_by_secret(world.project.manifests):
        value = reader.read(name, declared[name]) if name in declared else None
        if value is not None:
            refs[name] = _ref_of(world, name, value, stored)
    return SourcedSecrets(refs=refs, values=reader.values, problems=reader.problems, remarks=tuple(reader.remarks))


def declared_sources(platform: PlatformManifest) -> Mapping[str, SecretSource]:
    """Where secrets come from, by name; those that are not here are stored by `dpaas secrets set`."""
    return platform.spec.secrets or {}


def described(source: SecretSource | None) -> tuple[str, str | None]:
    """The kind of source and, but for the store (None), the variable or file."""
    match source:
        case None:
            return "stored", None
        case SecretFromEnvironment():
            return "env", source.env
        case SecretFromFile():
            return "file", source.file
        case SecretFromEncryptedFile():
            return "encrypted", source.encrypted
        case _:
            assert_never(source)


def source_path(platform: PlatformManifest, name: str, source: SecretFromFile | SecretFromEncryptedFile) -> Path:
    """The source's file, by the place of the manifest that declares it."""
    key, text = ("file", source.file) if isinstance(source, SecretFromFile) else ("encrypted", source.encrypted)
    path = Path(text)
    if isinstance(source, SecretFromFile) and text.startswith("~/"):
        path = path.expanduser()
    return Path(platform.position("secrets", name, key).file).parent / path


def _ref_of(world: World, name: str, value: str, stored: Mapping[str, SecretRef]) -> SecretRef:
    key = existing_key(world.project, anything_stored=bool(stored))
    if key is None:
        return SecretRef(name, NOT_STORED, "")
    digest, current = key.digest(value), stored.get(name)
    if current is None:
        return SecretRef(name, NOT_STORED, digest)
    if current.digest == digest:
        return current
    # Another key makes other digests of the same values: opening one tells which it is.
    world.secrets.get(current)
    return SecretRef(name, NOT_STORED, digest)


class _Reader:
    """Reads one source after the other; each encrypted file and its key once."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._platform = world.project.manifests.platform
        self._files: dict[Path, EncryptedFile] = {}
        self._key: Keyring | None = None
        self.values: dict[str, Sensitive] = {}
        self.problems: dict[str, Diagnostic] = {}
        self.remarks: list[Diagnostic] = []

    def read(self, name: str, source: SecretSource) -> str | None:
        """The value; None when there is a problem with it."""
        match source:
            case SecretFromEnvironment():
                found = self._from_environment(name, source)
            case SecretFromFile():
                found = self._from_file(name, source)
            case SecretFromEncryptedFile():
                found = self._from_encrypted_file(name, source)
            case _:
                assert_never(source)
        if isinstance(found, Diagnostic):
            self.problems[name] = found
            return None
        self.values[name] = Sensitive(found)
        return found

    def _from_environment(self, name: str, source: SecretFromEnvironment) -> str | Diagnostic:
        value = self._world.environment.values.get(source.env)
        if value is None:
            return error(
                "missing-secret",
                f"secret {name!r} comes from the environment variable {source.env}, which is not set",
                self._platform.position("secrets", name, "env"),
                expected=f"its value in the environment of this command: `export {source.env}`",
            )
        found = secret_text(os.fsencode(value.reveal()))
        if isinstance(found, Unusable):
            return self._unusable(name, "env", f"the environment variable {source.env}", found)
        return found

    def _from_file(self, name: str, source: SecretFromFile) -> str | Diagnostic:
        from declarative_paas.workflow.git_tracking import is_tracked

        path = source_path(self._platform, name, source)
        position = self._platform.position("secrets", name, "file")
        try:
            data, mode = _content(path)
        except OSError as problem:
            return error(
                "missing-secret",
                f"secret {name!r} comes from the file {path}, which cannot be read: {problem.strerror}",
                position,
                expected=f"a file that you can read and others cannot: `install -m 600 SOURCE {path}`",
            )
        if mode & stat.S_IROTH:
            self.remarks.append(
                warning(
                    "readable-secret",
                    f"every user of this machine can read {path}, which holds secret {name!r}",
                    position,
                    expected=f"`chmod 600 {path}`",
                )
            )
        if is_tracked(path):
            self.remarks.append(
                warning(
                    "tracked-secret",
                    f"git tracks {path}, which holds secret {name!r} in clear",
                    position,
                    expected=f"`git rm --cached {path}` and a new value, or {{encrypted: PATH}}",
                )
            )
        found = secret_text(without_line_end(data))
        return self._unusable(name, "file", f"the file {path}", found) if isinstance(found, Unusable) else found

    def _from_encrypted_file(self, name: str, source: SecretFromEncryptedFile) -> str | Diagnostic:
        path = source_path(self._platform, name, source)
        try:
            if path not in self._files:
                self._files[path] = EncryptedFile.load(path)
            if name not in self._files[path].tokens:
                raise VaultError(f"{path} holds no secret {name}")
            if self._key is None:
                self._key = self._world.environment.encryption_key(self._world.project.encryption_key_file)
            text = self._files[path].open(name, self._key)
        except VaultError as problem:
            return error(
                "missing-secret",
                f"secret {name!r} cannot be had: {problem}",
                self._platform.position("secrets", name, "encrypted"),
                expected=f"the key that sealed the file, or a value: `dpaas secrets set {name}`",
            )
        found = secret_text(text.encode())
        return self._unusable(name, "encrypted", str(path), found) if isinstance(found, Unusable) else found

    def _unusable(self, name: str, key: str, where: str, found: Unusable) -> Diagnostic:
        position = self._platform.position("secrets", name, key)
        return error(
            found.code,
            f"secret {name!r}: the value in {where} {found.summary}",
            position,
            expected=found.expected,
        )


def _content(path: Path) -> tuple[bytes, int]:
    """A file's content, as far as a secret may go, and its mode. Raises OSError, also for what is no plain file."""
    # Not blocking: the path may name a pipe that nobody writes to.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise OSError(0, "it is no plain file")
        # A line end more than the largest value, and a byte to tell that there is more.
        return file.read(MAX_SECRET_BYTES + 3), mode
