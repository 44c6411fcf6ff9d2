"""How a fact is read: what happened between two regions is as its record says, and no server is asked."""

from __future__ import annotations

from collections.abc import Mapping

from declarative_paas.core.provider import Absent, InstanceKey, Present, Reading, ReadQuery


def as_recorded(query: ReadQuery) -> Mapping[InstanceKey, Reading]:
    """Every record is there as it stands. One whose result was lost is not: it is asked for again, and found."""
    known: dict[InstanceKey, Reading] = {
        record.key: Present(remote_id=record.remote_id, attributes=record.attributes, outputs=record.outputs)
        for record in query.known
    }
    return {**dict.fromkeys(query.pending, Absent()), **known}
