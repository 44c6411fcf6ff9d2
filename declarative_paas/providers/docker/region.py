"""One Docker region: its engine, and what it keeps there; connected when it is first asked for something."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from declarative_paas.catalog.model import Catalog
from declarative_paas.core.provider import ErrorKind, Leftover, ProviderError
from declarative_paas.providers.docker import leftovers
from declarative_paas.providers.docker.attached import Attached, attached
from declarative_paas.providers.docker.dyno_containers import DYNO, ONE_OFF
from declarative_paas.providers.docker.dynos import DockerDynos
from declarative_paas.providers.docker.engine import containers, inventory, networks, slug_image
from declarative_paas.providers.docker.engine.connection import Engine, open_engine
from declarative_paas.providers.docker.engine.guard import Guard
from declarative_paas.providers.docker.engine.inventory import ContainerView, NetworkView
from declarative_paas.providers.docker.engine.keeper import Keeper
from declarative_paas.providers.docker.engine.labels import Labels
from declarative_paas.providers.docker.engine.networks import Pool
from declarative_paas.providers.docker.engine.stack import REPOSITORY, StackImage, find_stack
from declarative_paas.providers.docker.keeper_files import FilesAsRead, KeeperFiles
from declarative_paas.providers.docker.links import ContainerLinks, server_networks
from declarative_paas.providers.docker.logbook import Logbook
from declarative_paas.providers.docker.records import Files, VolumeAddonRecords, VolumeRecords
from declarative_paas.providers.docker.services.addons import ContainerAddons
from declarative_paas.providers.docker.services.container_service import STOP_TIMEOUT_S
from declarative_paas.providers.docker.services.images import ServiceImages
from declarative_paas.providers.docker.services.router import ContainerRouter, RouterOptions, RouterReading
from declarative_paas.providers.docker.settings import DockerSettings
from declarative_paas.providers.docker.slugs import DockerSlugs
from declarative_paas.providers.hosting.made_once import made_once
from declarative_paas.providers.hosting.side_by_side import side_by_side
from declarative_paas.providers.hosting.view import RegionView
from declarative_paas.vault.keyring import Keyring

INFRASTRUCTURE: Final = ("keeper", "guard", "router")
"""Roles of what the region's apps share."""

STOPPED_AT_ONCE: Final = 32
INFRASTRUCTURE_STOP_S: Final = 10


