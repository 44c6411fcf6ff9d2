"""One local region: its directories, its supervisor, its router, its add-on servers; made when first needed."""

from __future__ import annotations

import shutil
import socket
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from declarative_paas.catalog.model import Catalog
from declarative_paas.core.provider import ErrorKind, Leftover, ProviderError
from declarative_paas.providers.addons.driver import RegionAddons, read_region
from declarative_paas.providers.hosting.cleanup import needed_slugs
from declarative_paas.providers.hosting.made_once import made_once
from declarative_paas.providers.hosting.view import RegionView
from declarative_paas.providers.local.addons import LocalAddons
from declarative_paas.providers.local.dynos import LocalDynos
from declarative_paas.providers.local.home import Home, find_home, machine_ports
from declarative_paas.providers.local.links import LocalLinks
from declarative_paas.providers.local.processes import SupervisedHost
from declarative_paas.providers.local.records import RecordStore
from declarative_paas.providers.local.settings import LocalSettings
from declarative_paas.providers.local.slugs import LocalSlugs
from declarative_paas.providers.router.router import Router
from declarative_paas.providers.router.settings import RouterSettings, haproxy_binary
from declarative_paas.providers.runtime.ports import PortRegistry
from declarative_paas.providers.runtime.programs import Program
from declarative_paas.providers.runtime.supervisor import RegionSupervisor
from declarative_paas.providers.slugs.stack import Stack, local_stack
from declarative_paas.vault.keyring import Keyring

APP_PORTS = 100
"""Apps of a region that can be reached on a port of their own; more share the router's port by host name."""

ROUTER = "router"
LOGSINK = "logsink"


