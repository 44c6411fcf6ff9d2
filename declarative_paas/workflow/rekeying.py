"""A new key for the platform: the state's secrets sealed anew, everything else readable as before."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from declarative_paas.state.location import backup_store
from declarative_paas.vault.keyring import add_key
from declarative_paas.workflow.key import existing_key
from declarative_paas.workflow.lock import holding_lock
from declarative_paas.workflow.world import World, open_state


@dataclass(frozen=True, slots=True, kw_only=True)
class Rekeyed:
    """The ids of the old and the new key, how many values were sealed anew, and the copy of the state from before."""

    old: str
    new: str
    values: int
    backup: Path


def rekey(world: World) -> Rekeyed | None:
    """Makes a new key and seals the state's secrets with it; None when nothing was ever sealed.

    The key file goes first: whenever this ends early, every value still opens, and doing it again finishes it.
    Raises LockHeld, StateError, VaultError.
    """
    project, secrets = world.project, world.secrets
    before = existing_key(project, anything_stored=bool(secrets.names()))
    if before is None:
        return None
    with ExitStack() as held:
        # An apply of any environment that knows only the old key must not store beside the new one.
        for scope in sorted({*world.store.scopes(), project.scope}, key=str):
            held.enter_context(holding_lock(world.store, scope))
        # Opened with the old key: a key file that is not this state's must not get a new key on top.
        for ref in list(secrets.refs().values())[:1]:
            secrets.get(ref)
        location = project.manifests.platform.spec.state
        copy = backup_store(location, project.scope, base_dir=project.directory, now=world.clock.now())
        after = add_key(project.key_file)
        # A store of its own: the world's goes on with the key that it has read.
        with closing(open_state(project, world.clock)) as store:
            values = store.reseal()
    return Rekeyed(old=before.id, new=after.id, values=values, backup=copy)
