"""`source: {path, dockerfile, target, args}`: what it means and what is wrong about it."""

from __future__ import annotations

from pathlib import Path

import pytest
from manifest_case import app_text, only_app, read

from declarative_paas.manifest.app_models import SourcePath
from declarative_paas.manifest.load import load
from declarative_paas.manifest.variables import VariableInputs

PLATFORM = "kind: Platform\nmetadata: {name: acme}\nspec: {regions: {us: {provider: docker, jurisdiction: US}}}\n"


def dockerfile_app(source: str, *fields: str) -> str:
    body = "".join(f"  {field}\n" for field in fields)
    return f"kind: App\nmetadata: {{name: shop}}\nspec:\n  region: us\n  source: {source}\n{body}"


def test_a_number_among_the_build_arguments_is_the_text_it_was_written_as() -> None:
    text = dockerfile_app("{path: ., dockerfile: Dockerfile, target: web, args: {PYTHON: 3.10, DEBUG: true, A: b}}")
    source = only_app({"app.yaml": text}).spec.source
    assert isinstance(source, SourcePath)
    assert source.args == {"PYTHON": "3.10", "DEBUG": "true", "A": "b"}


@pytest.mark.parametrize(
    ("source", "fields", "code", "key"),
    [
        ("{path: ., dockerfile: D, args: {TOKEN: {secret: shop/token}}}", (), "secret-build-argument", "TOKEN"),
        ("{path: ., dockerfile: D, args: {TOKEN: {generate: 32}}}", (), "secret-build-argument", "TOKEN"),
        ("{path: ., dockerfile: D, args: {A: }}", (), "wrong-type", "A"),
        ("{path: ., dockerfile: D, args: {A-B: x}}", (), "invalid-name", "A-B"),
        ("{path: ., dockerfile: D, image: x}", (), "conflicting-keys", "image"),
        ("{path: ., dockerfil: D}", (), "unknown-key", "dockerfil"),
        ("{path: ., target: web}", (), "conflicting-keys", "target"),
        ("{path: ., args: {A: b}}", (), "conflicting-keys", "args"),
        ("{path: ., dockerfile: D}", ("build: make",), "conflicting-keys", "build"),
        ("{path: ., dockerfile: D}", ("stack: heroku-24",), "conflicting-keys", "stack"),
    ],
)
def test_a_mistake_has_a_code_and_a_place(source: str, fields: tuple[str, ...], code: str, key: str) -> None:
    text = dockerfile_app(source, *fields)
    _, diagnostics = read({"app.yaml": text})
    assert [one.code for one in diagnostics] == [code]
    position = diagnostics[0].position
    assert position is not None
    assert text.splitlines()[position.line - 1][position.column - 1 :].startswith(f"{key}:"), position


def test_no_value_of_a_secret_is_repeated_and_where_it_belongs_is_said() -> None:
    _, (found,) = read({"app.yaml": dockerfile_app("{path: ., dockerfile: D, args: {T: {secret: shop/token}}}")})
    assert "stay readable in the image" in found.summary
    assert "spec.config" in str(found.expected)


def test_a_source_without_a_dockerfile_is_as_before() -> None:
    source = only_app({"app.yaml": app_text("build: make")}).spec.source
    assert isinstance(source, SourcePath)
    assert (source.dockerfile, source.target, source.args) == (None, None, None)


@pytest.mark.parametrize(
    ("named", "told", "suggestion"),
    [
        ("Dokerfile", "there is no file", "Dockerfile"),
        ("../Dockerfile", "is not in the source", None),
        ("docker", "there is no file", "Dockerfile"),
    ],
)
def test_a_dockerfile_that_is_not_in_the_source_is_told(
    tmp_path: Path, named: str, told: str, suggestion: str | None
) -> None:
    (tmp_path / "src/docker").mkdir(parents=True)
    (tmp_path / "src/Dockerfile").write_text("FROM scratch\n", encoding="utf-8")
    (tmp_path / "Dockerfile").write_text("FROM scratch\n", encoding="utf-8")
    app = dockerfile_app(f"{{path: ./src, dockerfile: {named}}}")
    (tmp_path / "dpaas.yaml").write_text(f"{PLATFORM}---\n{app}", encoding="utf-8")
    (found,) = load([tmp_path], variables=VariableInputs()).diagnostics
    assert (found.code, found.suggestion) == ("dockerfile-missing", suggestion)
    assert told in found.summary
