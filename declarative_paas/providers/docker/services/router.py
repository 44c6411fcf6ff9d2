"""The region's router: HAProxy in a container on the engine host's network, so that it reaches every dyno.

The same methods and errors as a local region's `Router`, each one question to `router_inside` in the container. What
the router must remember is on its volume: it comes back with its routes, after a restart and after a new image.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final, TypeAlias

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.docker.engine import containers, inventory, room
from declarative_paas.providers.docker.engine.connection import Engine
from declarative_paas.providers.docker.engine.containers import NOBODY, Entry
from declarative_paas.providers.docker.engine.conversation import Conversation, ConversationEnded, Conversations
from declarative_paas.providers.docker.engine.labels import Labels, object_name
from declarative_paas.providers.docker.services import server_container
from declarative_paas.providers.docker.services.images import ServiceImages
from declarative_paas.providers.docker.services.router_code import router_code
from declarative_paas.providers.docker.services.router_inside import DIRECTORY, PORT_TAKEN
from declarative_paas.providers.docker.services.server_container import Found, ServerContainer
from declarative_paas.providers.router import errors
from declarative_paas.providers.router.routes import Route, Server
from declarative_paas.providers.router.settings import Checks, Timeouts
from declarative_paas.providers.router.switching import DrainedServer, DrainReport

ROLE: Final = "router"
MOUNT: Final = str(DIRECTORY)
START_TIMEOUT_S: Final = 20.0
STOP_TIMEOUT_S: Final = 10
ANSWER_TIMEOUT_S: Final = 90.0
"""How long an answer may take beyond what the operation itself may: the router's lock is waited for, too."""

POLL_S: Final = 0.05
FIRST_OPEN_PORT: Final = 1024
NO_FILE: Final = 2
"""Python's exit status when there is no such program: the container has another version of it."""

_AS_NOBODY: Final = (
    "setpriv",
    f"--reuid={NOBODY.partition(':')[0]}",
    f"--regid={NOBODY.partition(':')[2]}",
    "--clear-groups",
    "--inh-caps=+net_bind_service",
    "--ambient-caps=+net_bind_service",
    "--",
)
"""Docker gives an unprivileged user no capability; this one keeps the one that opens ports below 1024."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterOptions:
    """`port` answers by Host; `app_ports` is (first, last): each app may own one. `bind` is a host's address."""

    port: int = 80
    bind: str = "0.0.0.0"
    app_ports: tuple[int, int] | None = None
    spare_slots: int = 64
    timeouts: Timeouts = field(default_factory=Timeouts)
    checks: Checks = field(default_factory=Checks)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


RouterReading: TypeAlias = tuple[tuple[str, ...], Mapping[str, frozenset[str]] | None]


