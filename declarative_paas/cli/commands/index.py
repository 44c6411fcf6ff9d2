"""Which module holds which command. A command line imports the one module that it needs; `--help` imports all."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import typer
import typer.main
from typer.core import TyperGroup

COMMANDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "init": "manifests",
        "validate": "manifests",
        "fmt": "manifests",
        "schema": "manifests",
        "plan": "planning",
        "preview": "preview",
        "graph": "planning",
        "apply": "applying",
        "destroy": "applying",
        "ci": "ci",
        "fork": "fork",
        "move": "move",
        "promote": "promote",
        "import": "importing",
        "status": "region",
        "ps": "app",
        "logs": "app",
        "run": "app",
        "open": "app",
        "releases": "releases",
        "rollback": "releases",
        "unhold": "releases",
        "config": "config",
        "secrets": "secrets",
        "pg": "pg",
        "state": "state",
        "history": "history",
        "down": "region",
        "gc": "gc",
        "stack": "stack",
        "version": "version",
    }
)
"""Command -> module, in the order that `dpaas --help` shows them.

A module's `app` holds its commands by name; where it has a callback it is a group, such as `state list`.
"""


class LazyGroup(TyperGroup):
    """The commands of `COMMANDS`, each imported when it is first asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        if cmd_name not in self.commands:
            self.commands[cmd_name] = _load(cmd_name)
        return self.commands[cmd_name]

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """A name that is none is answered with the nearest that is one."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from declarative_paas.core.diagnostic import nearest

            near = nearest(args[0], COMMANDS)
            ctx.fail(f"there is no command {args[0]!r}{f': did you mean {near!r}?' if near else '.'}")
        return super().resolve_command(ctx, args)


def _load(name: str) -> Any:
    module = importlib.import_module(f"declarative_paas.cli.commands.{COMMANDS[name]}")
    group: typer.Typer = module.app
    if group.registered_callback is not None:
        command: Any = typer.main.get_group(group)
        command.name = name
        return command
    for info in group.registered_commands:
        if info.name == name:
            return typer.main.get_command_from_info(info, pretty_exceptions_short=True, rich_markup_mode=None)
    raise LookupError(f"{COMMANDS[name]}.py has no command {name}")


def root_command() -> Any:
    """The whole command line, as a click group."""
    root = typer.Typer(
        cls=LazyGroup,
        add_completion=False,
        no_args_is_help=True,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
        epilog="`dpaas COMMAND --help` shows each with an example. `dpaas --version` prints the version.",
    )

    @root.callback()
    def dpaas() -> None:  # pyright: ignore[reportUnusedFunction]
        """Terraform for a Heroku-like platform: manifests, reviewed plans, exact applies.

        init, validate, plan, apply: from manifests to a running platform. status, ps, logs, run: what runs.
        """

    return typer.main.get_group(root)


def command_group(cls: type[TyperGroup] = TyperGroup) -> typer.Typer:
    """An empty typer app for a module of this package."""
    return typer.Typer(
        cls=cls, add_completion=False, rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]}
    )
