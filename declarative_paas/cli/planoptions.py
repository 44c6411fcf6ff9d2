"""Options that every command which plans has, and their values checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from declarative_paas.cli import report

if TYPE_CHECKING:
    from declarative_paas.core.address import ResourceAddress
    from declarative_paas.workflow.deploy import PlanRequest

TargetOption = Annotated[
    list[str] | None,
    typer.Option("--target", metavar="ADDR", help="Only this app or resource, and what it needs; repeatable."),
]
DestroyTargetOption = Annotated[
    list[str] | None,
    typer.Option("--target", metavar="ADDR", help="Only this app or resource, and what stands on it; repeatable."),
]
ResumeOption = Annotated[
    bool,
    typer.Option("--resume", help="Finish the last apply or destroy, which was interrupted or failed; or say why not."),
]
ConfirmOption = Annotated[
    list[str] | None,
    typer.Option("--confirm", metavar="ADDR", help="Agree that this resource's data is destroyed; repeatable."),
]
ExcludeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude", metavar="ADDR", help="Leave this app or resource alone, and all that needs its change; repeatable."
    ),
]
ReplaceOption = Annotated[
    list[str] | None,
    typer.Option("--replace", metavar="ADDR", help="Make this resource anew, whatever its manifest says; repeatable."),
]
RefreshOnlyOption = Annotated[
    bool, typer.Option("--refresh-only", help="Change nothing: only bring the records up to date with what is.")
]
NoRefreshOption = Annotated[
    bool, typer.Option("--no-refresh", help="Plan from the recorded state; read no region, see no drift.")
]
VerboseOption = Annotated[bool, typer.Option("--verbose", help="Also show unchanged fields and reasons in full.")]
ApproveOption = Annotated[bool, typer.Option("--auto-approve", help="Ask nothing: for scripts.")]
ParallelismOption = Annotated[
    int | None,
    typer.Option("--parallelism", min=1, max=256, metavar="N", help="At most N steps at a time in each region."),
]
LockTimeoutOption = Annotated[
    float,
    typer.Option(
        "--lock-timeout", min=0, metavar="SECONDS", show_default=False, help="Wait so long for a lock that is held."
    ),
]
EventsOption = Annotated[bool, typer.Option("--json", help="One JSON event a line instead of progress.")]


def _refuse_beside_refresh_only(others: Mapping[str, object]) -> None:
    """Options, by name, that ask for changes or for no reading: beside --refresh-only they contradict it."""
    given = [name for name, value in others.items() if value]
    if given:
        raise typer.BadParameter(f"--refresh-only changes nothing and reads everything: not together with {given[0]}")


def parse_addresses(texts: Sequence[str]) -> list[ResourceAddress]:
    """Addresses as plans print them; a text that is none ends the command."""
    from declarative_paas.core.address import ResourceAddress
    from declarative_paas.workflow.deploy import unknown_address

    found: list[ResourceAddress] = []
    for text in texts:
        try:
            found.append(ResourceAddress.parse(text))
        except ValueError:
            report.fail(unknown_address(text))
    return found


def plan_request(
    *,
    target: list[str] | None = None,
    exclude: list[str] | None = None,
    replace: list[str] | None = None,
    confirm: list[str] | None = None,
    refresh_only: bool = False,
    destroy: bool = False,
    no_refresh: bool = False,
) -> PlanRequest:
    """What the options ask of a plan; options that contradict each other end the command."""
    from declarative_paas.workflow.deploy import PlanRequest

    if refresh_only:
        _refuse_beside_refresh_only({"--destroy": destroy, "--replace": replace, "--no-refresh": no_refresh})
    return PlanRequest(
        destroy=destroy,
        refresh_only=refresh_only,
        targets=target or [],
        excludes=exclude or [],
        replaces=parse_addresses(replace or []),
        confirmed=parse_addresses(confirm or []),
        refresh=not no_refresh,
    )
