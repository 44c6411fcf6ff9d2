"""app.json, Procfile, heroku.yml -> a starter manifest that is valid as it stands; and what `init` writes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from manifest_case import PLATFORM, read, short

from declarative_paas.manifest.app_models import AddonPlan, AppSpec, GeneratedValue, SourcePath
from declarative_paas.manifest.format import format_text
from declarative_paas.manifest.importing.app_json import import_app_json
from declarative_paas.manifest.importing.draft import Draft, Imported, combine, render
from declarative_paas.manifest.importing.heroku_yml import import_heroku_yml
from declarative_paas.manifest.importing.procfile import import_procfile
from declarative_paas.manifest.importing.starter import schema_line, starter
from declarative_paas.manifest.importing.yaml_writer import scalar
from declarative_paas.manifest.model_base import SecretReference
from declarative_paas.manifest.nodes import plain
from declarative_paas.manifest.yaml_text import parse_yaml

APP_JSON: dict[str, Any] = {
    "name": "My Shop",
    "description": "Sells things.\nMany of them.",
    "keywords": ["shop"],
    "repository": "https://example.com/shop",
    "env": {
        "MODE": {"description": "How it runs", "value": "yes"},
        "VERSION": "1.10",
        "SESSION": {"generator": "secret"},
        "API_TOKEN": {"description": "From the bank", "required": True},
        "EXTRA": {"required": False},
        "PORT": "5000",
    },
    "formation": {
        "web": {"quantity": 2, "size": "Standard-1X"},
        "worker": {"quantity": 1, "size": "free"},
        "clock": {"quantity": 0, "size": "private-s"},
    },
    "addons": [
        "heroku-postgresql:standard-0",
        {"plan": "heroku-redis", "as": "CACHE", "options": {"maxmemory_policy": "noeviction"}},
        "papertrail",
    ],
    "buildpacks": [{"url": "heroku/python"}],
    "scripts": {"postdeploy": "python seed.py"},
    "environments": {"test": {}},
    "stack": "heroku-24",
    "stackk": 1,
}


def drafted(result: Imported) -> Draft:
    assert result.draft is not None
    return result.draft


def spec_of(text: str) -> AppSpec:
    """The App of a rendered text, which must be without a mistake."""
    manifests, diagnostics = read({"p.yaml": PLATFORM, "a.yaml": text})
    assert [str(one) for one in diagnostics] == []
    assert manifests is not None
    return manifests.apps[0].spec


def test_an_app_json_becomes_an_app() -> None:
    result = import_app_json(json.dumps(APP_JSON))
    assert result.diagnostics == ()
    text = render(drafted(result))
    spec = spec_of(text)
    assert "  name: my-shop\n" in text
    assert spec.config == {
        "MODE": "yes",
        "VERSION": "1.10",
        "SESSION": GeneratedValue(generate=64),
        "API_TOKEN": SecretReference(secret="my-shop/api-token"),
    }
    assert spec.formation is not None
    assert {kind: (one.size, one.quantity) for kind, one in spec.formation.items()} == {
        "web": ("standard-1x", 2),
        "worker": ("eco", 1),
        "clock": (None, 0),
    }
    assert spec.addons is not None
    assert [(one.plan, one.alias) for one in spec.addons if isinstance(one, AddonPlan)] == [
        ("postgres:standard-0", "DATABASE"),
        ("redis:mini", "CACHE"),
    ]


def test_what_an_app_json_has_and_a_manifest_has_not_is_told_with_its_reason() -> None:
    text = render(drafted(import_app_json(json.dumps(APP_JSON))))
    comments = [line.strip() for line in text.split("\n") if line.strip().startswith("#")]
    for start in (
        "# Sells things.",
        "# Many of them.",
        "# - env.PORT: ",
        "# - keywords: ",
        "# - repository: ",
        "# - buildpacks: ",
        "# - environments: ",
        "# - stack: ",
        "# - scripts.postdeploy (python seed.py): ",
        "# - the options of add-on heroku-redis: ",
        "# - stackk: ",
        "# How it runs",
        "# From the bank",
        "# Optional; ",
        "# EXTRA:",
        "# The size was free.",
        "# The size was private-s, ",
        "# - plan: papertrail:plan",
    ):
        assert any(line.startswith(start) for line in comments), start


def test_every_key_of_the_official_schema_is_carried_over_or_told() -> None:
    shared = Path(os.environ.get("DPAAS_SHARED", Path(__file__).parents[4] / "shared"))
    official = shared / "data" / "app-json.schema.json"
    keys = (
        set(json.loads(official.read_text(encoding="utf-8"))["properties"])
        if official.exists()
        else {"name", "description", "keywords", "website", "repository", "logo", "success_url", "scripts", "env"}
        | {"formation", "addons", "buildpacks", "environments", "stack", "image"}
    )
    values: dict[str, Any] = {"env": {"A": "b"}, "formation": {"web": {"quantity": 1}}, "addons": ["heroku-redis"]}
    values |= {"scripts": {"postdeploy": "x"}, "name": "shop-name", "description": "what it is"}
    for key in sorted(keys):
        text = render(drafted(import_app_json(json.dumps({key: values.get(key, "x")}))))
        assert "no such key" not in text
        traces = {
            "name": "shop-name",
            "description": "what it is",
            "env": "A: b",
            "addons": "redis:",
            "formation": "web:",
        }
        assert traces.get(key, f"# - {key}") in text, key


def test_a_broken_app_json_has_its_place() -> None:
    result = import_app_json('{"name": "x",\n "env": }')
    assert result.draft is None
    assert short(result.diagnostics) == [("app.json:2:9", "json-syntax")]


@pytest.mark.parametrize("text", ["[]", '"x"', "[" * 100_000, "nul", ""])
def test_a_text_that_is_no_app_json_is_a_diagnostic(text: str) -> None:
    result = import_app_json(text)
    assert result.draft is None
    assert len(result.diagnostics) == 1


def test_a_part_of_a_wrong_type_is_left_out_with_a_warning() -> None:
    result = import_app_json('{"env": [], "formation": 1, "addons": {}, "name": 3, "scripts": null}')
    assert [one.is_error for one in result.diagnostics] == [False] * 5
    spec_of(render(drafted(result)))


def test_a_procfile_becomes_processes_and_a_release_command() -> None:
    result = import_procfile("# x\nworker: python: w.py\nrelease: ./migrate # y\n\nweb: run --port $PORT ${var.x}\n")
    assert result.diagnostics == ()
    spec = spec_of(render(drafted(result), name="shop", source="./src"))
    assert spec.release == "./migrate # y"
    assert spec.formation is not None
    assert {kind: one.command for kind, one in spec.formation.items()} == {
        "web": "run --port $PORT ${var.x}",
        "worker": "python: w.py",
    }
    assert list(spec.formation) == ["web", "worker"]


def test_a_line_that_is_no_process_is_a_warning_with_its_place() -> None:
    result = import_procfile("web: x\nwhat\n: y\n")
    assert short(result.diagnostics) == [("Procfile:2:1", "procfile-line"), ("Procfile:3:1", "procfile-line")]


HEROKU_YML = """\
setup:
  addons:
    - {plan: heroku-postgresql, as: DATABASE}
  config: {S3_BUCKET: 012, PORT: 1}
