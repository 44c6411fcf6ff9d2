"""The JSON Schema (draft 2020-12) of a preview's JSON. Strict: a key that is not told here is a mistake of ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from declarative_paas.core.diagnostic import Severity
from declarative_paas.core.fork_review import DataFate
from declarative_paas.core.plan import PLAN_FORMAT, Action, Operation, RiskKind
from declarative_paas.core.resource import InstanceStatus
from declarative_paas.preview.json_view import PREVIEW_FORMAT
from declarative_paas.preview.signs import DEEDS

_OPTIONAL: Final = frozenset(
    {"create_before_destroy", "retains", "app_prices", "forks", "provenance", "back", "finish"}
)
"""Keys that are there only where they say something."""

FILE: Final = "plan.schema.json"

_TEXT: Final = {"type": "string"}
_TEXTS: Final = {"type": "array", "items": _TEXT}
_COUNT: Final = {"type": "integer", "minimum": 0}
_CENTS: Final = {"type": "integer", "description": "US cents a month."}
_YES_NO: Final = {"type": "boolean"}
_VALUE: Final = {"description": "Any value of an attribute, or one of the special objects of docs/plan-json.md."}
_ACTION: Final = {"enum": [action.value for action in Action]}
_RISK: Final = {"enum": [kind.value for kind in RiskKind]}
_POSITION: Final = {
    "description": "File, line and column, 1-based.",
    "type": "array",
    "prefixItems": [_TEXT, {"type": "integer"}, {"type": "integer"}],
    "minItems": 3,
    "maxItems": 3,
}


def plan_schema() -> dict[str, Any]:
    """Of `dpaas plan --json` and `dpaas preview --format json`."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "dpaas preview",
        "description": "What `dpaas plan --json` and `dpaas preview --format json` print. See docs/plan-json.md.",
        **_object(_members()),
        "$defs": _definitions(),
    }


def _members() -> dict[str, Any]:
    return {
        "format": {"const": PLAN_FORMAT},
        "tool_version": _TEXT,
        "catalog_digest": _TEXT,
        "digest": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        "checksum": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        "scope": {"type": "array", "items": _TEXT, "minItems": 3, "maxItems": 3},
        "lineage": _TEXT,
        "serial": {"type": "integer"},
        "destroy": _YES_NO,
        "refresh_only": _YES_NO,
        "targets": _TEXTS,
        "excludes": _TEXTS,
        "replaces": _TEXTS,
        "confirmed": _TEXTS,
        "summary": _ref("summary"),
        "changes": _array("change"),
        "steps": _array("step"),
        "drift": _array("drift"),
        "base": {"type": "object", "additionalProperties": _TEXT},
        "refreshed": _array("record"),
        "settles": _TEXTS,
        "back": _TEXTS,
        "finish": _TEXTS,
        "app_prices": _array("app_price"),
        "forks": _array("fork"),
        "provenance": _ref("provenance"),
        "verdict": _ref("verdict"),
        "banners": _array("banner"),
        "preview": _ref("preview"),
    }


def _definitions() -> dict[str, Any]:
    return {name: _object(members) for name, members in {**_plan_parts(), **_fork_parts(), **_preview_parts()}.items()}


def _plan_parts() -> dict[str, Mapping[str, Any]]:
    counts = [action.value for action in Action]
    return {
        "summary": {
            **dict.fromkeys([*counts, "unchanged", "unpriced"], _COUNT),
            "price_before_cents": _CENTS,
            "price_after_cents": _CENTS,
        },
        "field": {"path": _TEXT, "before": _VALUE, "after": _VALUE, "forces_replacement": _YES_NO},
        "change": {
            "address": _TEXT,
            "action": _ACTION,
            "region": _TEXT,
            "instance": _TEXT,
            "before": {"type": ["object", "null"]},
            "after": {"type": ["object", "null"]},
            "fields": _array("field"),
            "causes": _TEXTS,
            "risks": {"type": "array", "items": {"type": "array", "prefixItems": [_RISK, _TEXT], "minItems": 2}},
            "dependencies": _TEXTS,
            "prior_instance": _or_null(_TEXT),
            "prior_region": _or_null(_TEXT),
            "declared_in": _TEXT,
            "price_before_cents": _or_null(_CENTS),
            "price_after_cents": _or_null(_CENTS),
            "position": _or_null(_POSITION),
            "moved_from": _or_null(_TEXT),
            "renames_only": _YES_NO,
            "create_before_destroy": {"const": True},
            "retains": {"const": True},
        },
        "app_price": {"app": _TEXT, "before_cents": _CENTS, "after_cents": _CENTS, "unpriced": _COUNT},
        "step": {
            "id": _TEXT,
            "operation": {"enum": [operation.value for operation in Operation]},
            "address": _TEXT,
            "instance": _TEXT,
            "region": _TEXT,
            "after": _TEXTS,
        },
        "drift": {"address": _TEXT, "summary": _TEXT, "fields": _array("field")},
        "record": {
            **dict.fromkeys(["address", "instance", "region", "remote_id", "declared_in"], _TEXT),
            "status": {"enum": [status.value for status in InstanceStatus]},
            "attributes": {"type": "object"},
            "outputs": {"type": "object"},
            "dependencies": _TEXTS,
            "price_cents": _or_null(_CENTS),
            "type_version": _COUNT,
        },
    }


