"""docs/cli.md and `--help` know every command and every option."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from declarative_paas.cli.commands.index import COMMANDS, root_command

DOCS = Path(__file__).parents[3] / "docs" / "cli.md"
SHARED = {"--file", "--env", "--var", "--var-file", "--no-color"}


def commands() -> Iterator[tuple[str, Any]]:
    """Every command by its whole name: `plan`, `state list`."""
    root = root_command()
    for name in root.list_commands(None):
        command = root.get_command(None, name)
        below = getattr(command, "commands", None)
        if below is None:
            yield name, command
        else:
            yield from ((f"{name} {inner}", found) for inner, found in below.items())


ALL = dict(commands())


def section(name: str) -> str:
    """What docs/cli.md says of one command: from its heading to the next."""
    found = re.search(rf"^#+ `dpaas {re.escape(name)}[^\n]*\n(.*?)(?=^#+ |\Z)", DOCS.read_text(), re.M | re.S)
    assert found is not None, f"docs/cli.md has no section on `dpaas {name}`"
    return found.group(0)


def own_options(command: Any) -> Iterator[list[str]]:
    for parameter in command.params:
        names = [name for name in parameter.opts if name.startswith("-")]
        if names and "--help" not in names and not SHARED & set(names):
            yield names


@pytest.mark.parametrize("name", ALL)
def test_every_command_and_option_is_documented(name: str) -> None:
    text = section(name)
    for names in own_options(ALL[name]):
        assert any(f"`{option}" in text for option in names), f"dpaas {name} {names} is not documented"


@pytest.mark.parametrize("name", ALL)
def test_every_documented_option_exists(name: str) -> None:
    known = {option for parameter in ALL[name].params for option in parameter.opts} | {"--help"}
    told = set(re.findall(r"^- `(--?[a-z-]+)", section(name), re.M))
    assert told <= known


@pytest.mark.parametrize("name", ALL)
def test_every_help_text_has_an_example_of_that_command(name: str) -> None:
    assert f"Example: dpaas {name}" in (ALL[name].help or "")


@pytest.mark.parametrize("name", ALL)
def test_every_option_has_a_help_text(name: str) -> None:
    silent = [parameter.name for parameter in ALL[name].params if not getattr(parameter, "help", None)]
    assert silent == []


def test_the_shared_options_are_documented_once() -> None:
    text = DOCS.read_text()
    assert all(f"`{option}" in text for option in SHARED)


def test_every_documented_command_exists() -> None:
    told = set(re.findall(r"^#+ `dpaas ([a-z]+(?: [a-z]+)?)", DOCS.read_text(), re.M))
    assert told == set(ALL)
    assert {name.split()[0] for name in ALL} == set(COMMANDS)