class DockerRegion:
    """Making the object connects to nothing. Anything that cannot be had raises ProviderError."""

    def __init__(self, settings: DockerSettings, catalog: Catalog, keyring: Callable[[], Keyring]) -> None:
        self.settings = settings
        self.catalog = catalog
        self.owner: Labels = settings.owner
        self.pool = settings.text("pool") or networks.DEFAULT_POOL
        self._make_keyring = keyring
        self._starting = threading.Lock()
        self._complete = False

    @property
    def place(self) -> str:
        """The engine is another thing: one platform's region is the same place wherever it is."""
        return self.owner.place

    @made_once
    def engine(self) -> Engine:
        return open_engine(self.settings.engine)

    @made_once
    def keyring(self) -> Keyring:
        return self._make_keyring()

    @made_once
    def stack(self) -> StackImage:
        return find_stack(self.engine, self.settings.text("stack") or "default")

    @property
    def _stack_reference(self) -> str:
        """Not looked up: what was made from a stack that is gone can still be read and taken away."""
        return f"{REPOSITORY}:{self.settings.text('stack')}"

    # What it keeps

    @made_once
    def files(self) -> KeeperFiles:
        # A region that has no stack yet is told how to make one.
        return KeeperFiles(self.engine, self.owner, self._keeper, before_first=lambda: self.stack)

    @made_once
    def logbook(self) -> Logbook:
        return Logbook(self.engine, self._keeper.name)

    @made_once
    def records(self) -> VolumeRecords:
        return VolumeRecords(self.files, erase=self.files.erase)

    @property
    def exists(self) -> bool:
        return self.files.exist

    # What lives here

    @made_once
    def dynos(self) -> DockerDynos:
        return DockerDynos(self)

    @made_once
    def slugs(self) -> DockerSlugs:
        return DockerSlugs(self)

    @made_once
    def images(self) -> ServiceImages:
        text = self.settings.text
        return ServiceImages(
            self.engine,
            lambda: self.stack,
            router_image=text("router_image"),
            postgres_image=text("postgres_image"),
            redis_image=text("redis_image"),
        )

    @made_once
    def router(self) -> ContainerRouter:
        options = RouterOptions(port=self.settings.router_port, app_ports=self.app_ports)
        return ContainerRouter(self.engine, self.owner, self.images, options)

    @made_once
    def addons(self) -> ContainerAddons:
        return self._addons(self.files)

    @made_once
    def links(self) -> ContainerLinks:
        return ContainerLinks(
            self.engine,
            self.owner,
            self.images,
            Pool(cidr=self.pool),
            connect=self.addons.connect,
            lock=lambda: self.files.locked("links"),
        )

    @property
    def app_ports(self) -> tuple[int, int]:
        return self.settings.app_ports

    def app_host(self, local_name: str) -> str:
        return f"{local_name}.{self.settings.domain}"

    def host_url(self, host: str) -> str:
        port = self.settings.router_port
        return f"http://{host}" if port == 80 else f"http://{host}:{port}"

    def browser_url(self, host: str, app_port: int | None) -> str:
        """A name below localhost leads to the reader's own machine (RFC 6761): no way to an engine elsewhere."""
        elsewhere = self.settings.reached_at(self.engine.endpoint.url) not in ("127.0.0.1", "localhost")
        if app_port and elsewhere and host.endswith(".localhost"):
            return self.port_url(app_port)
        return self.host_url(host)

    def port_url(self, port: int) -> str:
        return f"http://{self.settings.reached_at(self.engine.endpoint.url)}:{port}"

    def attached(self, app: str) -> Attached:
        """An app of the region by its name here."""
        found = attached(self.records).get(app)
        if found is None:
            raise ProviderError(ErrorKind.INVALID, f"no app {app} is recorded in region {self.settings.region}")
        return found

    def ensure_network(self, name: str, labels: Labels, app: Attached) -> NetworkView:
        """A network of its own for one dyno, with the servers of its app's add-ons on it."""
        network = networks.ensure_network(self.engine, name, labels, Pool(cidr=self.pool))
        for key in app.addons:
            self.addons.connect(key, network.name)
        return network

    # Its life

    def ensure_running(self) -> None:
        """Keeper, guard and router run afterwards, whatever was left of them."""
        with self._starting:
            if self._complete and not self._missing(inventory.containers(self.engine, self.owner)):
                return
            self.files.ensure_running()
            if self.settings.guard:
                self._guard().ensure_running()
            elif self._has_guard():
                self._guard().remove()
            self.router.ensure_running()
            self._complete = True

    def is_running(self) -> bool:
        return self.router.is_running()

    def programs(self) -> Mapping[str, str]:
        found = inventory.containers(self.engine, self.owner)
        if not any(item.labels.role == "keeper" for item in found):
            return {"engine": "running", "region": "not made yet"}
        told = {
            item.name.removeprefix(f"dpaas-{self.place}-"): item.state
            for item in found
            if item.labels.role not in (DYNO, ONE_OFF)
        }
        return {"engine": "running", **told}

    def look(self, scope: str) -> RegionView:
        with ThreadPoolExecutor(1) as beside:
            # A command in a container is the slowest of all questions.
            router = beside.submit(self.router.reading)
            return self._look(scope, FilesAsRead(self.files.snapshot()), router)

    def _look(self, scope: str, files: Files, router: Future[RouterReading]) -> RegionView:
        found = inventory.containers(self.engine, self.owner)
        missing = self._missing(found)
        router_problems, routed = router.result()
        return RegionView(
            records={
                (address, instance): record
                for (_, address, instance), record in VolumeRecords(files).all(scope).items()
            },
            down=f"the region's {missing} is not running" if missing else None,
            dynos=self.dynos.of(found),
            addons=self._addons(files).read_all(),
            slugs=frozenset(self.slugs.ids()),
            router_problems=router_problems,
            routed=routed,
        )

    def leftovers(self) -> Sequence[Leftover]:
        return leftovers.leftovers(self)

    def clear(self, items: Sequence[Leftover]) -> Sequence[str]:
        return leftovers.clear(self, items)

    @property
    def own_volumes(self) -> Sequence[str]:
        """Those of keeper and router."""
        return (self._keeper.volume, self.router.name)

    def stop(self) -> None:
        """Dynos first: they end in peace while their add-ons are there; the keeper last."""
        found = inventory.containers(self.engine, self.owner)
        infrastructure = [item for item in found if item.labels.role in INFRASTRUCTURE]
        dynos = [item for item in found if item.labels.role in (DYNO, ONE_OFF)]
        servers = [item for item in found if item not in infrastructure and item not in dynos]
        self._stop(dynos, max(1, round(self.settings.seconds("stop_timeout_s"))))
        self._stop(servers, STOP_TIMEOUT_S)
        self._stop(infrastructure, INFRASTRUCTURE_STOP_S)
        self.files.stopped()
        self._complete = False

    def dismantle(self) -> None:
        """All but the records, which say until the end that there is something to take away."""
        for item in inventory.containers(self.engine, self.owner):
            if item.labels.role not in INFRASTRUCTURE:
                containers.remove(self.engine, item.id, self.owner)
        self.router.remove()
        if self.settings.guard or self._has_guard():
            self._guard().remove()
        for network in inventory.networks(self.engine, self.owner):
            networks.remove_network(self.engine, network.name, self.owner)
        for slug in slug_image.list_slugs(self.engine, self.owner):
            slug_image.remove_slug(self.engine, self.owner, slug.key)
        slug_image.remove_nameless(self.engine, self.owner)
        for volume in inventory.volumes(self.engine, self.owner):
            if volume.name != self._keeper.volume:
                containers.remove_volume(self.engine, volume.name, self.owner)
        self._complete = False

    def _stop(self, group: Sequence[ContainerView], timeout_s: int) -> None:
        def stop(item: ContainerView) -> None:
            containers.stop(self.engine, item.id, timeout_s)

        side_by_side(STOPPED_AT_ONCE, stop, group)

    @made_once
    def _keeper(self) -> Keeper:
        return Keeper(self.engine, self.owner, self._stack_reference)

    def _guard(self) -> Guard:
        first, last = self.app_ports
        ports = (str(self.settings.router_port), f"{first}:{last}")
        return Guard(self.engine, self.owner, self._stack_reference, ports)

    def _has_guard(self) -> bool:
        """Also one of before it was not wanted any more."""
        return bool(inventory.containers(self.engine, self.owner.with_(role="guard")))

    def _missing(self, found: Sequence[ContainerView]) -> str | None:
        """What of the shared things does not run; the router tells of itself."""
        running = {item.labels.role for item in found if item.is_running}
        wanted = INFRASTRUCTURE if self.settings.guard else ("keeper", "router")
        return next((role for role in wanted if role not in running), None)

    def _addons(self, files: Files) -> ContainerAddons:
        return ContainerAddons(
            self.engine,
            self.owner,
            self.keyring,
            VolumeAddonRecords(files),
            self.images,
            addon_networks=self._addon_networks,
        )

    def _addon_networks(self) -> Mapping[str, Sequence[str]]:
        """For each add-on's key the networks of the dynos whose apps it is attached to, and of what it is linked to."""
        apps = attached(self.records)
        views = inventory.networks(self.engine, self.owner)
        found = {key: list(names) for key, names in server_networks(views).items()}
        for item in views:
            labels = item.labels
            if labels is not None and labels.role in (DYNO, ONE_OFF) and labels.app in apps:
                for key in apps[labels.app].addons:
                    found.setdefault(key, []).append(item.name)
        return found
