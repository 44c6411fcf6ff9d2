"""A region's guard: a container in the host's network that closes what Docker's API cannot.

Docker keeps bridges apart from each other, but lets every container reach the host itself: its database, its SSH,
and the cloud's metadata service behind it. The guard's packet filter rules match the names of this region's bridges
and nothing else, in chains of their own in the `mangle` table: Docker and firewalls that reorder `filter` leave
that alone, and a packet dropped there is gone whatever the others say.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from typing import Any, Final

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.docker.engine import containers, room
from declarative_paas.providers.docker.engine.connection import Engine
from declarative_paas.providers.docker.engine.containers import LOG_CONFIG
from declarative_paas.providers.docker.engine.dyno_container import dyno_state
from declarative_paas.providers.docker.engine.labels import Labels, object_name
from declarative_paas.providers.docker.engine.networks import bridge_prefix

ROLE: Final = "guard"
APPLY_TIMEOUT_S: Final = 20.0
MOST_TRIES: Final = 3
"""A firewall that is being reloaded at the same moment is worth another one; a mistake is not."""

IN_FORCE: Final = "the rules are in force"
"""What it prints when they are, once a start."""

METADATA: Final = "169.254.0.0/16"
"""Link-local addresses: clouds serve a machine's credentials there."""

OPEN_WITHOUT_GUARD: Final = (
    "without a guard each dyno reaches every service of the engine's host that listens on a bridge or on all "
    "addresses, and link-local addresses such as a cloud's metadata service"
)

APPLY: Final = r"""
set -eu
in="DPAAS-$PLACE-IN" forward="DPAAS-$PLACE-FWD"
for v in "" 6; do
  # A host without IPv6 in its packet filter has none to close.
  if [ -n "$v" ] && ! ip6tables -w 10 -t mangle -L INPUT -n >/dev/null 2>&1; then continue; fi
  rules() {
    echo "*mangle"
    echo ":$in - [0:0]"
    echo ":$forward - [0:0]"
    echo "-A $in -m conntrack --ctstate ESTABLISHED,RELATED -j RETURN"
    if [ -z "$v" ]; then
      for port in $PORTS; do echo "-A $in -p tcp -m tcp --dport $port -j RETURN"; done
    fi
    echo "-A $in -j DROP"
    # Only where bridges pass their own traffic through the packet filter does it come here at all.
    if [ "$1" = bridged ]; then echo "-A $forward -m physdev --physdev-is-bridged -j RETURN"; fi
    echo "-A $forward -m conntrack --ctstate ESTABLISHED,RELATED -j RETURN"
    echo "-A $forward -o $BRIDGES+ -j DROP"
    if [ -z "$v" ]; then echo "-A $forward -d $METADATA -j DROP"; else echo "-A $forward -j DROP"; fi
    echo "COMMIT"
  }
  # In one transaction: there is no moment without the rules when they are set again.
  rules bridged | "ip${v}tables-restore" -w 10 --noflush 2>/dev/null ||
    rules plain | "ip${v}tables-restore" -w 10 --noflush
  jump() { "ip${v}tables" -w 10 -t mangle -C "$@" 2>/dev/null || "ip${v}tables" -w 10 -t mangle -I "$@"; }
  jump INPUT -i "$BRIDGES+" -j "$in"
  jump FORWARD -i "$BRIDGES+" -j "$forward"
  jump FORWARD -o "$BRIDGES+" -j "$forward"
done
"""

REMOVE: Final = r"""
in="DPAAS-$PLACE-IN" forward="DPAAS-$PLACE-FWD"
for tables in iptables ip6tables; do
  rule() { "$tables" -w 10 -t mangle "$@" 2>/dev/null; }
  while rule -D INPUT -i "$BRIDGES+" -j "$in"; do :; done
  while rule -D FORWARD -i "$BRIDGES+" -j "$forward"; do :; done
  while rule -D FORWARD -o "$BRIDGES+" -j "$forward"; do :; done
  for chain in "$in" "$forward"; do rule -F "$chain"; rule -X "$chain"; done
done
"""

# Every ten seconds, for a firewall may be reloaded over the rules. They stay when the guard is stopped: a host without
# its guard is closed, not open.
WATCH: Final = r"""
trap 'exit 0' TERM INT
said=
while :; do
  sh -c "$APPLY" || exit 1
  [ -n "$said" ] || echo "$IN_FORCE"
  said=1
  sleep 10 & wait $!
done
"""


class _Outcome(Enum):
    """What became of a guard that was started: it says nothing, or ends again and again, or its rules are in force."""

    IN_FORCE = "in force"
    FAILING = "failing"
    SILENT = "silent"


