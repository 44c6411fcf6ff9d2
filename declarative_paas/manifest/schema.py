"""The JSON Schemas (draft 2020-12) that editors check manifests with, made from the models."""

from __future__ import annotations

import json
from typing import Any, Final

from declarative_paas.manifest import formats
from declarative_paas.manifest.app_models import AppDocument
from declarative_paas.manifest.fork_models import ForkDocument
from declarative_paas.manifest.model_base import ManifestModel
from declarative_paas.manifest.plain_data import is_list, is_mapping
from declarative_paas.manifest.platform_models import PlatformDocument, Variable

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_KINDS: Final[dict[str, type[ManifestModel]]] = {
    "App": AppDocument,
    "Fork": ForkDocument,
    "Platform": PlatformDocument,
}
_VARIABLE: Final = "VariableUse"
_VARIABLE_SCHEMA: Final = {
    "type": "string",
    "pattern": r"\$\{var\.[A-Za-z_][A-Za-z0-9_]*\}",
    "description": "A variable of the Platform: ${var.NAME}.",
}


def json_schemas() -> dict[str, dict[str, Any]]:
    """File name -> schema: one a kind, and `dpaas.schema.json` for any document, by its `kind`."""
    singles = {kind: _schema(model) for kind, model in _KINDS.items()}
    files = {f"{kind.lower()}.schema.json": {"$schema": DRAFT, **schema} for kind, schema in singles.items()}
    return {**files, "dpaas.schema.json": _any_kind(singles)}


def schema_texts() -> dict[str, str]:
    """File name -> exactly what stands in `schemas/`."""
    return {
        name: json.dumps(schema, indent=2, ensure_ascii=False) + "\n" for name, schema in sorted(json_schemas().items())
    }


def _any_kind(singles: dict[str, dict[str, Any]]) -> dict[str, Any]:
    definitions: dict[str, Any] = {}
    for kind, schema in singles.items():
        own = dict(schema)
        definitions.update(own.pop("$defs"))
        definitions[kind] = own
    return {
        "$schema": DRAFT,
        "title": "dpaas manifest",
        "description": "A document of a manifest: a Platform, an App or a Fork.",
        "type": "object",
        "required": ["kind"],
        "properties": {"kind": {"enum": sorted(singles), "description": "What this document declares."}},
        # By kind, not by oneOf: an editor then shows the one kind's mistakes only.
        "allOf": [
            {
                "if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]},
                "then": {"$ref": f"#/$defs/{kind}"},
            }
            for kind in sorted(singles)
        ],
        "$defs": dict(sorted(definitions.items())),
    }


def _schema(model: type[ManifestModel]) -> dict[str, Any]:
    made = _tidy(model.model_json_schema(by_alias=True))
    definitions = {
        # A variable's declaration is read before any variable has a value.
        name: schema if name == Variable.__name__ else _with_variables(schema)
        for name, schema in made.pop("$defs").items()
    }
    return {**_with_variables(made), "$defs": dict(sorted({**definitions, _VARIABLE: _VARIABLE_SCHEMA}.items()))}


def _tidy(schema: object) -> Any:
    """Pydantic's schema without its titles (the keys again, capitalised) and its `default: null` (unset).

    Keys that have a form admit no others.
    """
    if is_list(schema):
        return [_tidy(item) for item in schema]
    if not is_mapping(schema):
        return schema
    done = {
        key: _tidy(value)
        for key, value in schema.items()
        if not (key == "title" and isinstance(value, str)) and not (key == "default" and value is None)
    }
    return {**done, "additionalProperties": False} if "patternProperties" in done else done


def _with_variables(schema: object) -> Any:
    """The schema, where every value that is not free text may be a variable too."""
    if is_list(schema):
        return [_with_variables(item) for item in schema]
    if not is_mapping(schema):
        return schema
    done = {key: _with_variables(value) for key, value in schema.items()}
    if "anyOf" in done:
        done["anyOf"] = [inner for option in done["anyOf"] for inner in option.get("anyOf", [option])]
    if not _is_narrow(done):
        return done
    kept = {key: done.pop(key) for key in ("description", "default") if key in done}
    return {"anyOf": [done, {"$ref": f"#/$defs/{_VARIABLE}"}], **kept}


def _is_narrow(schema: dict[str, Any]) -> bool:
    """Whether the schema would refuse the text `${var.NAME}` though the value it stands for may fit."""
    match schema:
        case {"const": _} | {"pattern": formats.NOT_EMPTY.pattern}:
            return False
        case {"type": "integer" | "number" | "boolean"} | {"enum": _} | {"type": "string", "pattern": _}:
            return True
        case _:
            return False
