"""The platform's key, as a workflow has it: in a variable, and for as long as the command runs in its file."""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Final

from declarative_paas.core.values import Sensitive
from declarative_paas.vault.keyring import Keyring, VaultError
from declarative_paas.workflow.key import existing_key
from declarative_paas.workflow.project import Project
from declarative_paas.workflow.world import World

VARIABLE: Final = "DPAAS_CI_KEY"
"""The content of `.dpaas/secret.key`; with `_` and a platform's name in capitals, of that platform's."""


def take_keys(environment: MutableMapping[str, str]) -> dict[str, Sensitive]:
    """The keys by their variables' names, taken out of the environment: what is started inherits that."""
    names = [name for name in environment if name == VARIABLE or name.startswith(f"{VARIABLE}_")]
    found = {name: environment.pop(name).strip() for name in names}
    return {name: Sensitive(text) for name, text in found.items() if text}


@contextmanager
def key_in_place(project: Project, given: Mapping[str, Sensitive]) -> Generator[None]:
    """Writes the given key to its file where there is none, mode 0600, and removes it at the end.

    Raises VaultError when it is none, or another one than the file holds.
    """
    own = f"{VARIABLE}_{project.scope.platform.upper().replace('-', '_')}"
    key = given.get(own) or given.get(VARIABLE)
    path = project.key_file
    if key is None:
        yield
        return
    text = key.reveal()
    ids = Keyring(*text.encode().split()).ids
    if path.exists():
        if Keyring.load(path).ids != ids:
            raise VaultError(f"{VARIABLE} and {path} hold different keys: one of them is another platform's")
        yield
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(f"{text}\n")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def sealing_key(world: World) -> Keyring | None:
    """The key that approvals are sealed with; None where there is none yet. Makes none: it would be lost with the job.

    Raises VaultError, StateError.
    """
    return existing_key(world.project, anything_stored=bool(world.secrets.names()))