class Guard:
    """One a region, run unless its option `guard` is false. `ports`: what dynos may reach on the host, the router's.

    A port is a number or a range `FIRST:LAST`, as iptables writes it.
    """

    def __init__(self, engine: Engine, owner: Labels, image: str, ports: Sequence[str]) -> None:
        self._engine = engine
        self._labels = Labels(platform=owner.platform, region=owner.region, role=ROLE)
        self._image = image
        self._ports = tuple(ports)
        self.name = object_name(owner, "guard")

    def ensure_running(self) -> None:
        """Returns when the rules are in force. Raises ProviderError (FAILED, with what iptables said)."""
        outcome = self._started()
        if outcome is _Outcome.SILENT:
            # Its log found no room once, and a log that broke off stays silent.
            containers.remove(self._engine, self.name, self._labels)
            outcome = self._started()
        if outcome is _Outcome.IN_FORCE:
            return
        raise ProviderError(
            ErrorKind.FAILED,
            f"the guard {self.name} cannot set its packet filter rules ({self._engine.where}): "
            "use a stack with iptables, or the option `guard: false`",
            detail=room.last_words(self._engine, self.name, self._labels),
        )

    def _started(self) -> _Outcome:
        containers.ensure_created(self._engine, self.name, self._config(), self._labels)
        containers.start(self._engine, self.name)
        deadline = time.monotonic() + APPLY_TIMEOUT_S
        first = dyno_state(self._engine, self.name)
        while not self._applied():
            state = dyno_state(self._engine, self.name)
            tries = MOST_TRIES if first is None or state is None else state.restarts - first.restarts
            if tries >= MOST_TRIES:
                return _Outcome.FAILING
            if time.monotonic() > deadline:
                return _Outcome.SILENT
            time.sleep(0.05)
        return _Outcome.IN_FORCE

    def problems(self) -> tuple[str, ...]:
        """What is wrong with it, in one or two calls."""
        known = containers.inspected(self._engine, self.name, self._labels)
        if known is None:
            return ("the guard is missing",)
        return () if self._applied() else ("the guard is not running",)

    def remove(self) -> None:
        """The container and the rules, also those of a guard that is gone. A no-op when there are none."""
        known = containers.inspected(self._engine, self.name, self._labels)
        # On the image that it has, where there is one: its name may be gone, or another's.
        image = self._image if known is None else known["Image"]
        containers.remove(self._engine, self.name, self._labels)
        broom = f"{self.name}-end"
        config = self._config()
        config |= {"Image": image, "Cmd": ["/bin/sh", "-c", REMOVE]}
        config["HostConfig"] |= {"RestartPolicy": {"Name": "no"}}
        containers.ensure_created(self._engine, broom, config, self._labels)
        try:
            containers.start(self._engine, broom)
            with self._engine.told("remove the guard's rules"):
                self._engine.api.wait(broom, timeout=60)
        finally:
            containers.remove(self._engine, broom, self._labels)

    def _applied(self) -> bool:
        """Told by its log: a command in it would cost many times as much."""
        known = containers.inspected(self._engine, self.name, self._labels)
        if known is None or not known["State"]["Running"]:
            return False
        ended = datetime.fromisoformat(known["State"]["FinishedAt"]).timestamp()
        with self._engine.told(f"read the log of {self.name}"):
            # Since its last end, which is in the year 1 before there was one.
            said: Any = self._engine.api.logs(self.name, stderr=False, since=max(ended, 1.0))
        return IN_FORCE.encode() in said

    def _config(self) -> dict[str, Any]:
        environment = {
            "PLACE": self._labels.place[:6],
            "BRIDGES": bridge_prefix(self._labels),
            "PORTS": " ".join(self._ports),
            "METADATA": METADATA,
            "APPLY": APPLY,
            "IN_FORCE": IN_FORCE,
        }
        return {
            "Image": self._image,
            "Entrypoint": [],
            "Cmd": ["/bin/sh", "-c", WATCH],
            "User": "0:0",
            "Env": [f"{name}={value}" for name, value in environment.items()],
            "StopTimeout": 5,
            "HostConfig": {
                "NetworkMode": "host",
                "CapDrop": ["ALL"],
                "CapAdd": ["NET_ADMIN", "NET_RAW"],
                "SecurityOpt": ["no-new-privileges"],
                "ReadonlyRootfs": True,
                "Tmpfs": {"/run": "rw,noexec,nosuid,size=1m"},
                "PidsLimit": 64,
                "Memory": 64 * 2**20,
                "RestartPolicy": {"Name": "always"},
                "LogConfig": LOG_CONFIG,
            },
        }
