"""The examples' sources: they compile, and what they need is pinned."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest
from examples_case import EXAMPLES, PROJECTS, load_example

PINNED = re.compile(r"^[A-Za-z0-9._-]+(\[[a-z,]+\])?==[0-9][0-9A-Za-z.]*(; .+)?$")
INSTALLED = {".dpaas", "node_modules", "vendor"}


def _files(pattern):
    return sorted(path for path in EXAMPLES.rglob(pattern) if INSTALLED.isdisjoint(path.parts))


def _named(path):
    return str(path.relative_to(EXAMPLES))


@pytest.mark.parametrize("path", _files("*.py"), ids=_named)
def test_python_compiles(path):
    compile(path.read_bytes(), str(path), "exec")


@pytest.mark.skipif(shutil.which("node") is None, reason="no node here")
@pytest.mark.parametrize("path", _files("*.js"), ids=_named)
def test_javascript_parses(path):
    checked = subprocess.run(["node", "--check", path], capture_output=True, text=True, timeout=30)
    assert checked.stderr == ""
    assert checked.returncode == 0


@pytest.mark.parametrize("path", _files("requirements.txt"), ids=_named)
def test_every_requirement_is_pinned_to_one_version(path):
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    assert [line for line in lines if not PINNED.match(line)] == []
    assert lines != []


@pytest.mark.parametrize("path", _files("package.json"), ids=_named)
def test_a_lock_file_belongs_to_its_package(path):
    package = json.loads(path.read_text(encoding="utf-8"))
    lock = json.loads(path.with_name("package-lock.json").read_text(encoding="utf-8"))
    assert (lock["name"], lock["version"]) == (package["name"], package["version"])
    assert lock["packages"].keys() - {""} == package.get("dependencies", {}).keys() == set()


@pytest.mark.parametrize("project", PROJECTS, ids=lambda project: project.name)
def test_the_files_that_commands_name_are_in_the_source(project):
    named = []
    for app in load_example(project).manifests.apps:
        processes = (app.spec.formation or {}).values()
        commands = [app.spec.release, *(process.command for process in processes)]
        for command in filter(None, commands):
            scripts = re.findall(r"python3 (\S+\.py)", command)
            scripts += [f"{module}.py" for module in re.findall(r"gunicorn (\w+):", command)]
            named += [app.source_directory / script for script in scripts]
    assert [path for path in named if not path.is_file()] == []


@pytest.mark.parametrize("path", _files("*.html"), ids=_named)
def test_a_page_links_only_to_files_that_exist(path):
    styles = re.findall(r'<link rel="stylesheet" href="/([^"]+)"', path.read_text(encoding="utf-8"))
    assert [style for style in styles if not (path.parent / style).is_file()] == []
