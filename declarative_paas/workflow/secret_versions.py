"""The moment when values from sources become versions in the store: an apply that holds the lock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from declarative_paas.core.plan import Change, Plan
from declarative_paas.core.state import SecretStore
from declarative_paas.core.values import SecretRef, Sensitive, Value, is_list, is_map, secret_refs
from declarative_paas.workflow.secret_sources import NOT_STORED, SourcedSecrets
from declarative_paas.workflow.stale import StalePlan


def store_sourced(plan: Plan, values: Mapping[str, Sensitive], store: SecretStore) -> Plan:
    """Stores what the plan takes from sources; the same plan, each secret in it with its version.

    Raises StateError; StalePlan when a value is not the one that was planned with.
    """
    versions: dict[str, SecretRef] = {}
    for ref in _unstored(plan):
        if ref.name not in versions:
            versions[ref.name] = store.put(ref.name, values[ref.name])
        if ref.digest not in ("", versions[ref.name].digest):
            raise StalePlan([f"secret {ref.name} has another value"])
    if not versions:
        return plan
    return replace(plan, changes=tuple(_with_versions(change, versions) for change in plan.changes))


def moved_secrets(plan: Plan, sourced: SourcedSecrets) -> list[str]:
    """What a saved plan takes from sources that now hold another value, in words."""
    found: dict[str, None] = {}
    for ref in _unstored(plan):
        now = sourced.refs.get(ref.name)
        if now is None:
            found[f"secret {ref.name} is not taken from a source any more"] = None
        # Without a digest there was no key yet: a first plan, which compared nothing.
        elif ref.digest and now.digest != ref.digest:
            found[f"secret {ref.name} has another value"] = None
    return list(found)


def _unstored(plan: Plan) -> Iterator[SecretRef]:
    for change in plan.changes:
        yield from _unstored_in(change)


def _unstored_in(change: Change) -> Iterator[SecretRef]:
    return (ref for ref in secret_refs(change.after) if ref.version == NOT_STORED)


def _with_versions(change: Change, versions: Mapping[str, SecretRef]) -> Change:
    if not any(True for _ in _unstored_in(change)):
        return change
    fields = tuple(replace(item, after=_versioned(item.after, versions)) for item in change.fields)
    return replace(change, after=_versioned(change.after, versions), fields=fields)


def _versioned(value: Value, versions: Mapping[str, SecretRef]) -> Value:
    if isinstance(value, SecretRef):
        return versions[value.name] if value.version == NOT_STORED else value
    if is_map(value):
        return {key: _versioned(item, versions) for key, item in value.items()}
    if is_list(value):
        return [_versioned(item, versions) for item in value]
    return value
