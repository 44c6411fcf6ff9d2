"""What a region holds, told for an import: its own records, with the secrets that its key opens."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from declarative_paas.core.address import Scope
from declarative_paas.core.provider import Discovered, ErrorKind, InstanceKey, ProviderError
from declarative_paas.core.values import Attributes, SecretRef, Sensitive, decode
from declarative_paas.providers.addons.driver import Outputs
from declarative_paas.providers.hosting import link_records
from declarative_paas.providers.hosting.app_names import AppNames
from declarative_paas.providers.hosting.host import RegionHost, local_name
from declarative_paas.providers.hosting.records import Record
from declarative_paas.vault.keyring import Keyring


def discovered(region: RegionHost) -> list[Discovered]:
    """Every record of every scope. Raises ProviderError, and VaultError when the key is another one."""
    addons = region.look(str(region.settings.scope)).addons
    names = AppNames(lambda: region.records)
    found: list[Discovered] = []
    for (scope, address, instance), record in sorted(region.records.all().items()):
        if address.type in link_records.TYPES:
            continue  # the region's own, and no resource of it
        attributes: Attributes = decode(dict(record.attributes))
        reading = addons.get(str(record.facts.get("key")))
        told: Outputs = {} if reading is None or address.type != "addon" else reading.outputs
        secret_outputs = {name: value for name, value in told.items() if isinstance(value, Sensitive)}
        found.append(
            Discovered(
                scope=Scope.parse(scope),
                address=address,
                instance=instance,
                remote_id=_remote_id(names.name(Scope.parse(scope), address.app), (address, instance), record),
                attributes=attributes,
                outputs={**decode(dict(record.outputs)), **secret_outputs},
                secrets=dict(_values(region.keyring, attributes, record, secret_outputs)),
            )
        )
    return found


def adopt(region: RegionHost, things: Sequence[Discovered], scope: Scope) -> None:
    """The things under the new scope, then no more under the old: what a crash leaves between is under both, and is
    made good by the same call again. Raises ProviderError.
    """
    for thing in things:
        if local_name(thing.scope, thing.address.app) != local_name(scope, thing.address.app):
            raise ProviderError(
                ErrorKind.INVALID,
                f"{thing.address} cannot become {scope}'s: what runs carries the environment's name, and this one is "
                f"of {thing.scope.environment}",
            )
    for thing in things:
        record = region.records.get(str(thing.scope), thing.key)
        if record is not None:
            region.records.put(str(scope), thing.key, record)
    for thing in things:
        if thing.scope != scope:
            region.records.remove(str(thing.scope), thing.key)


def _remote_id(app: str, key: InstanceKey, record: Record) -> str:
    """As the step answered it that made the thing. `app`: its name in the region."""
    address, instance = key
    match address.type:
        case "addon":
            return str(record.facts.get("key", instance))
        case "slug":
            return str(record.outputs.get("id", instance))
        case "release":
            return f"{app}-v{record.outputs.get('version')}"
        case "formation":
            return f"{app}-formation"
        case _:
            return instance


def _values(
    keyring: Keyring, attributes: Attributes, record: Record, outputs: Mapping[str, Sensitive]
) -> Iterator[tuple[str, Sensitive]]:
    """The values of the secrets that the attributes name. The digest says of each that it is that very one."""
    pairs: list[tuple[object, Sensitive]] = [(attributes.get("credentials"), value) for value in outputs.values()]
    if record.sealed:
        plain: Mapping[str, str] = json.loads(keyring.open(record.sealed))
        refs: Mapping[str, object] = attributes.get("vars", {})
        pairs += [(ref, Sensitive(plain[name])) for name, ref in refs.items() if name in plain]
    for ref, value in pairs:
        if isinstance(ref, SecretRef) and keyring.digest(value.reveal()) == ref.digest:
            yield ref.name, value