class ContainerRouter:
    """One region's router. Safe from several threads, processes and machines: it holds its settings, and conversations
    with the program in the container.

    Methods raise ProviderError for the engine's troubles and RouterError (router/errors.py) for the router's own.
    """

    def __init__(self, engine: Engine, owner: Labels, images: ServiceImages, options: RouterOptions) -> None:
        self._engine = engine
        self._owner = owner.with_(role=ROLE)
        self._images = images
        self._options = options
        # A switch takes as long as its last request: others are asked beside it.
        self._conversations = Conversations(self._begin)
        self.name = object_name(owner, "router")

    def ensure_running(self) -> None:
        """Volume and container are there and the router answers, whatever was left of it.

        One whose options have changed is made again: its port is closed for that second. Raises ProviderError:
        CONFLICT when a port or a name is taken.
        """
        wanted = self._container()
        found = self._find()
        if found is not None and (found.spec != wanted.spec or found.volume != wanted.volume):
            server_container.remove(self._engine, self._owner, self.name, stop_timeout_s=STOP_TIMEOUT_S)
            found = None
        if found is None:
            server_container.create(self._engine, self._container(self._images.router.id))
        if found is None or not found.running:
            # Again, if need be: whoever made the container may have been killed before it had its files.
            server_container.furnish(self._engine, wanted)
            containers.start(self._engine, self.name)
            self._wait_ready()

    def is_running(self) -> bool:
        found = self._find()
        return found is not None and found.running

    def set_route(self, app: str, hosts: tuple[str, ...], app_port: int | None, maintenance: bool = False) -> None:
        """See `Router.set_route`."""
        self._ask("set_route", app=app, hosts=list(hosts), app_port=app_port, maintenance=maintenance)

    def remove_route(self, app: str, *, drain_timeout_s: float = 5.0) -> DrainReport:
        """See `Router.remove_route`."""
        return _report(self._ask("remove_route", longest_s=drain_timeout_s, app=app, drain_timeout_s=drain_timeout_s))

    def switch(
        self, app: str, servers: tuple[Server, ...], *, drain_timeout_s: float = 30.0, up_timeout_s: float = 60.0
    ) -> DrainReport:
        """See `Router.switch`. The switch goes on to its end when this process dies; another one waits for it."""
        answer = self._ask(
            "switch",
            longest_s=2 * (drain_timeout_s + up_timeout_s),
            app=app,
            servers=[asdict(server) for server in servers],
            drain_timeout_s=drain_timeout_s,
            up_timeout_s=up_timeout_s,
        )
        return _report(answer)

    def routes(self) -> tuple[Route, ...]:
        """The routes as the running router has them, by app. Raises RouterNotRunningError."""
        return tuple(_route(route) for route in self._ask("routes"))

    def problems(self) -> tuple[str, ...]:
        """How the running router differs from the desired routes, and which servers are down. Starts nothing."""
        found = self._find()
        if found is None or not found.running:
            return ("router is not running",)
        return tuple(self._ask("problems"))

    def reading(self) -> RouterReading:
        """`problems`, and the servers' names by app that the router is to have; None when nobody can tell now."""
        found = self._find()
        if found is None or not found.running:
            # Its routes are on its volume: without that one it will have none.
            return ("router is not running",), None if self._has_volume() else {}
        answer = self._ask("reading")
        return tuple(answer["problems"]), {app: frozenset(names) for app, names in answer["servers"].items()}

    def repair(self) -> None:
        """Makes the running router what its routes say; starts it when it does not run."""
        self.ensure_running()
        self._ask("repair")

    def stop(self) -> None:
        """The next `ensure_running` starts it with its routes."""
        self._conversations.close()
        containers.stop(self._engine, self.name, STOP_TIMEOUT_S)

    def remove(self) -> None:
        """Container and volume. A no-op when they are gone."""
        self._conversations.close()
        server_container.remove(self._engine, self._owner, self.name, stop_timeout_s=STOP_TIMEOUT_S)
        containers.remove_volume(self._engine, self.name, self._owner)

    def _find(self) -> Found | None:
        return server_container.find(self._engine, self._owner, self.name, MOUNT)

    def _has_volume(self) -> bool:
        return any(volume.name == self.name for volume in inventory.volumes(self._engine, self._owner))

    def _container(self, image: str = "") -> ServerContainer:
        options, code = self._options, router_code()
        first = min(options.port, options.app_ports[0] if options.app_ports else options.port)
        privileged = first < FIRST_OPEN_PORT
        told = json.dumps(options.to_json(), sort_keys=True)
        return ServerContainer(
            name=self.name,
            image=image,
            # Not the program's own name: a newer version of it is no reason to make the container again.
            command=(*(_AS_NOBODY if privileged else ()), "python3", START, "start", told),
            labels=self._owner,
            volume=self.name,
            mount=MOUNT,
            network="host",
            files=(Entry(path=START, content=code.content, uid=0), Entry(path=code.path, content=code.content, uid=0)),
            user="0:0" if privileged else NOBODY,
            capabilities=("NET_BIND_SERVICE", "SETGID", "SETUID") if privileged else (),
            stop_timeout_s=STOP_TIMEOUT_S,
            variant=self._images.router_image or "",
        )

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            found = self._find()
            if found is None or (not found.running and found.exit_status):
                self._tell_failed_start(found)
            if found is not None and found.running and self._answers():
                return
            if time.monotonic() > deadline:
                self._tell_failed_start(found)
            time.sleep(POLL_S)

    def _answers(self) -> bool:
        try:
            self._ask("ready", timeout_s=2.0)
        except (errors.RouterNotRunningError, ProviderError):
            return False
        return True

    def _tell_failed_start(self, found: Found | None) -> None:
        if found is None:
            raise ProviderError(ErrorKind.FAILED, f"the router {self.name} was removed while it started")
        lines = room.last_words(self._engine, self.name, self._owner)
        # It would be tried again and again, and take the port from whoever has it now when that one ends.
        containers.stop(self._engine, self.name, 0)
        if found.exit_status == PORT_TAKEN:
            raise ProviderError(
                ErrorKind.CONFLICT,
                f"the router's port is in use on the engine's host ({lines[-1] if lines else 'taken'}): "
                "choose another `port` for the region",
            )
        raise ProviderError(ErrorKind.FAILED, f"the router {self.name} does not start", detail=lines)

    def _ask(self, operation: str, *, longest_s: float = 0.0, **arguments: Any) -> Any:
        request = {"operation": operation, "arguments": arguments}
        timeout_s = ANSWER_TIMEOUT_S + longest_s
        try:
            with self._conversations.one() as conversation:
                answer = self._answer(conversation, request, timeout_s)
        except ConversationEnded as ended:
            self._require_running()
            summary = f"the router {self.name} failed at {operation}"
            raise ProviderError(ErrorKind.FAILED, summary, detail=ended.detail) from None
        except TimeoutError:
            summary = f"the router {self.name} did not end {operation} within {timeout_s:g} s"
            raise ProviderError(ErrorKind.FAILED, summary) from None
        except ProviderError:
            self._require_running()
            raise
        return _result(answer)

    def _answer(self, conversation: Conversation, request: Mapping[str, Any], timeout_s: float) -> Mapping[str, Any]:
        was_begun = conversation.is_begun
        try:
            return conversation.ask(request, timeout_s=timeout_s)
        except ConversationEnded as ended:
            if ended.status == NO_FILE:
                # The container was made by another version of this program, whose own stays for its next start.
                code = router_code()
                containers.put(self._engine, self.name, (Entry(path=code.path, content=code.content, uid=0),))
            elif not was_begun:
                raise
        except ProviderError:
            if not was_begun:
                raise
        # Begun before the container was made or started again.
        return conversation.ask(request, timeout_s=timeout_s)

    def _begin(self) -> Conversation:
        told = json.dumps(self._options.to_json(), sort_keys=True)
        return Conversation(self._engine, self.name, ("python3", router_code().path, "answer", told), user=NOBODY)

    def _require_running(self) -> None:
        if not self.is_running():
            raise errors.RouterNotRunningError(f"the router {self.name} is not running") from None


START: Final = "/dpaas/router.pyz"
"""What the container itself runs, as it was when the container was made."""

_ERRORS: Final[Mapping[str, Callable[[str], Exception]]] = {
    "RouterError": errors.RouterError,
    "RouterNotRunningError": errors.RouterNotRunningError,
    "WorkerGoneError": errors.WorkerGoneError,
    "RouterBusyError": errors.RouterBusyError,
    "RouteConflictError": errors.RouteConflictError,
    "ValueError": ValueError,
}


def _result(answer: Mapping[str, Any]) -> Any:
    """Raises the error that the answer tells."""
    name = answer.get("error")
    if name is None:
        return answer["result"]
    if name == "ServersNotUpError":
        raise errors.ServersNotUpError(answer["app"], answer["reasons"])
    raise _ERRORS.get(name, errors.RouterError)(answer["text"])


def _report(servers: Any) -> DrainReport:
    return DrainReport(servers=tuple(DrainedServer(**server) for server in servers))


def _route(told: Mapping[str, Any]) -> Route:
    return Route(
        app=told["app"],
        hosts=tuple(told["hosts"]),
        app_port=told["app_port"],
        servers=tuple(Server(**server) for server in told["servers"]),
        maintenance=told["maintenance"],
    )
