"""What `plan` tells of an earlier plan, and what it writes into a saved one for the apply of a reviewed change."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TextIO

import typer

from declarative_paas.cli import report
from declarative_paas.cli.terminal import safe

if TYPE_CHECKING:
    from declarative_paas.cli.inputs import ManifestInputs
    from declarative_paas.core.plan import Plan
    from declarative_paas.core.provenance import Provenance
    from declarative_paas.preview.model import Since
    from declarative_paas.workflow.deploy import Planned, PlanRequest
    from declarative_paas.workflow.world import World

SinceOption = Annotated[
    Path | None,
    typer.Option("--since", metavar="FILE", help="Also what changed since this saved plan, or JSON preview."),
]
AffectedOption = Annotated[
    str | None,
    typer.Option(
        "--affected-by", metavar="SHA", help="Only apps that differ from this commit, and what depends on them."
    ),
]
BaseOption = Annotated[
    str | None, typer.Option("--base", metavar="SHA", help="The commit this is compared with: saved with the plan.")
]
HeadOption = Annotated[
    str | None,
    typer.Option("--head", metavar="SHA", help="The commit that is planned: the saved plan is refused on another one."),
]
ExpiresOption = Annotated[
    str | None, typer.Option("--expires-in", metavar="TIME", help="Until when the plan may be applied: 90m, 36h, 7d.")
]

_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}
_LIFETIME: Final = re.compile(r"([1-9]\d{0,4})([mhd])")


def lifetime(text: str) -> timedelta:
    """Of `90m`, `36h`, `7d`; anything else ends the command."""
    found = _LIFETIME.fullmatch(text)
    if found is None:
        report.refuse("bad-option", f"{text!r} is no time that a plan holds", expected="a count of m, h or d: 36h")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def provenance_of(world: World, base: str | None, head: str | None, expires_in: str | None) -> Provenance | None:
    """What is to be saved with the plan; None when nothing was asked for."""
    from declarative_paas.core.provenance import Provenance

    if base is None and head is None and expires_in is None:
        return None
    expires = None if expires_in is None else world.clock.now() + lifetime(expires_in)
    return Provenance(base=base, head=head, expires=expires)


def planned_as_asked(inputs: ManifestInputs, world: World, request: PlanRequest, base: str | None) -> Planned:
    """Plans; with a commit only what differs from it, and says on stderr how much that is.

    Raises StateError, GitError.
    """
    from declarative_paas.workflow.beside import planned_beside

    return planned_beside(world, lambda: _planned(inputs, world, request, base))


def _planned(inputs: ManifestInputs, world: World, request: PlanRequest, base: str | None) -> Planned:
    import sys

    from declarative_paas.workflow.deploy import plan_changes

    if base is None:
        return plan_changes(world, request)
    from declarative_paas.workflow.affected import plan_affected, remarks

    if request.targets or request.destroy or request.refresh_only:
        raise typer.BadParameter("--affected-by chooses what is planned: not together with --target and the like")
    planned, affected = plan_affected(world, request, base, inputs.variable_files)
    for remark in remarks(affected, base) if planned.plan is not None else ():
        print(safe(remark), file=sys.stderr)
    return planned


def show_since(earlier: Path, plan: Plan, out: TextIO) -> None:
    """Prints how the plan differs from the earlier one; a file that is none ends the command."""
    from declarative_paas.preview.redaction import redacted

    found = since(earlier, redacted(plan).plan, plan.digest())
    print(f"\nSince {earlier}:", file=out)
    for line in found.lines:
        print(safe(f"  {line}"), file=out)


def since(earlier: Path, shown: Plan, digest: str) -> Since:
    """How a plan, masked, whose real digest is given, differs from the earlier one; a file that is none ends the
    command."""
    from declarative_paas.preview.model import Since
    from declarative_paas.preview.redaction import redacted
    from declarative_paas.preview.values import printable
    from declarative_paas.workflow.since import differences

    before, was = read_shown(earlier)
    lines = [printable(str(item)) for item in differences(redacted(before).plan, shown)]
    lines = lines or ["nothing changed" if was == digest else "only values that are masked here"]
    return Since(name=printable(str(earlier)), lines=tuple(lines))


def read_shown(file: Path) -> tuple[Plan, str]:
    """A saved plan or a JSON preview, and the digest of the plan that it shows."""
    from declarative_paas.core.plan import plan_from_json

    expected = "what `dpaas plan --out FILE` or `dpaas preview --format json` wrote"
    try:
        data: Any = json.loads(file.read_bytes())
        return plan_from_json(data, shown=True), str(data["digest"])
    except OSError as problem:
        report.refuse("unreadable-file", f"{file} cannot be read: {problem.strerror}", expected=expected)
    except ValueError as problem:
        told = "it is not JSON" if isinstance(problem, json.JSONDecodeError | UnicodeDecodeError) else str(problem)
        report.refuse("not-a-plan", f"{file} cannot be compared with: {told}", expected=expected)
    except (KeyError, TypeError, AttributeError):
        report.refuse("not-a-plan", f"{file} is no plan", expected=expected)
