"""A step and what is known by now, to the request a provider gets: references filled, secrets opened."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import cast

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.following import at_step
from declarative_paas.core.plan import Change, Operation, Step
from declarative_paas.core.provider import ErrorKind, ProviderError, StepRequest
from declarative_paas.core.resource import ResourceState
from declarative_paas.core.values import Attributes, Reference, SecretRef, Sensitive, Value, encode, is_list, is_map

Lookup = Callable[[ResourceAddress], ResourceState | None]
OpenSecret = Callable[[SecretRef], Sensitive]


def build_request(
    scope: Scope,
    step: Step,
    change: Change,
    prior: ResourceState | None,
    lookup: Lookup,
    open_secret: OpenSecret,
    *,
    siblings: frozenset[str] = frozenset(),
) -> StepRequest:
    """Raises ProviderError when a reference leads to nothing: an earlier step did not answer what it should."""
    making = step.operation in (Operation.CREATE, Operation.UPDATE, Operation.PROMOTE)
    source: Attributes = (change.after if making else change.before) or {}
    filled = cast("Attributes", fill(at_step(step.operation, step.address, source), lookup))
    attributes = cast("Attributes", reveal(filled, open_secret)) if making else filled
    return StepRequest(
        scope=scope,
        step_id=step.id,
        key=step_key(scope, step, filled),
        operation=step.operation,
        address=step.address,
        instance=step.instance,
        attributes=attributes,
        prior=prior,
        changed=frozenset(item.path.split(".", 1)[0] for item in change.fields),
        siblings=siblings,
    )


def step_key(scope: Scope, step: Step, attributes: Attributes) -> str:
    """The idempotency key: the same whenever the same thing is asked of the same instance.

    Making is one thing, whether it is called create or update: what a killed apply created, the next one
    finds there and plans as an update, and a release phase must not run twice for that.
    """
    operation = "make" if step.operation in (Operation.CREATE, Operation.UPDATE) else step.operation.value
    parts = [str(scope), operation, str(step.address), step.instance, encode(attributes)]
    content = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(content.encode()).hexdigest()[:24]


def fill(value: Value, lookup: Lookup) -> Value:
    """Replaces every reference by its value, which may itself be a `SecretRef`."""
    if isinstance(value, Reference):
        record = lookup(value.address)
        try:
            if record is None:
                raise KeyError
            return record.lookup(value.attribute)
        except KeyError:
            raise ProviderError(
                ErrorKind.INVALID, f"{value} is not known although {value.address} was applied"
            ) from None
    if is_map(value):
        return {key: fill(item, lookup) for key, item in value.items()}
    if is_list(value):
        return [fill(item, lookup) for item in value]
    return value


def reveal(value: Value, open_secret: OpenSecret) -> Value:
    """Opens every `SecretRef`: the result lives in memory, for one step."""
    if isinstance(value, SecretRef):
        return open_secret(value)
    if is_map(value):
        return {key: reveal(item, open_secret) for key, item in value.items()}
    if is_list(value):
        return [reveal(item, open_secret) for item in value]
    return value


def conceal(value: Value, name: str, store: Callable[[str, Sensitive], SecretRef]) -> Value:
    """Puts every `Sensitive` away in the secret store, leaving its ref: what a record may hold."""
    if isinstance(value, Sensitive):
        return value.ref if value.ref is not None else store(name, value)
    if is_map(value):
        return {key: conceal(item, f"{name}.{key}", store) for key, item in value.items()}
    if is_list(value):
        return [conceal(item, f"{name}.{index}", store) for index, item in enumerate(value)]
    return value


def as_known(outputs: Attributes, prior: ResourceState | None) -> Attributes:
    """The outputs, each secret that is the same as before under the name it had.

    A thing that got another address would else seem to have another secret, and all that use it to change.
    """
    if prior is None:
        return outputs
    return {name: _known(value, prior.outputs.get(name)) for name, value in outputs.items()}


def _known(value: Value, before: Value) -> Value:
    same = isinstance(value, SecretRef) and isinstance(before, SecretRef) and value.digest == before.digest
    return before if same and value.digest else value
