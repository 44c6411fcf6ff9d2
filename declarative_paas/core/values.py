"""The values a resource's attributes hold, and their one JSON form.

Plain JSON values, plus three that need care: a `Reference` to another resource's attribute, `UNKNOWN`
(known only after apply), and secrets. A secret's value lives only in `Sensitive`, in memory, while a
step runs; everywhere else a `SecretRef` stands for it, with a keyed digest that tells changed from same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, TypeGuard, cast

from declarative_paas.core.address import ResourceAddress


@dataclass(frozen=True, slots=True, order=True)
class Reference:
    """Another resource's attribute; resolved at plan time when it is known, else at apply."""

    address: ResourceAddress
    attribute: str

    def __str__(self) -> str:
        return f"{self.address}.{self.attribute}"


class Unknown:
    """The type of UNKNOWN, the value that only an apply can tell."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "(known after apply)"

    def __reduce__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()


@dataclass(frozen=True, slots=True)
class SecretRef:
    """A stored secret, by name and version. Equal secrets have equal digests (keyed, so not guessable).

    `version` 0 means: resolved from outside (the environment), not stored.
    """

    name: str
    version: int = field(compare=False)
    digest: str = ""

    def __str__(self) -> str:
        return f"[secret {self.name}]"


class Sensitive:
    """A secret's value, in memory only. Prints as `[secret]`, cannot be encoded or pickled."""

    __slots__ = ("_value", "ref")

    def __init__(self, value: str, ref: SecretRef | None = None) -> None:
        self._value = value
        self.ref = ref

    def reveal(self) -> str:
        """The secret itself: call it only where it is handed to the process that needs it."""
        return self._value

    def __repr__(self) -> str:
        return "[secret]"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sensitive) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> str:
        raise TypeError("a Sensitive value must not be serialised")


Value: TypeAlias = Any
"""None, bool, int, float, str, Reference, UNKNOWN, SecretRef, Sensitive, or a list/mapping of these."""

Attributes: TypeAlias = Mapping[str, Value]


def is_map(value: Value) -> TypeGuard[Mapping[str, Value]]:
    """Whether the value is a mapping; told to type checkers too, which know nothing of what an `Any` holds."""
    # The exact class first: asking an abstract class is ten times slower, and every plan asks a million times.
    return value.__class__ is dict or isinstance(value, Mapping)


def is_list(value: Value) -> TypeGuard[Sequence[Value]]:
    """Whether the value is a sequence of values; a text is not."""
    kind = value.__class__
    if kind is str or value is None:
        return False
    return kind is list or kind is tuple or (isinstance(value, Sequence) and not isinstance(value, str))


def references(value: Value) -> list[Reference]:
    """Every reference inside a value, in order."""
    found: list[Reference] = []
    _collect_references(value, found)
    return found


def _collect_references(value: Value, found: list[Reference]) -> None:
    if value.__class__ is str:
        return
    if isinstance(value, Reference):
        found.append(value)
    elif is_map(value):
        for item in value.values():
            _collect_references(item, found)
    elif is_list(value):
        for item in value:
            _collect_references(item, found)


def secret_refs(value: Value) -> list[SecretRef]:
    """Every secret that is named inside a value, in order."""
    if isinstance(value, SecretRef):
        return [value]
    if is_map(value):
        return [ref for item in value.values() for ref in secret_refs(item)]
    if is_list(value):
        return [ref for item in value for ref in secret_refs(item)]
    return []


def is_known(value: Value) -> bool:
    """Whether nothing inside the value waits for an apply."""
    if value is UNKNOWN or isinstance(value, Reference):
        return False
    if is_map(value):
        return all(is_known(item) for item in value.values())
    if is_list(value):
        return all(is_known(item) for item in value)
    return True


def encode(value: Value) -> Value:
    """To plain JSON. A `Sensitive` with a ref becomes its ref; one without raises TypeError."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if is_map(value):
        if len(value) == 1:
            # A user's own `{$ref: …}` must not come back as one of ours: its key gets one more `$`.
            return {f"${key}" if key.startswith("$") else key: encode(item) for key, item in value.items()}
        return {key: encode(item) for key, item in value.items()}
    if is_list(value):
        return [encode(item) for item in value]
    if isinstance(value, Reference):
        return {"$ref": [str(value.address), value.attribute]}
    if value is UNKNOWN:
        return {"$unknown": True}
    if isinstance(value, Sensitive):
        if value.ref is None:
            raise TypeError("a Sensitive value must not be serialised")
        value = value.ref
    if isinstance(value, SecretRef):
        return {"$secret": [value.name, value.version, value.digest]}
    raise TypeError(f"not an attribute value: {type(value).__name__}")


def decode(value: Value) -> Value:
    """From the JSON form that `encode` wrote."""
    if isinstance(value, dict):
        # Most values are plain: a call for each of them would double the time.
        members = cast("dict[str, Value]", value).items()
        return decode_object({key: decode(item) if type(item) in _NESTED else item for key, item in members})
    if is_list(value):
        return [decode(item) if type(item) in _NESTED else item for item in value]
    return value


def decode_object(value: dict[str, Value]) -> Value:
    """One JSON object whose members are decoded already: `json.loads(text, object_hook=decode_object)`."""
    if len(value) == 1:
        [pair] = value.items()
        match pair:
            case ("$secret", [name, version, digest]):
                return SecretRef(name, version, digest)
            case ("$ref", [address, attribute]):
                return Reference(ResourceAddress.parse(address), attribute)
            case ("$unknown", True):
                return UNKNOWN
            case (str(key), item) if key.startswith("$$"):
                return {key[1:]: item}
            case _:
                pass
    return value


_NESTED: Final = frozenset({dict, list})
