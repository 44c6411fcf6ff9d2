"""What one HAProxy worker has in memory: its maps and servers, read and changed over its socket."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from declarative_paas.providers.router import maps
from declarative_paas.providers.router.config import server_address, server_options
from declarative_paas.providers.router.control import Worker, argument
from declarative_paas.providers.router.errors import RouterError
from declarative_paas.providers.router.names import Place
from declarative_paas.providers.router.routes import Server
from declarative_paas.providers.router.settings import Checks

# Columns and values of `show servers state` (HAProxy management guide, server-state-file).
_OPERATIONAL_RUNNING = "2"
_ADMIN_DRAIN = 0x08 | 0x10
_CHECK_PASSED = "3"


AdminState: TypeAlias = Literal["ready", "drain", "maint"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveServer:
    """A server's state in a worker. `has_passed` is about its last check, False while one is under way."""

    is_up: bool
    admin: AdminState
    has_passed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What keeps a server busy, and what its last check said."""

    sessions: int
    last_check: str


def read_map(worker: Worker, name: str) -> dict[str, str]:
    entries: dict[str, str] = {}
    for line in worker.ask(f"show map {name}").splitlines():
        match line.split(" ", 2):
            case [pointer, key, value] if pointer.startswith("0x"):
                entries[key] = value
            case _:
                pass
    return entries


def read_servers(worker: Worker) -> dict[Place, LiveServer]:
    header: list[str] = []
    found: dict[Place, LiveServer] = {}
    for line in worker.ask("show servers state").splitlines():
        if line.startswith("# "):
            header = line[2:].split()
        elif header and line:
            row = dict(zip(header, line.split(), strict=False))
            if "srv_name" not in row:
                continue
            found[Place(row["be_name"], row["srv_name"])] = LiveServer(
                is_up=row["srv_op_state"] == _OPERATIONAL_RUNNING,
                admin=_admin_state(int(row["srv_admin_state"])),
                has_passed=row["srv_check_result"] == _CHECK_PASSED,
            )
    return found


def _admin_state(bits: int) -> AdminState:
    if not bits:
        return "ready"
    return "maint" if bits & ~_ADMIN_DRAIN else "drain"


def read_load(worker: Worker, backend: str) -> dict[Place, Load]:
    """Sessions and queued requests of each server; nothing when the worker does not have the backend."""
    text = worker.ask(f"show stat {backend} 4 -1")
    if not text.startswith("# "):
        return {}
    return {
        Place(row["pxname"], row["svname"]): Load(
            sessions=int(row["scur"] or 0) + int(row["qcur"] or 0),
            last_check=" ".join(filter(None, (row["check_status"].lstrip("* "), row["last_chk"]))),
        )
        for row in csv.DictReader(text[2:].splitlines())
    }


def hand_over(worker: Worker) -> None:
    """From now on an old worker passes its clients' next requests on to the current one."""
    if not read_map(worker, maps.HANDOVER):
        worker.do([f"add map {maps.HANDOVER} yes yes"])


def sync_maps(worker: Worker, desired: maps.Maps) -> None:
    """Makes the worker's maps what they should be, each entry changed at most once.

    Paths of health checks are never removed here: servers on their way in or out of service need theirs.
    """
    commands: list[str] = []
    for name in maps.DRAWN:
        wanted = desired[name]
        present = read_map(worker, name)
        for key in sorted(wanted.keys() | present.keys()):
            if key not in wanted:
                if name != maps.CHECK_PATHS:
                    commands.append(f"del map {name} {argument(key)}")
            elif key not in present:
                commands.append(f"add map {name} {argument(key)} {argument(wanted[key])}")
            elif present[key] != wanted[key]:
                commands.append(f"set map {name} {argument(key)} {argument(wanted[key])}")
    worker.do(commands)


def ensure_servers(worker: Worker, servers: Mapping[Place, Server], checks: Checks, *, state: AdminState) -> None:
    """The worker has these servers, in this state: "drain" (checked, no requests) or "ready"."""
    present = read_servers(worker)
    paths = read_map(worker, maps.CHECK_PATHS)
    commands: list[str] = []
    for place, server in servers.items():
        if place in present:
            if present[place].admin != state:
                commands.append(f"set server {place} state {state}")
            continue
        if server.check_path and str(place) not in paths:
            worker.do([f"add map {maps.CHECK_PATHS} {place} {argument(server.check_path)}"])
        answer = worker.ask(f"add server {place} {server_address(server)} {server_options(checks)}")
        if answer != "New server registered.":
            raise RouterError(f"the router did not add {place}: {answer}")
        # A new server is in maintenance; out of it, it counts as up until a check fails, so a server
        # that has yet to prove itself goes to drain.
        commands += [f"enable health {place}", f"set server {place} state {state}"]
    worker.do(commands)


def set_state(worker: Worker, places: Iterable[Place], state: AdminState) -> None:
    worker.do([f"set server {place} state {state}" for place in places])


def remove_server(worker: Worker, place: Place, *, by_force: bool) -> bool:
    """Takes a server out of the worker; True when it is gone, False while requests hold it.

    By force: their connections are cut.
    """
    if place not in read_servers(worker):
        return True
    worker.do([f"set server {place} state maint"])
    if by_force:
        worker.do([f"shutdown sessions server {place}"])
    if worker.ask(f"del server {place}") != "Server deleted.":
        return False
    if str(place) in read_map(worker, maps.CHECK_PATHS):
        worker.do([f"del map {maps.CHECK_PATHS} {place}"])
    return True
