"""What the models say about a place: which keys may stand there, and what a field is for."""

from __future__ import annotations

import types
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, Tag
from pydantic.fields import FieldInfo

from declarative_paas.manifest.nodes import Step

_UNIONS = (Union, types.UnionType)


def is_marker(step: Step) -> bool:
    """Whether a step of a pydantic location is no key of the document: a union's tag, or `[key]`."""
    return isinstance(step, str) and (step == "[key]" or (step.startswith("<") and step.endswith(">")))


def model_at(root: type[BaseModel], location: Sequence[Step]) -> type[BaseModel] | None:
    """The model that reads the mapping at a pydantic location."""
    annotation: Any = root
    for step in location:
        annotation = _below(annotation, step)
    return _as_model(annotation)


def field_at(root: type[BaseModel], location: Sequence[Step]) -> FieldInfo | None:
    """The field at a pydantic location, when one is declared there."""
    model = model_at(root, location[:-1]) if location else None
    return None if model is None else _fields(model).get(str(location[-1]))


def keys_of(model: type[BaseModel]) -> tuple[str, ...]:
    """A model's keys as a manifest spells them, in the order they are declared."""
    return tuple(_fields(model))


def sibling_keys(root: type[BaseModel], location: Sequence[Step]) -> tuple[str, ...]:
    """The keys of all shapes of the union that the last tag of a location chose from."""
    tags = [index for index, step in enumerate(location) if is_marker(step) and step != "[key]"]
    if not tags:
        return ()
    annotation: Any = root
    for step in location[: tags[-1]]:
        annotation = _below(annotation, step)
    models = (_as_model(variant) for variant in _variants(annotation))
    return tuple(dict.fromkeys(key for model in models if model is not None for key in _fields(model)))


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _variants(annotation: Any) -> Iterator[Any]:
    """The members of a union, those of unions inside it too; anything else is its own only member."""
    origin = get_origin(annotation)
    if origin is Annotated and not any(isinstance(extra, Tag) for extra in get_args(annotation)[1:]):
        yield from _variants(get_args(annotation)[0])
    elif origin in _UNIONS:
        for member in get_args(annotation):
            if member is not type(None):
                yield from _variants(member)
    else:
        yield annotation


def _strip(annotation: Any) -> Any:
    """The one type inside `Annotated` and `| None`."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in _UNIONS:
        members = [member for member in get_args(annotation) if member is not type(None)]
        return _strip(members[0]) if len(members) == 1 else annotation
    return annotation


def _as_model(annotation: Any) -> type[BaseModel] | None:
    inner = _strip(annotation)
    return inner if isinstance(inner, type) and issubclass(inner, BaseModel) else None


def _below(annotation: Any, step: Step) -> Any:
    """The annotation one step further in, or None."""
    if is_marker(step):
        for variant in _variants(annotation):
            if get_origin(variant) is Annotated and Tag(str(step)) in get_args(variant)[1:]:
                return variant
        return annotation
    model = _as_model(annotation)
    if model is not None:
        field = _fields(model).get(str(step))
        return None if field is None else field.annotation
    inner = _strip(annotation)
    match get_origin(inner):
        case origin if origin is dict:
            return get_args(inner)[1]
        case origin if origin is tuple:
            return get_args(inner)[0]
        case _:
            return None
