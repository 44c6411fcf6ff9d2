"""The stacks that apps run on, made on the engines of a platform's Docker regions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from declarative_paas.core.diagnostic import Diagnostic, error, nearest
from declarative_paas.core.provider import ProviderError
from declarative_paas.manifest.platform_models import Region
from declarative_paas.workflow.project import Project


def docker_regions(project: Project, wanted: str | None) -> Sequence[tuple[str, Region]] | Diagnostic:
    """The Docker regions of the Platform by name, or the one wanted; a mistake when there is none."""
    declared = project.manifests.platform.spec.regions
    on_docker = {name: region for name, region in sorted(declared.items()) if region.provider == "docker"}
    if wanted is not None and wanted not in on_docker:
        return error(
            "unknown-region",
            f"the Platform declares no region {wanted!r} with provider docker",
            expected=f"one of {', '.join(on_docker)}" if on_docker else "a region with `provider: docker`",
            suggestion=nearest(wanted, on_docker),
        )
    if not on_docker:
        return error(
            "no-docker-region",
            "the Platform declares no region with provider docker, and other providers need no stack",
            expected="a region with `provider: docker`",
        )
    return [(name, region) for name, region in on_docker.items() if wanted in (None, name)]


def build_stack(
    project: Project,
    region_name: str,
    region: Region,
    *,
    rootfs: Path | None,
    image: str | None,
    name: str,
    report: Callable[[str], None],
) -> Diagnostic | None:
    """Makes the stack on the region's engine, of a root filesystem or else of an image. What went wrong, if it did."""
    from declarative_paas.providers.docker.engine import stack
    from declarative_paas.providers.docker.engine.connection import open_engine
    from declarative_paas.providers.docker.settings import DockerSettings

    settings = DockerSettings(
        region=region_name,
        base_directory=project.directory,
        scope=project.scope,
        host=region.host,
        options=region.options or {},
    )
    try:
        with open_engine(settings.engine) as engine:
            if rootfs is not None:
                made = stack.build_from_rootfs(engine, rootfs, name=name, report=report)
            else:
                assert image is not None, "the command line has one of the two"
                made = stack.build_from_image(engine, image, name=name, report=report)
    except ProviderError as problem:
        return error(
            "stack-not-built",
            f"region {region_name}: {problem.summary}",
            detail="\n".join(problem.detail) or None,
        )
    report(f"{name} is {made.reference}")
    return None
