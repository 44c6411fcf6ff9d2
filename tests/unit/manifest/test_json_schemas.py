"""The JSON Schemas: written, current, described, and of one mind with the models."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from declarative_paas.manifest.app_models import AppDocument, AppSpec
from declarative_paas.manifest.fork_models import ForkSpec
from declarative_paas.manifest.plain_data import is_list, is_mapping
from declarative_paas.manifest.platform_models import PlatformDocument, Region
from declarative_paas.manifest.schema import DRAFT, json_schemas, schema_texts
from declarative_paas.workflow.published_schemas import published_schemas

WRITTEN = Path(__file__).parents[3] / "schemas"


@pytest.mark.parametrize("name", ["app.schema.json", "platform.schema.json", "dpaas.schema.json"])
def test_the_written_schema_is_current(name: str) -> None:
    assert (WRITTEN / name).read_text(encoding="utf-8") == schema_texts()[name], "run: dpaas schema"


def test_there_is_no_other_schema() -> None:
    assert {path.name for path in WRITTEN.iterdir()} == set(published_schemas())


def _objects(schema: Any) -> Iterator[dict[str, Any]]:
    if is_mapping(schema):
        yield dict(schema)
        for value in schema.values():
            yield from _objects(value)
    elif is_list(schema):
        for item in schema:
            yield from _objects(item)


@pytest.mark.parametrize("name", sorted(json_schemas()))
def test_every_field_is_described(name: str) -> None:
    schema = json_schemas()[name]
    for one in _objects(schema):
        for key, field in one.get("properties", {}).items():
            if set(field) == {"const"}:  # a condition, not a field
                continue
            target = schema["$defs"].get(str(field.get("$ref", "")).rpartition("/")[2], {})
            assert field.get("description") or target.get("description"), (name, key)


@pytest.mark.parametrize("name", sorted(json_schemas()))
def test_every_reference_leads_somewhere(name: str) -> None:
    schema = json_schemas()[name]
    assert schema["$schema"] == DRAFT
    references = [one["$ref"] for one in _objects(schema) if isinstance(one.get("$ref"), str)]
    assert references
    assert {reference.rpartition("/")[2] for reference in references} <= set(schema["$defs"])


def test_a_schema_has_exactly_the_models_keys() -> None:
    definitions = json_schemas()["dpaas.schema.json"]["$defs"]
    for name, model in (
        ("App", AppDocument),
        ("ForkSpec", ForkSpec),
        ("AppSpec", AppSpec),
        ("Platform", PlatformDocument),
        ("Region", Region),
    ):
        keys = {field.alias or key for key, field in model.model_fields.items()}
        assert set(definitions[name]["properties"]) == keys
        assert definitions[name]["additionalProperties"] is False


def test_a_number_may_be_a_variable_and_free_text_needs_no_mention() -> None:
    definitions = json_schemas()["app.schema.json"]["$defs"]
    quantity = definitions["ProcessFormation"]["properties"]["quantity"]
    assert {"$ref": "#/$defs/VariableUse"} in quantity["anyOf"]
    assert {"$ref": "#/$defs/VariableUse"} not in definitions["AppSpec"]["properties"]["build"]["anyOf"]


def test_a_key_with_a_form_admits_no_other() -> None:
    config = json_schemas()["app.schema.json"]["$defs"]["AppSpec"]["properties"]["config"]
    (mapping,) = [one for one in config["anyOf"] if one.get("type") == "object"]
    assert mapping["additionalProperties"] is False


def test_a_documents_kind_chooses_its_schema() -> None:
    schema = json_schemas()["dpaas.schema.json"]
    assert {one["if"]["properties"]["kind"]["const"]: one["then"]["$ref"] for one in schema["allOf"]} == {
        "App": "#/$defs/App",
        "Fork": "#/$defs/Fork",
        "Platform": "#/$defs/Platform",
    }
