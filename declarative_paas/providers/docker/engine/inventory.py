"""What a region has on its engine: one list call a kind, whatever their number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from declarative_paas.providers.docker.engine.connection import Engine
from declarative_paas.providers.docker.engine.labels import PLATFORM, REGION, Labels


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerView:
    """A container as the list tells it. `state`: created, running, restarting, exited, paused, dead, removing.

    `status` is the engine's sentence ("Exited (137) 2 minutes ago"); `health` "" where it has no health check;
    `networks` maps a network's name to the address there ("" while it is not running).
    """

    id: str
    name: str
    image: str
    image_id: str
    state: str
    status: str
    created_s: int
    labels: Labels
    all_labels: Mapping[str, str]
    networks: Mapping[str, str] = field(default_factory=dict[str, str])
    volumes: tuple[str, ...] = ()

    @property
    def is_running(self) -> bool:
        return self.state == "running"

    @property
    def health(self) -> str:
        """`healthy`, `unhealthy`, `starting`, or "" without a health check."""
        for word in ("unhealthy", "healthy", "starting"):
            if f"({word})" in self.status or f"(health: {word})" in self.status:
                return word
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkView:
    """`subnet` is None for the engine's `host` and `none`. `labels` None: not ours."""

    id: str
    name: str
    subnet: str | None
    labels: Labels | None
    bridge: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeView:
    """`labels` None: not ours."""

    name: str
    labels: Labels | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageView:
    """`size_bytes` counts layers that other images share too."""

    id: str
    tags: tuple[str, ...]
    size_bytes: int
    created_s: int
    labels: Labels
    all_labels: Mapping[str, str]


def containers(engine: Engine, owner: Labels) -> list[ContainerView]:
    """Every container with all of the owner's labels, stopped ones too, by name."""
    with engine.told("list the containers"):
        found: Any = engine.api.containers(all=True, filters={"label": owner.filters()})
    views = [_container(item) for item in found]
    return sorted(views, key=lambda view: view.name)


def networks(engine: Engine, owner: Labels) -> list[NetworkView]:
    """Every network of the owner's."""
    with engine.told("list the networks"):
        found: Any = engine.api.networks(filters={"label": owner.filters()})
    return sorted((network_view(item) for item in found), key=lambda view: view.name)


def all_networks(engine: Engine) -> list[NetworkView]:
    """Every network of the engine, other people's too: whose subnets are not free."""
    with engine.told("list the networks"):
        found: Any = engine.api.networks()
    return sorted((network_view(item) for item in found), key=lambda view: view.name)


def volumes(engine: Engine, owner: Labels) -> list[VolumeView]:
    """Every named volume of the owner's."""
    with engine.told("list the volumes"):
        found: Any = engine.api.volumes(filters={"label": owner.filters()})
    items: Sequence[Mapping[str, Any]] = found["Volumes"] or ()
    views = [VolumeView(name=item["Name"], labels=Labels.of(item["Labels"])) for item in items]
    return sorted(views, key=lambda view: view.name)


def images(engine: Engine, owner: Labels) -> list[ImageView]:
    """Every tagged image of the owner's, the oldest first."""
    with engine.told("list the images"):
        found: Any = engine.api.images(filters={"label": owner.filters()})
    views = [
        ImageView(
            id=item["Id"],
            tags=tuple(item.get("RepoTags") or ()),
            size_bytes=int(item["Size"]),
            created_s=int(item["Created"]),
            labels=labels,
            all_labels=item["Labels"] or {},
        )
        for item in found
        if (labels := Labels.of(item["Labels"])) is not None
    ]
    return sorted(views, key=lambda view: (view.created_s, view.id))


def place_of(owner: Labels) -> Labels:
    """The owner's platform and region alone: everything there, whatever its role."""
    return Labels(platform=owner.platform, region=owner.region)


def network_view(item: Mapping[str, Any]) -> NetworkView:
    ipam: Mapping[str, Any] = item.get("IPAM") or {}
    ranges: Sequence[Mapping[str, str]] = ipam.get("Config") or ()
    options: Mapping[str, str] = item.get("Options") or {}
    return NetworkView(
        id=item["Id"],
        name=item["Name"],
        subnet=next((found["Subnet"] for found in ranges if found.get("Subnet")), None),
        labels=Labels.of(item.get("Labels")),
        bridge=options.get("com.docker.network.bridge.name", ""),
    )


def _container(item: Mapping[str, Any]) -> ContainerView:
    labels: Mapping[str, str] = item["Labels"] or {}
    settings: Mapping[str, Any] = item.get("NetworkSettings") or {}
    attached: Mapping[str, Any] = settings.get("Networks") or {}
    mounts: Sequence[Mapping[str, Any]] = item.get("Mounts") or ()
    return ContainerView(
        id=item["Id"],
        name=str(item["Names"][0]).lstrip("/") if item.get("Names") else "",
        image=item["Image"],
        image_id=item["ImageID"],
        state=item["State"],
        status=item["Status"],
        created_s=int(item["Created"]),
        labels=Labels.of(labels) or Labels(platform=labels.get(PLATFORM, ""), region=labels.get(REGION, "")),
        all_labels=labels,
        networks={name: network.get("IPAddress", "") for name, network in attached.items()},
        volumes=tuple(mount["Name"] for mount in mounts if mount.get("Type") == "volume" and mount.get("Name")),
    )
