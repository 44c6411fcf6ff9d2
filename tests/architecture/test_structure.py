"""The house rules that a tool does not keep: small modules, small functions, docstrings, layers."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGE = REPOSITORY / "declarative_paas"
MODULES = sorted(PACKAGE.rglob("*.py"))

MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 60


def _name(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


def test_no_module_is_too_long_to_hold_one_idea():
    lengths = {_name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert len(lengths) > 100, "the package was not found"
    assert {name: lines for name, lines in lengths.items() if lines > MAX_MODULE_LINES} == {}


def test_no_function_is_too_long_to_be_read_at_once():
    long = {
        f"{_name(path)}:{function.lineno} {function.name}": lines
        for path in MODULES
        for function in _functions(_tree(path))
        if (lines := (function.end_lineno or 0) - function.lineno + 1) > MAX_FUNCTION_LINES
    }
    assert long == {}


def test_every_module_and_package_says_what_it_is_for():
    silent = [_name(path) for path in MODULES if not ast.get_docstring(_tree(path))]
    packages = {path.parent for path in MODULES}
    unmarked = [_name(directory) for directory in packages if not (directory / "__init__.py").exists()]
    assert (silent, unmarked) == ([], [])


def test_everything_public_in_the_vocabulary_is_explained():
    silent = {
        f"{path.stem}.{node.name}"
        for path in sorted((PACKAGE / "core").glob("*.py"))
        for node in _tree(path).body
        if isinstance(node, (ast.FunctionDef, ast.ClassDef))
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    }
    assert silent == set()


@pytest.mark.parametrize("name", ["utils", "helpers", "manager", "misc", "common"])
def test_no_module_has_a_name_that_says_nothing(name: str):
    assert [_name(path) for path in MODULES if name in (path.stem, path.parent.name)] == []


def test_rooms_import_only_what_their_contracts_allow():
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 broken" in done.stdout
