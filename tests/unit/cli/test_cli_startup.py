"""What a command does not need, its start does not import."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import os, sys
os._exit = sys.exit  # or there would be no end to look at
sys.argv = ["dpaas", *sys.argv[1:]]
from declarative_paas.cli.entry import main
try:
    main()
finally:
    print("MODULES", *sys.modules, file=sys.stderr)
"""


def imported(*arguments: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", SCRIPT, *arguments], capture_output=True, text=True, timeout=60)
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("MODULES "))
    return set(line.split()[1:])


def test_the_version_costs_nothing_but_python() -> None:
    ours = {name for name in imported("--version") if name.startswith("declarative_paas")}
    assert ours == {"declarative_paas", "declarative_paas.cli", "declarative_paas.cli.entry"}
    assert not imported("--version") & {"typer", "pydantic", "yaml", "argparse"}


@pytest.mark.parametrize("arguments", [["--help"], ["plan", "--help"], ["state", "--help"], ["pln"]])
def test_help_imports_neither_rich_nor_manifests(arguments: list[str]) -> None:
    assert not imported(*arguments) & {"rich", "yaml", "declarative_paas.manifest.load", "declarative_paas.workflow"}


def test_a_command_imports_its_own_module_only() -> None:
    prefix = "declarative_paas.cli.commands."
    assert {name for name in imported("version") if name.startswith(prefix)} == {f"{prefix}index", f"{prefix}version"}


def test_a_plan_imports_nothing_that_only_other_commands_need(tmp_path: object) -> None:
    unwanted = {"rich", "cryptography", "psycopg", "networkx", "httpx", "docker", "supervisor", "redis"}
    assert not imported("plan", "-f", str(tmp_path)) & unwanted
