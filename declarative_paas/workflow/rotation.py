"""New values for secrets, and whom they reach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from declarative_paas.core.diagnostic import Diagnostic, error, nearest
from declarative_paas.core.resource import InstanceStatus, ResourceState
from declarative_paas.core.values import SecretRef, Sensitive
from declarative_paas.manifest.platform_models import SecretFromEncryptedFile
from declarative_paas.vault.encrypted_file import EncryptedFile
from declarative_paas.workflow.secret_sources import declared_sources
from declarative_paas.workflow.secret_storing import place_of, store_value
from declarative_paas.workflow.world import World, random_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotatable:
    """A secret that can get a new value. `generated` is its stored value and length, for which nobody is asked.

    `place` is the encrypted file of one that lies in one.
    """

    name: str
    generated: tuple[SecretRef, int] | None = None
    place: Path | None = None


def generated_secrets(world: World) -> dict[str, Rotatable]:
    """The generated secrets of this environment that an apply has made, by address."""
    snapshot = world.store.snapshot(world.project.scope)
    found = (_generated(record) for record in snapshot.resources.values())
    return {item.name: item for item in sorted((item for item in found if item), key=lambda item: item.name)}


def rotatable(world: World, name: str, generated: Mapping[str, Rotatable]) -> Rotatable | Diagnostic:
    """What the name stands for; a diagnostic when it has no value yet, or comes from where dpaas writes nothing.

    Raises StateError, VaultError.
    """
    if name in generated:
        return generated[name]
    place = place_of(world, name)
    if isinstance(place, Diagnostic):
        return place
    if place is not None and name in EncryptedFile.load(place).tokens:
        return Rotatable(name=name, place=place)
    stored = [known for known in world.secrets.refs() if not known.startswith("@")]
    if place is None and name in stored:
        return Rotatable(name=name)
    encrypted = [
        known
        for known, source in declared_sources(world.project.manifests.platform).items()
        if isinstance(source, SecretFromEncryptedFile)
    ]
    known = [*stored, *encrypted, *generated]
    return error(
        "unknown-secret",
        f"no secret {name!r} has a value yet",
        expected=f"`dpaas secrets set {name}` for a first one, or, for a generated one, its address: secret.APP/KEY",
        # A generated secret is likely to be called by what follows `secret.`.
        suggestion=f"secret.{name}" if f"secret.{name}" in generated else nearest(name, known),
    )


def rotate(world: World, secret: Rotatable, value: str | None) -> bool:
    """Stores the value, or a new random one for a generated secret; whether it is another one than before.

    Nothing that runs has it yet: that takes an apply. Raises StateError, VaultError, OSError.
    """
    if secret.generated is not None:
        ref, length = secret.generated
        world.secrets.put(ref.name, Sensitive(random_text(length)))
        return True
    assert value is not None, "somebody gives the value of a secret that is not generated"
    return store_value(world, secret.name, value, secret.place).fresh


def _generated(record: ResourceState) -> Rotatable | None:
    value, length = record.outputs.get("value"), record.attributes.get("length")
    if record.address.type != "secret" or record.status is not InstanceStatus.CURRENT:
        return None
    if not isinstance(value, SecretRef) or not isinstance(length, int):
        return None
    return Rotatable(name=str(record.address), generated=(value, length))