build:
  docker: {web: Dockerfile, worker: worker/Dockerfile}
  config: {A: 012, B: [c]}
release:
  command: [./one, ./two]
  image: web
run:
  worker: {command: [python, w.py], image: web}
  web: run
extra: 1
"""


def test_a_heroku_yml_becomes_an_app() -> None:
    result = import_heroku_yml(HEROKU_YML)
    assert result.diagnostics == ()
    text = render(drafted(result), name="shop")
    spec = spec_of(text)
    assert spec.config == {"S3_BUCKET": "012"}
    assert spec.source == SourcePath(path=".", dockerfile="Dockerfile", args={"A": "012"})
    assert spec.release == "./one && ./two"
    assert spec.formation is not None
    assert {kind: one.command for kind, one in spec.formation.items()} == {"web": "run", "worker": "python && w.py"}
    for told in (
        "build.docker.worker (worker/Dockerfile)",
        "build.config.B",
        "release.image",
        "run.worker.image",
        "extra",
        "PORT",
    ):
        assert f"# - {told}" in text or f"setup.config.{told}" in text


def test_a_broken_heroku_yml_has_its_place() -> None:
    result = import_heroku_yml("run:\n\tweb: x\n")
    assert result.draft is None
    assert short(result.diagnostics) == [("heroku.yml:2:1", "tab-indentation")]


def test_build_arguments_without_a_dockerfile_are_not_carried_over() -> None:
    draft = drafted(import_heroku_yml("build: {config: {A: b}}\n"))
    assert spec_of(render(draft)).source == SourcePath(path=".")
    assert [remark.partition(":")[0] for remark in draft.remarks] == ["build.config"]


@pytest.mark.parametrize("text", ["- a\n", "run: x\n", "setup: {addons: {}, config: [1]}\n", "run: {web: }\n"])
def test_a_heroku_yml_of_another_shape_still_gives_a_valid_start_or_a_diagnostic(text: str) -> None:
    result = import_heroku_yml(text)
    if result.draft is None:
        assert result.diagnostics
    else:
        spec_of(render(result.draft))


def test_several_descriptions_make_one_app() -> None:
    procfile = drafted(import_procfile("web: run\nrelease: migrate\n"))
    app_json = drafted(import_app_json('{"name": "shop", "formation": {"web": {"quantity": 3, "size": "basic"}}}'))
    text = render(combine([procfile, app_json]))
    spec = spec_of(text)
    assert "# Made from Procfile, app.json.\n" in text
    assert spec.formation is not None
    web = spec.formation["web"]
    assert (web.command, web.size, web.quantity, spec.release) == ("run", "basic", 3, "migrate")


_TEXT = st.text(max_size=20)
_ENV = st.dictionaries(
    st.from_regex(r"[A-Z][A-Z0-9_]{0,8}", fullmatch=True) | _TEXT,
    _TEXT | st.fixed_dictionaries({}, optional={"description": _TEXT, "value": _TEXT, "required": st.booleans()}),
    max_size=4,
)
_ADDONS = st.lists(_TEXT | st.sampled_from(["heroku-postgresql", "heroku-postgresql:hobby-dev", "x:y"]), max_size=4)


@given(st.fixed_dictionaries({}, optional={"name": _TEXT, "description": _TEXT, "env": _ENV, "addons": _ADDONS}))
def test_any_app_json_gives_a_valid_manifest(data: dict[str, Any]) -> None:
    text = render(drafted(import_app_json(json.dumps(data))))
    spec = spec_of(text)
    for key, value in (spec.config or {}).items():
        written = data["env"][key]
        expected = written if isinstance(written, str) else written.get("value")
        assert isinstance(value, SecretReference) or value == expected


@given(st.text(max_size=120))
def test_any_procfile_gives_a_valid_manifest(text: str) -> None:
    result = import_procfile(text)
    spec_of(render(drafted(result)))


@given(st.text(st.characters(codec="utf-8"), max_size=30))
def test_any_text_is_written_so_that_it_is_read_back(text: str) -> None:
    (node,) = parse_yaml(f"a: {scalar(text)}\nb:\n  - {scalar(text)}\n".encode(), "f").documents
    assert plain(node) == {"a": text.replace("${var.", "$${var."), "b": (text.replace("${var.", "$${var."),)}


@pytest.mark.parametrize("name", ["shop", "My Shop!", "FALSE", "x", ""])
def test_what_init_writes_is_a_valid_manifest_in_canonical_form(name: str) -> None:
    text = starter(name, schema="../schemas/dpaas.schema.json")
    assert text.startswith(schema_line("../schemas/dpaas.schema.json"))
    manifests, diagnostics = read({"dpaas.yaml": text})
    assert diagnostics == []
    assert manifests is not None
    assert len(manifests.apps) == 1
    assert format_text(text) == text


def test_a_rendered_draft_is_in_canonical_form() -> None:
    text = render(combine([drafted(import_app_json(json.dumps(APP_JSON))), drafted(import_heroku_yml(HEROKU_YML))]))
    assert format_text(text) == text
