"""The `redis` service: a Valkey server, in a container of its own, for each add-on."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from declarative_paas.core.data import DataSide
from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.core.values import Sensitive
from declarative_paas.providers.addons.driver import AddonInstance, Outputs
from declarative_paas.providers.addons.records import InstanceRecord, PlanFact, open_sealed
from declarative_paas.providers.addons.valkey_config import (
    ADMIN,
    RESERVED_FILES,
    UNLIMITED_CONNECTIONS,
    acl_text,
    password_hash,
    valkey_conf,
)
from declarative_paas.providers.addons.valkey_facts import (
    INSPECT,
    aof_is_written,
    differences,
    facts_of,
    info_of,
    password_hashes,
    plan_as_found,
    settings_of,
)
from declarative_paas.providers.docker.engine import containers
from declarative_paas.providers.docker.engine.containers import Entry
from declarative_paas.providers.docker.services import container_service
from declarative_paas.providers.docker.services.container_service import DATA, Inspection, require_major
from declarative_paas.providers.docker.services.images import ServerImage
from declarative_paas.providers.docker.services.place import AddonPlace
from declarative_paas.providers.docker.services.resp_exec import PORT, TUNNEL, Answers, ask
from declarative_paas.providers.docker.services.server_container import ServerContainer

OVERHEAD_MB: Final = 96
"""Beside the data: the program, its clients' buffers, and what a fork for a snapshot copies."""
SAVE_TIMEOUT_S: Final = 120.0
MADE: Final = f"{DATA}/made"
CONF: Final = "/dpaas/valkey.conf"
ACL: Final = "/dpaas/users.acl"

SERVE: Final = f"""\
#!/bin/sh
# Written by dpaas. Becomes the server, unless its data is gone and nobody said that an empty one may begin.
set -eu
umask 077
cd {DATA}
if [ ! -e made ] && [ ! -e begin ]; then
    echo "the data is gone, and nobody said that an empty server may begin" >&2
    exit 75
fi
rm -f begin
# In the persistence that the data was written in: a server started in another one begins empty.
mode="$(cat appendonly 2>/dev/null || true)"
for program in valkey-server redis-server; do
    if command -v "$program" >/dev/null; then exec "$program" {CONF} ${{mode:+--appendonly "$mode"}}; fi
done
echo "the image has neither valkey-server nor redis-server" >&2
exit 127
"""


