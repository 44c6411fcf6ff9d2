"""Networks: each dyno its own bridge, with a small subnet out of the region's own pool.

An engine's default pools give about thirty networks; a /16 cut into /29 gives 8192. Traffic within a network stays
allowed: besides its dyno there are only that dyno's own add-ons, which it must reach.
"""

from __future__ import annotations

import hashlib
import ipaddress
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.docker.engine import inventory
from declarative_paas.providers.docker.engine.connection import Engine
from declarative_paas.providers.docker.engine.inventory import NetworkView
from declarative_paas.providers.docker.engine.labels import Labels, is_ours, told_owner

DEFAULT_POOL: Final = "10.210.0.0/16"
DEFAULT_PREFIX: Final = 29
"""Room for a gateway and five hosts: a dyno and four add-ons."""

BRIDGE_NAME: Final = "com.docker.network.bridge.name"
_TRIES = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """The addresses a region's dynos get. `prefix`: how large each dyno's own subnet is."""

    cidr: str = DEFAULT_POOL
    prefix: int = DEFAULT_PREFIX

    def subnets(self, first: int = 0) -> Iterator[ipaddress.IPv4Network]:
        """From the one with that number upwards."""
        base = int(ipaddress.IPv4Network(self.cidr).network_address)
        step = 1 << (32 - self.prefix)
        for number in range(first, self.size):
            yield ipaddress.IPv4Network((base + number * step, self.prefix))

    def number_of(self, subnet: ipaddress.IPv4Network) -> int:
        """Which of the pool's subnets it is."""
        distance = int(subnet.network_address) - int(ipaddress.IPv4Network(self.cidr).network_address)
        return distance // (1 << (32 - self.prefix))

    @property
    def size(self) -> int:
        """How many networks fit in."""
        return 1 << (self.prefix - ipaddress.IPv4Network(self.cidr).prefixlen)


def pool_mistake(cidr: str, prefix: int = DEFAULT_PREFIX) -> str | None:
    """What is wrong with a pool as it is written; None when nothing is. Pure."""
    try:
        network = ipaddress.IPv4Network(cidr)
    except ValueError as problem:
        return f"{cidr!r} is no IPv4 network: {problem}"
    if not network.is_private:
        return f"{cidr} is no private network: its addresses belong to somebody"
    if not network.prefixlen <= prefix <= 29:
        return f"{cidr} cannot be cut into subnets of /{prefix}: expected /{network.prefixlen} to /29"
    return None


def free_subnets(pool: Pool, taken: Sequence[str], *, first: int = 0) -> Iterator[ipaddress.IPv4Network]:
    """The pool's subnets that touch none of those taken, upwards from the `first`, then from the lowest. Pure."""
    networks = [ipaddress.ip_network(text) for text in taken]
    others = [network for network in networks if isinstance(network, ipaddress.IPv4Network)]
    # A subnet of the pool that is taken whole is looked up; only larger or smaller ones are compared one by one.
    same = {network for network in others if network.prefixlen == pool.prefix}
    odd = [network for network in others if network.prefixlen != pool.prefix]
    for subnet in itertools.chain(pool.subnets(first), itertools.islice(pool.subnets(), first)):
        if subnet not in same and not any(subnet.overlaps(other) for other in odd):
            yield subnet


def bridge_prefix(owner: Labels) -> str:
    """What the names of all bridges of a region begin with; the guard's rules match by it. At most 8 characters."""
    return f"dp{owner.place[:6]}"


def ensure_network(engine: Engine, name: str, labels: Labels, pool: Pool, *, internal: bool = False) -> NetworkView:
    """The network of that name, made unless it is there. Raises ProviderError. `internal` has no way out.

    A subnet that turns out to be taken, by another network or by a route of the host's, is passed over: two
    applies at once, or a stranger's network, cost a try and never an error.
    """
    choice = _first_choice(name, pool)
    # Of a pool that is not crowded the first choice is free: nobody need list thousands of networks for one more.
    made = _create(engine, name, labels, pool, next(pool.subnets(choice)), internal=internal)
    if made is not None:
        return made
    everything = inventory.all_networks(engine)
    for found in everything:
        if found.name == name:
            return _ours(engine, found, labels)
    taken = [network.subnet for network in everything if network.subnet is not None]
    for subnet in itertools.islice(free_subnets(pool, taken, first=choice), _TRIES):
        made = _create(engine, name, labels, pool, subnet, internal=internal)
        if made is not None:
            return made
    raise ProviderError(
        ErrorKind.FAILED,
        f"the address pool {pool.cidr} of region {labels.region} has no free /{pool.prefix} for {name} "
        f"({pool.size} in all): give the region another with the option `pool`",
    )


