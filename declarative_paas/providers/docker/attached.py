"""Which add-ons an app's dynos may reach: those that are attached to the app, as the records tell."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from declarative_paas.core.address import ResourceAddress
from declarative_paas.providers.hosting.records import Record, Records


@dataclass(frozen=True, slots=True, kw_only=True)
class Attached:
    """An app by its name in the region, whose it is, and the keys of its add-ons."""

    app: str
    scope: str
    name: str
    addons: tuple[str, ...]


def attached(records: Records) -> dict[str, Attached]:
    """Every app of the region by its name there; one question to the records."""
    everything = records.all()
    keys: dict[tuple[str, str], set[str]] = {}
    for scope, address, record in _of_type(everything, "attachment"):
        keys.setdefault((scope, address.app), set()).add(str(record.attributes["addon"]))
    return {
        local: Attached(
            app=local, scope=scope, name=address.app, addons=tuple(sorted(keys.get((scope, address.app), ())))
        )
        for scope, address, record in _of_type(everything, "app")
        if (local := str(record.facts["name"]))
    }


def _of_type(
    records: dict[tuple[str, ResourceAddress, str], Record], kind: str
) -> Iterable[tuple[str, ResourceAddress, Record]]:
    return [(scope, address, record) for (scope, address, _), record in records.items() if address.type == kind]
