"""A group of commands one of which is meant when none is named: `dpaas fork APP` beside `dpaas fork undo`."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup


class DefaultGroup(TyperGroup):
    """Its first command is the default. What is named like one of the commands is always that command."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        default = next(iter(self.commands))
        helps = {*ctx.help_option_names}
        if args and args[0] not in self.commands and args[0] not in helps:
            args = [default, *args]
        return super().parse_args(ctx, args)