class ValkeyService:
    """See `ContainerService`."""

    service: ClassVar[str] = "redis"
    witness: ClassVar[str] = MADE

    def image(self, place: AddonPlace) -> ServerImage:
        return place.images.redis

    def check_plan(self, plan: Mapping[str, PlanFact], image: ServerImage | None) -> None:
        settings_of(plan, UNLIMITED_CONNECTIONS)
        require_major(plan, image, product="version", option="redis_image")

    def new_secrets(self, place: AddonPlace, instance: AddonInstance) -> tuple[str, Mapping[str, Any]]:
        seal = place.keyring.seal
        return seal(secrets.token_urlsafe(32)), {"sealed_admin": seal(secrets.token_urlsafe(32))}

    def container(self, place: AddonPlace, record: InstanceRecord) -> ServerContainer:
        memory_mb = settings_of(record.plan, UNLIMITED_CONNECTIONS).maxmemory_mb
        return container_service.server_container(
            place,
            record,
            files=(Entry(path="/dpaas/serve", content=SERVE.encode(), mode=0o644, uid=0), *_files(place, record)),
            memory_mb=memory_mb + max(OVERHEAD_MB, memory_mb // 2),
            health=HEALTH_COMMAND,
            stop_signal="TERM",  # saves, then ends
        )

    def is_ready(self, place: AddonPlace, record: InstanceRecord) -> bool:
        try:
            answers = _ask(place, record, [("PING",), ("INFO", "persistence")])
        except ProviderError:
            return False
        return answers.replies[0] == "PONG" and info_of(answers.replies[1]).get("loading") == "0"

    def settle(self, place: AddonPlace, record: InstanceRecord, *, was_complete: bool) -> tuple[str, ...]:
        """As `ValkeyServer.apply`: the file that the next start reads is written before what makes it read that one."""
        name = place.server(record.key)
        before = _ask(place, record, INSPECT)
        settings = settings_of(record.plan, _attainable(before))
        wrong = differences(facts_of(before.replies), settings, _app_hash(place, record))
        if facts_of(before.replies).persistent and not settings.persistent:
            _ask(place, record, [("SAVE",)])
            containers.put(place.engine, name, (_mode(persistent=False),))
        _ask(place, record, [("CONFIG", "SET", key, value) for key, value in settings.live().items()])
        if settings.persistent:
            _wait_for_append_only_file(place, record)
        mode = _mode(persistent=settings.persistent)
        containers.put(place.engine, name, (mode, Entry(path=MADE, content=b""), *_files(place, record)))
        if password_hashes(before.replies[3]) != [_app_hash(place, record)]:
            _ask(place, record, [("ACL", "LOAD")])
        return tuple(f"mended: {difference}" for difference in wrong) if was_complete else ()

    def inspect(self, place: AddonPlace, record: InstanceRecord) -> Inspection:
        answers = _ask(place, record, INSPECT)
        facts, attainable = facts_of(answers.replies), _attainable(answers)
        problems = differences(facts, settings_of(record.plan, attainable), _app_hash(place, record))
        return Inspection(problems=problems, plan=plan_as_found(record.plan, facts, attainable))

    def outputs(self, place: AddonPlace, record: InstanceRecord) -> Outputs:
        host = place.server(record.key)
        password = open_sealed(place.keyring, record.sealed, record.key).reveal()
        return {
            "id": record.key,
            "url": Sensitive(f"redis://:{password}@{host}:{PORT}/0"),
            "host": host,
            "port": str(PORT),
        }

    def data_side(self, place: AddonPlace, record: InstanceRecord) -> DataSide:
        from declarative_paas.providers.addons.resp_relay import relayed_dial
        from declarative_paas.providers.addons.valkey_port import ValkeyPort
        from declarative_paas.providers.docker.services.exec_runner import ExecRunner

        password = open_sealed(place.keyring, record.details["sealed_admin"], record.key)
        runner = ExecRunner(place.engine, place.server(record.key))
        port = ValkeyPort(dial=relayed_dial(runner, PORT), username=ADMIN, password=password)
        return DataSide(port=port, fresh=port.empty)


HEALTH_COMMAND: Final = ("sh", "-c", 'printf "PING\\r\\nQUIT\\r\\n" | "$@" | grep -q NOAUTH', "health", *TUNNEL)
"""A server that wants a password before it answers is well: there is none in its container to give."""


def _ask(place: AddonPlace, record: InstanceRecord, commands: Sequence[Sequence[str | int]]) -> Answers:
    password = open_sealed(place.keyring, record.details["sealed_admin"], record.key)
    return ask(place.engine, place.server(record.key), password, commands)


def _app_hash(place: AddonPlace, record: InstanceRecord) -> str:
    return password_hash(open_sealed(place.keyring, record.sealed, record.key).reveal())


def _attainable(answers: Answers) -> int:
    """How many clients the server can have: each takes a file."""
    return UNLIMITED_CONNECTIONS if answers.files is None else max(1, answers.files - RESERVED_FILES)


def _files(place: AddonPlace, record: InstanceRecord) -> tuple[Entry, ...]:
    admin = open_sealed(place.keyring, record.details["sealed_admin"], record.key).reveal()
    settings = settings_of(record.plan, UNLIMITED_CONNECTIONS)
    conf = valkey_conf(port=PORT, data=Path(DATA), acl=Path(ACL), settings=settings, bind="*")
    # Hashes, of 256 random bits each; and to be read by the server alone.
    acl = acl_text(app_hash=_app_hash(place, record), admin_hash=password_hash(admin))
    return tuple(Entry(path=path, content=text.encode(), mode=0o600) for path, text in ((CONF, conf), (ACL, acl)))


def _mode(*, persistent: bool) -> Entry:
    return Entry(path=f"{DATA}/appendonly", content=b"yes" if persistent else b"no", mode=0o600)


def _wait_for_append_only_file(place: AddonPlace, record: InstanceRecord) -> None:
    deadline = time.monotonic() + SAVE_TIMEOUT_S
    while not aof_is_written(info_of(_ask(place, record, [("INFO",)]).replies[0])):
        if time.monotonic() >= deadline:
            name = place.server(record.key)
            raise ProviderError(ErrorKind.FAILED, f"{name} did not write its append-only file in time")
        time.sleep(0.1)
