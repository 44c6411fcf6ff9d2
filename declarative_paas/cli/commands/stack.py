"""`dpaas stack`: the images that apps on Docker regions are built and run on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from declarative_paas.cli import exitcode, report
from declarative_paas.cli.commands.index import command_group
from declarative_paas.cli.inputs import ManifestInputs, reads_manifests

app = command_group()


@app.callback()
def stack() -> None:
    """Make the stacks that apps on Docker regions are built and run on.

    Example: dpaas stack build --from debian:bookworm
    """


@app.command("build")
@reads_manifests
def build(
    inputs: ManifestInputs,
    rootfs: Annotated[
        Path | None,
        typer.Option("--rootfs", metavar="PATH", help="A Debian root filesystem: a directory, or a tar of one."),
    ] = None,
    from_: Annotated[
        str | None, typer.Option("--from", metavar="IMAGE", help="An image on the engine, or one it can pull.")
    ] = None,
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="What regions call it in their option `stack`.")
    ] = "default",
    region: Annotated[
        str | None, typer.Option("--region", metavar="REGION", help="Only this region. Default: all on Docker.")
    ] = None,
) -> None:
    """Make a stack image on the engine of each Docker region. The same content is made once.

    It must have sh, python3 and coreutils; pip and Node for apps that are built with them; iptables for the guard.

    Example: dpaas stack build --rootfs ./bookworm --name debian-12
    """
    from declarative_paas.core.diagnostic import Diagnostic
    from declarative_paas.workflow.stacks import build_stack, docker_regions

    if (rootfs is None) == (from_ is None):
        report.refuse("bad-option", "a stack is made of one thing", expected="either --rootfs PATH or --from IMAGE")
    project = inputs.project()
    regions = docker_regions(project, region)
    if isinstance(regions, Diagnostic):
        report.fail(regions)
    problems: list[Diagnostic] = []
    for region_name, found in regions:

        def tell(line: str, region_name: str = region_name) -> None:
            print(f"{region_name}: {line}")

        problem = build_stack(project, region_name, found, rootfs=rootfs, image=from_, name=name, report=tell)
        if problem is not None:
            problems.append(problem)
    if problems:
        inputs.show(problems)
        raise typer.Exit(exitcode.FAILED)