class LocalRegion:
    """Paths and infrastructure. Making the object touches nothing; every property makes what it needs.

    Anything that cannot be had raises ProviderError.
    """

    def __init__(self, settings: LocalSettings, catalog: Catalog, keyring: Callable[[], Keyring]) -> None:
        self.settings = settings
        self.catalog = catalog
        self._make_keyring = keyring
        self._starting = threading.Lock()

    # Places

    @made_once
    def home(self) -> Home:
        return find_home(self.settings.home, self.settings.user)

    @property
    def place(self) -> str:
        """Names this region among all of the machine's."""
        return f"{self.home.run.name}/{self.settings.region}"

    @made_once
    def directory(self) -> Path:
        path = self.home.data / "regions" / self.settings.region
        path.mkdir(parents=True, exist_ok=True)
        for directory in (self.home.data, self.home.data / "regions", path):
            # The service user passes through; what is private inside is closed by its own mode.
            directory.chmod(0o755)
        return path

    @made_once
    def run_directory(self) -> Path:
        path = self.home.run / self.settings.region
        path.mkdir(mode=0o711, exist_ok=True)
        return path

    def _run(self, name: str) -> Path:
        path = self.run_directory / name
        path.mkdir(mode=0o711, exist_ok=True)
        return path

    def _made(self, name: str, mode: int = 0o755) -> Path:
        path = self.directory / name
        path.mkdir(exist_ok=True)
        path.chmod(mode)
        return path

    @property
    def dynos_directory(self) -> Path:
        return self._made("dynos", 0o711)

    @property
    def work_directory(self) -> Path:
        return self._made("work")

    @property
    def logs_directory(self) -> Path:
        return self._made("logs", 0o750)

    def log_file(self, app: str) -> Path:
        return self.logs_directory / f"{app}.log"

    def status_file(self, dyno_id: str) -> Path:
        return self.dynos_directory / f"{dyno_id}.status"

    def environment_file(self, dyno_id: str) -> Path:
        """Sealed."""
        return self.dynos_directory / f"{dyno_id}.env"

    @property
    def exists(self) -> bool:
        """Whether anything was ever made here; looking makes nothing."""
        return (self.directory / "region.db").exists()

    # What lives here

    @made_once
    def keyring(self) -> Keyring:
        return self._make_keyring()

    @property
    def key_file(self) -> Path:
        return self.settings.home / "secret.key"

    @made_once
    def records(self) -> RecordStore:
        return RecordStore(self.directory / "region.db")

    @made_once
    def supervisor(self) -> RegionSupervisor:
        return RegionSupervisor(
            self.directory / "supervisor",
            self.run_directory / "s",
            identifier=f"dpaas-{self.settings.region}-{self.home.run.name}",
        )

    @made_once
    def ports(self) -> PortRegistry:
        return PortRegistry(self.home.data / "ports.json", machine=machine_ports())

    @made_once
    def dynos(self) -> LocalDynos:
        return LocalDynos(self)

    @made_once
    def slugs(self) -> LocalSlugs:
        return LocalSlugs(
            self._made("slugs"),
            stack=self.stack,
            user=self.home.user,
            timeout_s=self.settings.seconds("build_timeout_s"),
        )

    @made_once
    def stack(self) -> Stack:
        return local_stack(self.home.user, self._made("stack"))

    @made_once
    def addons(self) -> LocalAddons:
        return LocalAddons(self.addon_servers)

    @made_once
    def addon_servers(self) -> RegionAddons:
        run = self._run("a")
        return RegionAddons(
            directory=self._made("addons"),
            run_directory=run,
            home=self.home.data,
            keyring=self.keyring,
            user=self.home.user,
            allocate_port=lambda owner: self.ports.claim(f"{self.settings.region}/{owner}"),
            processes=SupervisedHost(self.supervisor),
        )

    @made_once
    def router(self) -> Router:
        return Router(
            RouterSettings(
                directory=self._made("router"),
                run_directory=self._run("r"),
                binary=haproxy_binary(),
                port=self.router_port,
                app_ports=self.app_ports,
                log_port=self._chosen_port("log_port"),
                user=self.home.user,
            )
        )

    @made_once
    def links(self) -> LocalLinks:
        return LocalLinks(self, self.directory / "links", self._run("l") / "haproxy.sock")

    @made_once
    def router_port(self) -> int:
        return self.settings.port or self._chosen_port("router_port")

    @made_once
    def app_ports(self) -> tuple[int, int]:
        block = self.ports.free_block(APP_PORTS, f"{self.settings.region}/app-ports")
        return block.start, block.stop - 1

    def app_host(self, local_name: str) -> str:
        """Every browser and curl resolves names below localhost to this machine (RFC 6761)."""
        return f"{local_name}.localhost"

    def host_url(self, host: str) -> str:
        return f"http://{host}:{self.router_port}"

    def browser_url(self, host: str, app_port: int | None) -> str:
        return self.host_url(host)

    def port_url(self, port: int) -> str:
        return f"http://127.0.0.1:{port}"

    def _chosen_port(self, name: str) -> int:
        """Chosen once, kept for good: URLs must survive a restart."""
        return self.ports.claim(f"{self.settings.region}/{name}")

    # Its life

    def ensure_running(self) -> None:
        """Supervisor, log sink and router run afterwards, whatever was left of them."""
        with self._starting:
            self.supervisor.ensure_running()
            running = {name for name, status in self.supervisor.programs().items() if status.pid is not None}
            if LOGSINK not in running:
                self.supervisor.put(self._logsink_program())
            if ROUTER not in running or not self.router.is_running():
                self._require_free_ports(ROUTER in running)
                self.router.prepare()
                self.supervisor.put(self._router_program())
                if ROUTER in running:
                    self.supervisor.restart(ROUTER)
                self.router.wait_ready(timeout_s=15.0)

    def _require_free_ports(self, ours: bool) -> None:
        """Another program may hold a port that the user chose, or one that was ours while we were down.

        HAProxy would share it with another HAProxy without a word (SO_REUSEPORT), and requests would go
        astray. Our own router may be on its way down: then nothing is checked.
        """
        if ours:
            return
        first, last = self.app_ports
        for port in (self.router_port, *range(first, last + 1)):
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    raise ProviderError(
                        ErrorKind.CONFLICT,
                        f"port {port} of region {self.settings.region} is in use by another program: "
                        "choose another `port`, or none for a free one",
                    ) from None

    def is_running(self) -> bool:
        return self.supervisor.is_running()

    def programs(self) -> Mapping[str, str]:
        if not self.exists or not self.supervisor.is_running():
            return {"supervisor": "stopped"}
        dynos = {name for found in self.dynos.all().values() for name in found}
        programs = {
            name: status.state.value.lower()
            for name, status in sorted(self.supervisor.programs().items())
            if name not in dynos
        }
        return {"supervisor": "running", **programs}

    def look(self, scope: str) -> RegionView:
        records = {(address, instance): record for (_, address, instance), record in self.records.all(scope).items()}
        running = self.supervisor.is_running()
        return RegionView(
            records=records,
            down=None if running else "the region's supervisor is not running",
            dynos=self.dynos.supervised(self.supervisor.programs() if running else ()),
            addons=read_region(self.addon_servers),
            slugs=frozenset(self.slugs.ids()),
            router_problems=self.router.problems(),
            routed=self.router.desired_servers(),
        )

    def leftovers(self) -> Sequence[Leftover]:
        needed = needed_slugs(self.records)
        return [
            Leftover(kind="slug", name=slug.id, why="no release needs it", size_bytes=slug.size_bytes)
            for slug in self.slugs.slugs()
            if slug.id not in needed
        ]

    def clear(self, items: Sequence[Leftover]) -> Sequence[str]:
        for item in items:
            self.slugs.remove(item.name)
        return ()

    def stop(self) -> None:
        """Ends every process; all data stays."""
        self.supervisor.shutdown(timeout_s=self.settings.seconds("stop_timeout_s") + 30)

    def dismantle(self) -> None:
        """Ends every process and forgets the region's own programs; logs, slugs and ports stay."""
        self.links.end()
        if self.supervisor.is_running():
            for name in (ROUTER, LOGSINK):
                self.supervisor.remove(name)
        self.stop()
        shutil.rmtree(self.run_directory, ignore_errors=True)

    def _router_program(self) -> Program:
        return Program(
            name=ROUTER,
            command=tuple(self.router.command()),
            directory=self.directory,
            priority=100,
            stop_signal="TERM",
            stop_wait_s=10,
        )

    def _logsink_program(self) -> Program:
        command = (
            sys.executable,
            "-m",
            "declarative_paas.providers.router.logsink",
            "--port",
            str(self._chosen_port("log_port")),
            "--logs",
            str(self.logs_directory),
        )
        return Program(
            name=LOGSINK, command=command, directory=self.directory, priority=50, environment=_package_path()
        )


def _package_path() -> Mapping[str, str]:
    """So that the same code runs in the supervised process, installed or not."""
    import declarative_paas

    return {"PYTHONPATH": str(Path(declarative_paas.__file__).parent.parent), "PYTHONUNBUFFERED": "1"}