def remove_network(engine: Engine, name: str, owner: Labels) -> bool:
    """Whether there was one to remove. Our containers that are still on it are taken off first.

    Raises ProviderError: CONFLICT when somebody else's container is on it, which is left where it is.
    """
    import docker.errors

    with engine.told(f"remove the network {name}"):
        try:
            found: Any = engine.api.inspect_network(name)
        except docker.errors.NotFound:
            return False
        if not is_ours(found["Labels"], owner):
            raise _not_ours(name, found["Labels"])
        attached: Mapping[str, Any] = found["Containers"] or {}
        for container, endpoint in attached.items():
            _check_ours(engine, name, container, endpoint.get("Name", container), owner)
        for container in attached:
            _disconnect(engine, container, found["Id"])
        try:
            engine.api.remove_network(found["Id"])
        except docker.errors.NotFound:
            return False
    return True


def _check_ours(engine: Engine, network: str, container: str, name: str, owner: Labels) -> None:
    import docker.errors

    try:
        labels = engine.api.inspect_container(container)["Config"]["Labels"]
    except docker.errors.NotFound:
        return
    if not is_ours(labels, owner):
        raise ProviderError(
            ErrorKind.CONFLICT,
            f"the network {network} is in use by the container {name} of {told_owner(labels)}: take it off first",
        )


def connect(engine: Engine, container: str, network: str, aliases: Sequence[str] = ()) -> None:
    """Puts a container on a network, where it is found by its aliases. Nothing happens when it is there already."""
    import docker.errors

    with engine.told(f"connect {container} to {network}"):
        try:
            engine.api.connect_container_to_network(container, network, aliases=list(aliases))
        except docker.errors.APIError as problem:
            if "already exists in network" not in str(problem):
                raise


def disconnect(engine: Engine, container: str, network: str) -> None:
    """Takes a container off a network; nothing happens when either is gone."""
    with engine.told(f"disconnect {container} from {network}"):
        _disconnect(engine, container, network)


def _disconnect(engine: Engine, container: str, network: str) -> None:
    import docker.errors

    try:
        engine.api.disconnect_container_from_network(container, network, force=True)
    except docker.errors.APIError as problem:
        if problem.status_code != 404 and "is not connected" not in str(problem):
            raise


def _first_choice(name: str, pool: Pool) -> int:
    """By the name: networks made at the same moment seldom try for the same subnet."""
    return int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) % pool.size


def _create(
    engine: Engine, name: str, labels: Labels, pool: Pool, subnet: ipaddress.IPv4Network, *, internal: bool
) -> NetworkView | None:
    """None when the subnet is not free after all."""
    import docker.errors
    from docker.types import IPAMConfig, IPAMPool

    bridge = f"{bridge_prefix(labels)}{pool.number_of(subnet):x}"
    ipam: Any = IPAMConfig(pool_configs=[IPAMPool(subnet=str(subnet))])
    with engine.told(f"make the network {name}"):
        try:
            made: Any = engine.api.create_network(
                name,
                driver="bridge",
                internal=internal,
                ipam=ipam,
                options={BRIDGE_NAME: bridge},
                labels=labels.to_map(),
                check_duplicate=True,
            )
        except docker.errors.APIError as problem:
            told = str(problem)
            if "overlaps" in told or "conflicts with network" in told or "already allocated" in told:
                return None
            if f"network with name {name} already exists" in told:
                return _ours(engine, inventory.network_view(engine.api.inspect_network(name)), labels)
            raise
    return NetworkView(id=made["Id"], name=name, subnet=str(subnet), labels=labels, bridge=bridge)


def _ours(engine: Engine, found: NetworkView, labels: Labels) -> NetworkView:
    mine = found.labels is not None and (found.labels.platform, found.labels.region) == (labels.platform, labels.region)
    if not mine:
        raise _not_ours(found.name, found.labels.to_map() if found.labels is not None else None)
    return found


def _not_ours(name: str, labels: Any) -> ProviderError:
    return ProviderError(ErrorKind.CONFLICT, f"the network {name} belongs to {told_owner(labels)}: it is left alone")
