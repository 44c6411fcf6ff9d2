"""Regions to providers: the only place that knows which providers there are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, TypeAlias

from declarative_paas.core.diagnostic import Diagnostic, error, nearest
from declarative_paas.core.provider import Provider, Reach
from declarative_paas.manifest.platform_models import Region
from declarative_paas.workflow.key import project_key
from declarative_paas.workflow.project import Project

if TYPE_CHECKING:
    from declarative_paas.providers.docker.settings import DockerSettings
    from declarative_paas.providers.local.settings import LocalSettings

Factory: TypeAlias = Callable[[Project, str, Region], Provider]


def region_providers(project: Project) -> tuple[dict[str, Provider], list[Diagnostic]]:
    """A provider for each region of the Platform; an unknown name is a diagnostic."""
    providers: dict[str, Provider] = {}
    diagnostics: list[Diagnostic] = []
    platform = project.manifests.platform
    for name, region in sorted(platform.spec.regions.items()):
        factory = _FACTORIES.get(region.provider)
        if factory is None:
            diagnostics.append(
                error(
                    "unknown-provider",
                    f"region {name} asks for provider {region.provider!r}",
                    platform.position("regions", name, "provider"),
                    expected=f"one of {', '.join(sorted(_FACTORIES))}",
                    suggestion=nearest(region.provider, _FACTORIES),
                )
            )
        elif mistakes := _option_mistakes(project, name, region):
            diagnostics += mistakes
        else:
            providers[name] = factory(project, name, region)
    diagnostics += _port_clashes(project)
    return providers, diagnostics


def _option_mistakes(project: Project, name: str, region: Region) -> list[Diagnostic]:
    """Those that keep the provider from being made; the other providers tell theirs by `validate`."""
    if region.provider != "memory":
        return []
    from declarative_paas.providers.memory.options import option_mistakes

    platform = project.manifests.platform
    return list(
        option_mistakes(
            name, region.options or {}, lambda option: platform.position("regions", name, "options", option)
        )
    )


def _port_clashes(project: Project) -> list[Diagnostic]:
    """Two regions of this machine, or of one engine, cannot have one router port."""
    platform = project.manifests.platform
    owners: dict[tuple[str, int], str] = {}
    found: list[Diagnostic] = []
    for name, region in sorted(platform.spec.regions.items()):
        for where, port in _ports_of(project, name, region):
            first = owners.setdefault((where, port), name)
            if first != name:
                found.append(
                    error(
                        "port-clash",
                        f"region {name} asks for port {port}, which region {first} has",
                        platform.position("regions", name, "port"),
                        expected="another port, or none for a free one"
                        if region.provider == "local"
                        else "another `port` or `app_ports`, or another engine",
                    )
                )
                break
    return found


def _ports_of(project: Project, name: str, region: Region) -> Iterable[tuple[str, int]]:
    """(machine, port) of every port that a region is told to take."""
    match region.provider:
        case "local":
            taken = (region.port, _link_port(_local_settings(project, name, region)))
            return [("this machine", port) for port in taken if port is not None]
        case "docker":
            settings = _docker_settings(project, name, region)
            engine = f"{region.host} {settings.text('context')}"
            try:
                first, last = settings.app_ports
            except ValueError:
                first, last = 1, 0  # told by the provider's own validation
            taken = (settings.router_port, _link_port(settings), *range(first, last + 1))
            return [(engine, port) for port in taken if port is not None]
        case _:
            return []


def _link_port(settings: LocalSettings | DockerSettings) -> int | None:
    try:
        return None if settings.link_address is None else settings.link_address.port
    except ValueError:
        return None  # told by the provider's own validation


def reach_of(provider: Provider) -> Reach | None:
    """How operations reach the region; None where the platform runs nothing (memory)."""
    reach: Reach | None = getattr(provider, "reach", None)
    return reach


def _local_settings(project: Project, name: str, region: Region) -> LocalSettings:
    from declarative_paas.providers.local.settings import LocalSettings

    return LocalSettings(
        region=name,
        home=project.home,
        base_directory=project.directory,
        scope=project.scope,
        port=region.port,
        host=region.host,
        user=region.user,
        options=region.options or {},
    )


def _local(project: Project, name: str, region: Region) -> Provider:
    from declarative_paas.providers.local.provider import LocalProvider

    settings = _local_settings(project, name, region)
    return LocalProvider(settings, catalog=project.catalog, keyring=lambda: project_key(project))


def _docker_settings(project: Project, name: str, region: Region) -> DockerSettings:
    from declarative_paas.providers.docker.settings import DockerSettings

    return DockerSettings(
        region=name,
        base_directory=project.directory,
        scope=project.scope,
        host=region.host,
        port=region.port,
        user=region.user,
        options=region.options or {},
    )


def _docker(project: Project, name: str, region: Region) -> Provider:
    from declarative_paas.providers.docker.provider import DockerProvider

    settings = _docker_settings(project, name, region)
    return DockerProvider(settings, catalog=project.catalog, keyring=lambda: project_key(project))


def _memory(project: Project, name: str, region: Region) -> Provider:
    from declarative_paas.providers.memory.provider import MemoryProvider
    from declarative_paas.providers.memory.remote import RemoteWorld
    from declarative_paas.providers.memory.world import MemoryWorld

    options = region.options or {}
    socket = options.get("socket")
    world = RemoteWorld(str(project.directory / str(socket))) if socket else MemoryWorld()
    return MemoryProvider(
        world,
        region=name,
        latency_s=float(options.get("latency_s", 0.0)),
        parallelism=int(options.get("parallelism", 32)),
    )


_FACTORIES: Mapping[str, Factory] = {"docker": _docker, "local": _local, "memory": _memory}
