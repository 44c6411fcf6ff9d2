"""Mistakes of form, of forks and against the catalog are told together; what only looks like one is not."""

from __future__ import annotations

from pathlib import Path

from declarative_paas.manifest.variables import VariableInputs
from declarative_paas.workflow.project import Project, open_project

PLATFORM = """
kind: Platform
metadata: {name: acme}
spec:
  regions: {us: {provider: memory}, eu: {provider: memory}}
---
"""
SOUND = """
kind: App
metadata: {name: blog}
spec:
  region: us
  source: {image: "registry.example.com/blog@sha256:%s"}
  formation: {web: {command: serve, size: standard-1x}}
""" % ("0" * 64)
MISSPELT = SOUND.replace("blog", "shop").replace("formation:", "formatoin:")


def told(directory: Path, text: str, environment: str | None = None) -> tuple[Project | None, list[tuple[str, int]]]:
    """Each mistake's code and line."""
    (directory / "dpaas.yaml").write_text(PLATFORM.lstrip() + text, encoding="utf-8")
    project, diagnostics = open_project([directory], environment, VariableInputs())
    return project, [(item.code, item.position.line if item.position else 0) for item in diagnostics if item.is_error]


def test_a_misspelt_key_hides_no_mistake_against_the_catalog(tmp_path: Path):
    wrong = (
        SOUND.replace("standard-1x", "standard-9x").rstrip() + "\n  addons: [{plan: postgress:standard-0, as: DB}]\n"
    )
    project, codes = told(tmp_path, f"{MISSPELT}---{wrong}")
    assert project is None
    assert codes == [("unknown-key", 12), ("unknown-size", 19), ("unknown-service", 20)]


def test_a_mistake_in_a_fork_is_told_with_one_of_form(tmp_path: Path):
    fork = "kind: Fork\nmetadata: {name: blog-eu}\nspec: {from: blog, region: eu, formation: {worker: {quantity: 1}}}\n"
    _, codes = told(tmp_path, f"{MISSPELT}---{SOUND}---\n{fork}")
    assert codes == [("unknown-key", 12), ("unknown-in-source", 23)]


def test_what_refers_to_an_app_that_cannot_be_read_is_not_called_a_mistake(tmp_path: Path):
    other = (
        SOUND.rstrip()
        + "\n  config: {API: {app: shop, attribute: url}, KEY: {app: shop, config: KEY}, S: {secret: x}}\n"
    )
    other += "  addons: [{attach: shop/DATABASE, as: DB}]\n"
    fork = "kind: Fork\nmetadata: {name: shop-eu}\nspec: {from: shop, region: eu}\n"
    again = "kind: Fork\nmetadata: {name: shop-eu-2}\nspec: {from: shop-eu, region: eu}\n"
    _, codes = told(tmp_path, f"{MISSPELT}---{other}---\n{fork}---\n{again}")
    assert codes == [("unknown-key", 12)]


def test_without_a_platform_nothing_more_can_be_said(tmp_path: Path):
    (tmp_path / "dpaas.yaml").write_text(f"{MISSPELT}---{SOUND.replace('standard-1x', 'huge')}", encoding="utf-8")
    project, diagnostics = open_project([tmp_path], None, VariableInputs())
    assert project is None
    assert {item.code for item in diagnostics} == {"no-platform", "unknown-key"}


def test_the_default_environment_can_be_named(tmp_path: Path):
    project, codes = told(tmp_path, SOUND, "default")
    assert codes == []
    assert project is not None
    assert str(project.scope) == "acme/default/main"
    assert project.manifests.environment is None


def test_an_overlay_cannot_be_the_default_environment_s(tmp_path: Path):
    (tmp_path / "overlays" / "default").mkdir(parents=True)
    project, codes = told(tmp_path, SOUND, "default")
    assert (project, codes) == (None, [("reserved-environment", 1)])
    project, codes = told(tmp_path, SOUND)
    assert project is not None