def _fork_parts() -> dict[str, Mapping[str, Any]]:
    return {
        "fork": {
            **dict.fromkeys(["fork", "source", "slug"], _TEXT),
            "regions": {**_TEXTS, "minItems": 2, "maxItems": 2},
            "jurisdictions": {"type": "array", "items": _or_null(_TEXT), "minItems": 2, "maxItems": 2},
            "addons": _array("forked_addon"),
            "common_secrets": _TEXTS,
            "left_behind": _TEXTS,
            "price_cents": _CENTS,
        },
        "forked_addon": {
            **dict.fromkeys(["alias", "plan", "remark"], _TEXT),
            "fate": {"enum": [fate.value for fate in DataFate]},
            "size_bytes": _or_null(_COUNT),
            "seconds": _or_null({"type": "number", "minimum": 0}),
        },
        "provenance": dict.fromkeys(["base", "head", "expires"], _or_null(_TEXT)),
    }


def _preview_parts() -> dict[str, Mapping[str, Any]]:
    return {
        "verdict": {
            "text": _TEXT,
            "has_changes": _YES_NO,
            "highest_risk": _or_null(_RISK),
            "price_delta_cents": _CENTS,
        },
        "banner": {"risk": _RISK, "address": _TEXT, "detail": _TEXT},
        "cost": {
            "delta_cents": _CENTS,
            "after_cents": _or_null(_CENTS),
            "percent": _or_null({"type": "integer"}),
            "unpriced": _COUNT,
        },
        "app": {
            "name": _TEXT,
            "regions": _TEXT,
            "counts": {"type": "object", "propertyNames": {"enum": list(DEEDS)}, "additionalProperties": _COUNT},
            "highest_risk": _or_null(_RISK),
            "changes": _TEXTS,
            "cost": _ref("cost"),
        },
        "risk": {
            "risk": _RISK,
            "address": _TEXT,
            "detail": _TEXT,
            "avoid": _TEXT,
            "confirmed": _YES_NO,
            "position": _or_null(_POSITION),
        },
        "restart": {"app": _TEXT, "dynos": _TEXTS, "rolling": _YES_NO},
        "limit": {"address": _TEXT, "text": _TEXT, "reached": _YES_NO},
        "diagnostic": {
            "severity": {"enum": [severity.value for severity in Severity]},
            "code": _TEXT,
            "summary": _TEXT,
            "position": _or_null(_POSITION),
            **dict.fromkeys(["address", "expected", "suggestion", "detail"], _or_null(_TEXT)),
        },
        "preview": {
            "format": {"const": PREVIEW_FORMAT},
            "failed": _YES_NO,
            "may_be_applied": _YES_NO,
            "standing": _TEXT,
            "apps": _array("app"),
            "cost": _ref("cost"),
            "risks": _array("risk"),
            "restarts": _array("restart"),
            "limits": _array("limit"),
            "diagnostics": _array("diagnostic"),
            "next_commands": _TEXTS,
            "base": _or_null(_TEXT),
            "head": _or_null(_TEXT),
            "since": _or_null(_ref("since")),
        },
        "since": {"name": _TEXT, "differences": _TEXTS},
    }


def _object(members: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(members),
        "required": [name for name in members if name not in _OPTIONAL],
        "additionalProperties": False,
    }


def _array(name: str) -> dict[str, Any]:
    return {"type": "array", "items": _ref(name)}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{name}"}


def _or_null(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"anyOf": [dict(schema), {"type": "null"}]}
