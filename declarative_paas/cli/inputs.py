"""The options of every command that reads manifests, and how such a command comes to its project and world."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, ParamSpec

import typer

from declarative_paas.cli import exitcode, report
from declarative_paas.cli.report import DiagnosticFormat

if TYPE_CHECKING:
    from declarative_paas.core.diagnostic import Diagnostic
    from declarative_paas.workflow.project import Project
    from declarative_paas.workflow.world import World

Options = ParamSpec("Options")

FilesOption = Annotated[
    list[Path] | None,
    typer.Option("-f", "--file", metavar="PATH", help="A manifest or a directory of them; repeatable. Default: `.`."),
]
EnvironmentOption = Annotated[
    str | None,
    typer.Option("--env", metavar="NAME", help="The environment: merges overlays/NAME/, and has a state of its own."),
]
VariableOption = Annotated[
    list[str] | None, typer.Option("--var", metavar="NAME=VALUE", help="A variable's value; repeatable.")
]
VariableFileOption = Annotated[
    list[Path] | None,
    typer.Option("--var-file", metavar="FILE", help="A YAML mapping of variables to values; repeatable."),
]
NoColorOption = Annotated[bool, typer.Option("--no-color", help="No colour, also on a terminal (as NO_COLOR=1).")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestInputs:
    """What the options say: which manifests, for which environment, with which variables."""

    files: Sequence[Path]
    environment: str | None
    assignments: Sequence[str]
    variable_files: Sequence[Path]
    no_color: bool

    def show(self, diagnostics: Sequence[Diagnostic], form: DiagnosticFormat = DiagnosticFormat.TEXT) -> None:
        report.show(diagnostics, no_color=self.no_color, form=form)

    def open_project(self) -> tuple[Project | None, list[Diagnostic]]:
        """Reads the manifests; None with the errors that say why."""
        from declarative_paas.manifest.variables import VariableInputs
        from declarative_paas.workflow.project import open_project

        given = VariableInputs(environment=os.environ, files=self.variable_files, assignments=self.assignments)
        return open_project(self.files, self.environment, given)

    def project(self, form: DiagnosticFormat = DiagnosticFormat.TEXT) -> Project:
        """Reads the manifests, or shows what is wrong with them and ends the command."""
        project, diagnostics = self.open_project()
        if project is None:
            self.show(diagnostics, form)
            raise typer.Exit(exitcode.FAILED)
        return project

    @contextmanager
    def world(self, form: DiagnosticFormat = DiagnosticFormat.TEXT) -> Generator[World]:
        """The project's stores and providers, closed at the end. Raises StateError."""
        from declarative_paas.core.diagnostic import has_errors
        from declarative_paas.workflow.world import open_world

        project = self.project(form)
        world, diagnostics = open_world(project)
        try:
            if has_errors(diagnostics):
                self.show(diagnostics, form)
                raise typer.Exit(exitcode.FAILED)
            yield world
        finally:
            world.store.close()


_SHARED: dict[str, Any] = {
    "file": FilesOption,
    "env": EnvironmentOption,
    "var": VariableOption,
    "var_file": VariableFileOption,
    "no_color": NoColorOption,
}


def reads_manifests(command: Callable[Concatenate[ManifestInputs, Options], None]) -> Callable[..., None]:
    """Gives a command the shared options, after its own; it gets them collected, as its first argument."""
    _, *own = inspect.signature(command, eval_str=True).parameters.values()
    shared = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=False if name == "no_color" else None, annotation=annotation
        )
        for name, annotation in _SHARED.items()
    ]
    parameters = [*(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own), *shared]

    @functools.wraps(command)
    def parsed(*arguments: Any, **options: Any) -> None:
        given = {name: options.pop(name) for name in _SHARED}
        inputs = ManifestInputs(
            files=given["file"] or [Path()],
            environment=given["env"],
            assignments=given["var"] or [],
            variable_files=given["var_file"] or [],
            no_color=given["no_color"],
        )
        command(inputs, *arguments, **options)

    # Typer reads both: the signature for the defaults, the annotations for the types.
    parsed.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    parsed.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return parsed
