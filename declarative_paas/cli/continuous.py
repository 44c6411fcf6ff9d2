"""What `ci plan` and `ci apply` have in common: the job they run in, the stacks, the checkout."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import typer

from declarative_paas.ci.report_files import add_outputs
from declarative_paas.ci.stacks import Stack, stacks_of
from declarative_paas.ci.surroundings import Job, job_around
from declarative_paas.cli import exitcode, report
from declarative_paas.core.diagnostic import error
from declarative_paas.core.values import Sensitive
from declarative_paas.manifest.variables import VariableInputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Continuous:
    """What both commands' options say."""

    files: Sequence[Path]
    environments: Sequence[str]
    assignments: Sequence[str]
    variable_files: Sequence[Path]
    no_color: bool
    keys: Mapping[str, Sensitive]

    def job(self) -> Job:
        """Raises SurroundingsError."""
        return job_around(os.environ)

    def stacks(self) -> list[Stack]:
        """At least one, or the command ends."""
        found = stacks_of(self.files, self.environments)
        if not found:
            report.refuse("no-stack", "no directory below this one declares a Platform", expected="one, or -f PATH")
        return found

    def variables(self) -> VariableInputs:
        return VariableInputs(environment=os.environ, files=self.variable_files, assignments=self.assignments)


def give_up(job: Job, code: str, summary: str, *, expected: str | None = None) -> NoReturn:
    """Ends the command with a mistake that later steps of the workflow can read too."""
    add_outputs(job.outputs, {"failure-reason": code})
    report.show([error(code, summary, expected=expected)])
    raise typer.Exit(exitcode.FAILED)
