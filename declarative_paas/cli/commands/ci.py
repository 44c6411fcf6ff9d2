"""`dpaas ci`: plans and applies in the workflows of GitHub, GitLab and Gitea."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from declarative_paas.cli import exitcode
from declarative_paas.cli.commands.index import command_group
from declarative_paas.cli.inputs import FilesOption, NoColorOption, VariableFileOption, VariableOption
from declarative_paas.cli.planoptions import ConfirmOption, ParallelismOption

if TYPE_CHECKING:
    from declarative_paas.cli.continuous import Continuous

app = command_group()

EnvironmentsOption = Annotated[
    list[str] | None,
    typer.Option("--env", metavar="NAME", help="An environment of each stack; repeatable: each is a stack of its own."),
]
AffectedOption = Annotated[
    bool, typer.Option("--affected", help="Plan only apps that the change touches, and what depends on them.")
]


@app.callback()
def ci() -> None:
    """Plan pull requests and apply merged ones, in a workflow of GitHub, GitLab or Gitea.

    Example: dpaas ci plan --env staging --env production
    """


@app.command("plan")
def plan(
    file: FilesOption = None,
    env: EnvironmentsOption = None,
    var: VariableOption = None,
    var_file: VariableFileOption = None,
    confirm: ConfirmOption = None,
    affected: AffectedOption = False,
    strict_base: Annotated[
        bool, typer.Option("--strict-base", help="Approve nothing when the target branch has moved on meanwhile.")
    ] = False,
    expires_in: Annotated[
        str, typer.Option("--expires-in", metavar="TIME", help="How long the approval holds: 90m, 36h, 7d.")
    ] = "7d",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Save each stack's plan there: an artifact for `apply`.")
    ] = None,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit 0 without changes, 2 with changes, 1 on an error.")
    ] = False,
    no_color: NoColorOption = False,
) -> None:
    """Plan what merging this pull request would change, and tell its reviewers: one comment and status a stack.

    Without -f every directory below here that declares a Platform is a stack. A pull request of a fork, which gets
    no secrets, is checked without the state, and only the step's summary tells.

    Example: dpaas ci plan --env production --out plans
    """
    from declarative_paas.cli.ci_planning import Asked, run_ci_plan
    from declarative_paas.cli.reviewing import lifetime

    asked = Asked(
        affected=affected, strict_base=strict_base, lifetime=lifetime(expires_in), out=out, confirm=confirm or []
    )
    changes = run_ci_plan(_continuous(file, env, var, var_file, no_color=no_color), asked)
    if detailed_exitcode and changes:
        raise typer.Exit(exitcode.CHANGES)


@app.command("apply")
def apply(
    file: FilesOption = None,
    env: EnvironmentsOption = None,
    var: VariableOption = None,
    var_file: VariableFileOption = None,
    confirm: ConfirmOption = None,
    affected: AffectedOption = False,
    plans: Annotated[
        Path | None,
        typer.Option("--plans", metavar="DIR", help="What `ci plan --out` saved: then the rest of a plan goes on too."),
    ] = None,
    parallelism: ParallelismOption = None,
    no_color: NoColorOption = False,
) -> None:
    """Apply what was planned and approved for the pull request that brought this commit; nothing else.

    Which plan that was tells the sealed status of its last commit, never a comment. The result is written to the
    commit's status and into the comment.

    Example: dpaas ci apply --env production
    """
    from declarative_paas.cli.ci_applying import run_ci_apply

    run_ci_apply(
        _continuous(file, env, var, var_file, no_color=no_color),
        affected=affected,
        plans=plans,
        confirm=confirm or [],
        parallelism=parallelism,
    )


def _continuous(
    file: list[Path] | None,
    env: list[str] | None,
    var: list[str] | None,
    var_file: list[Path] | None,
    *,
    no_color: bool,
) -> Continuous:
    import os

    from declarative_paas.ci.keys import take_keys
    from declarative_paas.cli.continuous import Continuous

    return Continuous(
        keys=take_keys(os.environ),
        files=file or [],
        environments=env or [],
        assignments=var or [],
        variable_files=var_file or [],
        no_color=no_color,
    )
