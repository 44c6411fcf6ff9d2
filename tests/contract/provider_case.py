"""What the provider contract is tested with: each implementation, and requests as an executor makes them."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from declarative_paas.apply.requests import step_key
from declarative_paas.catalog.load import packaged
from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.plan import Operation, Step
from declarative_paas.core.provider import Done, Pending, Provider, Reading, ReadQuery, StepContext, StepRequest
from declarative_paas.core.resource import ResourceState
from declarative_paas.core.values import SecretRef, Sensitive, encode
from declarative_paas.providers.slugs.source import source_digest
from declarative_paas.vault.keyring import Keyring

SCOPE = Scope("contract")

DECLINED: Mapping[str, frozenset[str]] = {
    "memory": frozenset({"processes", "traffic", "logs"}),
    "local": frozenset({"network-isolation", "cpu-quota"}),
    "docker": frozenset(),
}
"""The only capabilities a provider may lack; a test that a provider skips for any other reason fails."""


@dataclass(frozen=True)
class Made:
    """What a step left: the record an executor would write."""

    state: ResourceState
    done: Done


class Bench:
    """Drives one provider, one step at a time, and keeps the records."""

    def __init__(self, provider: Provider, base: Path, damage: Callable[[str], None]) -> None:
        self.provider = provider
        self.base = base
        self.damage = damage
        self.records: dict[ResourceAddress, ResourceState] = {}
        self.lines: list[str] = []

    def step(
        self,
        operation: Operation,
        address: str,
        attributes: Mapping[str, Any] | None = None,
        instance: str = "i1",
        prior: ResourceState | None = None,
    ) -> Done:
        where = ResourceAddress.parse(address)
        step = Step(
            id=f"{operation.value}:{address}#{instance}",
            operation=operation,
            address=where,
            instance=instance,
            region="us",
        )
        given = dict(attributes or {})
        context = StepContext(report=self.lines.append, cancelled=lambda: False)
        request = StepRequest(
            scope=SCOPE,
            step_id=step.id,
            key=step_key(SCOPE, step, given),
            operation=operation,
            address=where,
            instance=instance,
            attributes=given,
            prior=self.records.get(where) if prior is None else prior,
            changed=frozenset(given),
        )
        progress = self.provider.begin(request, context)
        while isinstance(progress, Pending):
            progress = self.provider.poll(request, progress, context)
        if operation is Operation.DELETE:
            self.records.pop(where, None)
        else:
            self.records[where] = ResourceState(
                address=where,
                instance=instance,
                region="us",
                remote_id=progress.remote_id,
                attributes=_recordable(given),
                outputs={name: value for name, value in progress.outputs.items() if not isinstance(value, Sensitive)},
            )
        return progress

    def create(self, address: str, attributes: Mapping[str, Any] | None = None, instance: str = "i1") -> Done:
        return self.step(Operation.CREATE, address, attributes, instance)

    def update(self, address: str, attributes: Mapping[str, Any] | None = None, instance: str = "i1") -> Done:
        return self.step(Operation.UPDATE, address, attributes, instance)

    def rename(self, old: str, new: str) -> None:
        """As an executor does, and records it: the thing keeps its instance, its attributes and its outputs."""
        record = self.records[ResourceAddress.parse(old)]
        self.step(Operation.RENAME, new, record.attributes, record.instance, prior=record)
        del self.records[record.address]
        self.records[ResourceAddress.parse(new)] = replace(record, address=ResourceAddress.parse(new))

    def delete(self, address: str, instance: str = "i1") -> Done:
        return self.step(Operation.DELETE, address, {}, instance)

    def read(self, *pending: tuple[str, str]) -> dict[tuple[str, str], Reading]:
        query = ReadQuery(
            scope=SCOPE,
            known=list(self.records.values()),
            pending=[(ResourceAddress.parse(address), instance) for address, instance in pending],
        )
        return {(str(address), instance): reading for (address, instance), reading in self.provider.read(query).items()}

    # The usual app

    def slug_attributes(self, text: str = "one") -> dict[str, Any]:
        source = self.base / "site"
        source.mkdir(exist_ok=True)
        (source / "index.html").write_text(f"<h1>{text}</h1>\n", encoding="utf-8")
        return {"source": source_digest(source), "path": "site", "build": None}

    def make_app(self, *, greeting: str = "hello") -> dict[str, Done]:
        """app, add-on, attachment, config, slug, release, formation, as a plan orders them."""
        done = {"app": self.create("app.shop", {"name": "shop"})}
        done["addon"] = self.create(
            "addon.shop/DATABASE", {"service": "postgres", "plan": "standard-0", "version": "18"}
        )
        url = done["addon"].outputs["url"]
        done["attachment"] = self.create(
            "attachment.shop/DATABASE", {"addon": done["addon"].outputs["id"], "vars": {"DATABASE_URL": secret(url)}}
        )
        done["config"] = self.create("config.shop", {"vars": {"GREETING": greeting}})
        done["slug"] = self.create("slug.shop", self.slug_attributes())
        done["release"] = self.create("release.shop", self.release_attributes(done))
        done["formation"] = self.create("formation.shop", self.formation_attributes(done["release"]))
        return done

    def release_attributes(self, done: Mapping[str, Done]) -> dict[str, Any]:
        return {
            "slug": done["slug"].outputs["id"],
            "config": done["config"].outputs["revision"],
            "attachments": {"DATABASE": done["attachment"].outputs["revision"]},
            "command": None,
            "rollback_to": None,
        }

    def formation_attributes(self, release: Done, quantity: int = 1) -> dict[str, Any]:
        command = "exec python3 .dpaas/static_server.py ."
        web = {"command": command, "size": "standard-1x", "quantity": quantity, "health": "/"}
        return {"release": release.outputs["version"], "processes": {"web": web}}

    def remove_app(self, app: str = "shop") -> None:
        for address in parts_of(app)[::-1]:
            self.delete(address)


def parts_of(app: str) -> list[str]:
    """The addresses of the usual app, as a plan makes them."""
    kinds = ("app", "addon", "attachment", "config", "slug", "release", "formation")
    return [f"{kind}.{app}/DATABASE" if kind in ("addon", "attachment") else f"{kind}.{app}" for kind in kinds]


def secret(value: Sensitive, name: str = "@contract/url") -> Sensitive:
    """As an executor passes a stored secret on."""
    return Sensitive(value.reveal(), SecretRef(name, 1, "digest-1"))


def _recordable(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    from declarative_paas.core.values import decode

    return decode(encode(attributes))


@contextmanager
def memory_bench() -> Iterator[Bench]:
    from declarative_paas.providers.memory.provider import MemoryProvider
    from declarative_paas.providers.memory.world import MemoryWorld

    base = Path(tempfile.mkdtemp(prefix="dpaas-contract-"))
    world = MemoryWorld()
    try:
        yield Bench(MemoryProvider(world), base, lambda address: world.damage(address, "broken"))
    finally:
        shutil.rmtree(base, ignore_errors=True)


@contextmanager
def local_bench() -> Iterator[Bench]:
    from declarative_paas.providers.local.provider import LocalProvider
    from declarative_paas.providers.local.settings import LocalSettings

    base = Path(tempfile.mkdtemp(prefix="dpaas-contract-"))
    base.chmod(0o755)
    settings = LocalSettings(
        region="us",
        home=base / ".dpaas",
        base_directory=base,
        scope=SCOPE,
        options={"stop_timeout_s": 5, "drain_timeout_s": 5, "boot_timeout_s": 20},
    )
    keyring = Keyring.load_or_create(settings.home / "secret.key")
    provider = LocalProvider(settings, catalog=packaged(), keyring=lambda: keyring)

    def damage(address: str) -> None:
        region = provider._open()
        if address.startswith("formation."):
            program = next(name for name in region.supervisor.programs() if name.startswith("shop.web.1"))
            region.supervisor.remove(program)
        elif address.startswith("app."):
            region.supervisor.remove("router")

    try:
        yield Bench(provider, base, damage)
    finally:
        if provider._open().exists:
            provider.reach.stop()
        shutil.rmtree(provider._open().home.run, ignore_errors=True)
        shutil.rmtree(base, ignore_errors=True)


@contextmanager
def docker_bench() -> Iterator[Bench]:
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from docker_rig import PORTS, docker_rig, free_ports, fresh_platform, remove_platform

    from declarative_paas.providers.docker.engine import containers
    from declarative_paas.providers.docker.provider import DockerProvider
    from declarative_paas.providers.docker.settings import DockerSettings

    base = Path(tempfile.mkdtemp(prefix="dpaas-contract-"))
    platform = fresh_platform()
    with docker_rig() as rig:
        port = free_ports(rig.us.ip)
        settings = DockerSettings(
            region="us",
            base_directory=base,
            # The engine is shared with other tests: what is made must be this test's alone.
            scope=Scope(platform),
            host=rig.us.url,
            port=port,
            options={
                "stop_timeout_s": 5,
                "drain_timeout_s": 5,
                "boot_timeout_s": 20,
                "address": rig.us.ip,
                "app_ports": f"{port + 1}-{port + PORTS - 1}",
            },
        )
        keyring = Keyring.load_or_create(base / "secret.key")
        provider = DockerProvider(settings, catalog=packaged(), keyring=lambda: keyring)

        def damage(address: str) -> None:
            region = provider._open()
            if address.startswith("formation."):
                dyno = next(iter(region.dynos.all()["shop"].values()))
                containers.remove(region.engine, f"dpaas-{region.place}-{dyno.id}", region.owner)
            elif address.startswith("app."):
                region.router.stop()

        try:
            yield Bench(provider, base, damage)
        finally:
            remove_platform(rig.us, platform)
            shutil.rmtree(base, ignore_errors=True)


IMPLEMENTATIONS: Mapping[str, Callable[[], Any]] = {
    "memory": memory_bench,
    "local": local_bench,
    "docker": docker_bench,
}
