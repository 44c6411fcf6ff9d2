"""Two regions, each with a database, the link between them, and what is asked through it."""

from __future__ import annotations

import shutil
import socket
import ssl
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from docker_rig import PORTS, RigHost, free_ports

from declarative_paas.catalog.load import packaged
from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.copy_result import CopyIdentity
from declarative_paas.core.follow import Endpoint
from declarative_paas.core.links import LinkHost, LinkKeys, LinkSpec
from declarative_paas.core.plan import Operation
from declarative_paas.core.provider import Done, Present, Provider, Reading, ReadQuery, StepContext, StepRequest
from declarative_paas.core.resource import Resource, ResourceState
from declarative_paas.core.values import Sensitive
from declarative_paas.providers.docker.engine import execute
from declarative_paas.providers.docker.provider import DockerProvider
from declarative_paas.providers.docker.settings import DockerSettings
from declarative_paas.providers.hosting.link_records import LinkRecords
from declarative_paas.providers.local.provider import LocalProvider
from declarative_paas.providers.local.settings import LocalSettings
from declarative_paas.transfer.links import Links
from declarative_paas.vault.keyring import Keyring

LINK = ResourceAddress("link", "us-eu")
OPTIONS = {"stop_timeout_s": 5, "drain_timeout_s": 5, "boot_timeout_s": 20}
PLAN = {"service": "postgres", "plan": "standard-0", "version": "18"}


class Clock:
    """The machine's own."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


class FarLocalProvider(LocalProvider):
    """A local region that takes every other one to be on another machine."""

    def near(self, other: LinkHost) -> bool:
        return False


def wait_until(is_so: Callable[[], bool], what: str, timeout_s: float = 40.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < deadline, f"{what} did not come about in {timeout_s:g} s"
        time.sleep(0.1)


@dataclass(slots=True)
class Side:
    """One region with databases. `url_of` an app's database is with its password, as that app has it."""

    name: str
    provider: LocalProvider | DockerProvider
    scope: Scope
    urls: dict[str, str] = field(default_factory=dict[str, str])
    keys: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def region(self) -> Any:
        return self.provider._open()

    def database(self, app: str = "shop") -> ResourceAddress:
        """Made with one row that tells whose it is."""
        address = ResourceAddress("addon", app, "DATABASE")
        done = self.provider.begin(request(self.scope, Operation.CREATE, address, PLAN), CONTEXT)
        assert isinstance(done, Done)
        url = done.outputs["url"]
        assert isinstance(url, Sensitive)
        self.urls[app], self.keys[app] = url.reveal(), str(done.outputs["id"])
        self.at_home(app, f"CREATE TABLE whose AS SELECT '{app} in {self.name}' AS words")
        return address

    def mend(self, app: str) -> None:
        """As an apply does that finds something wrong with the database."""
        self.provider.begin(
            request(self.scope, Operation.UPDATE, ResourceAddress("addon", app, "DATABASE"), PLAN), CONTEXT
        )

    def at_home(self, app: str, statement: str) -> str:
        """As the app itself, beside its server."""
        return self.ask(app, self.urls[app], statement)

    def through(self, app: str, endpoint: Endpoint, url: str) -> str:
        """What the server of an app here finds at an endpoint, with somebody's URL: whose database it is."""
        user, _, rest = url.removeprefix("postgresql://").partition("@")
        database = rest.partition("/")[2]
        return self.ask(app, f"postgresql://{user}@{endpoint.host}:{endpoint.port}/{database}", "TABLE whose")

    def ask(self, app: str, url: str, statement: str) -> str:
        """The answer, or the first line of the error, beginning with `error:`."""
        if isinstance(self.provider, LocalProvider):
            try:
                with psycopg.connect(url, connect_timeout=8, autocommit=True) as connection:
                    cursor = connection.execute(statement.encode())
                    return "" if cursor.description is None else str(cursor.fetchall()[0][0])
            except psycopg.Error as problem:
                return f"error: {problem}".splitlines()[0]
        server = self.region.addons.place.server(self.keys[app])
        command = ["psql", "-X", "-q", "-A", "-t", f"{url}?connect_timeout=8", "-c", statement]
        done = execute.run(self.region.engine, server, command, user="65534:65534", timeout_s=30)
        told = (done.stdout if done.status == 0 else b"error: " + done.stderr).decode().strip()
        return told.split("\n", maxsplit=1)[0]

    def link_keys(self, link: LinkSpec) -> LinkKeys:
        records = LinkRecords(self.region.records, self.region.keyring, self.name)
        return next(found.keys for found in records.all().links if found.spec == link)


CONTEXT = StepContext(report=lambda line: None, cancelled=lambda: False)


def request(
    scope: Scope,
    operation: Operation,
    address: ResourceAddress,
    attributes: Mapping[str, Any],
    prior: ResourceState | None = None,
) -> StepRequest:
    return StepRequest(
        scope=scope,
        step_id=f"{operation.value}:{address}",
        key=f"key-{address}",
        operation=operation,
        address=address,
        instance="i1",
        attributes=attributes,
        prior=prior,
    )


class Linked:
    """A link from `us` to `eu` as an executor makes it, and its record."""

    attributes: Mapping[str, Any] = {"from": "us", "to": "eu"}

    def __init__(self, us: Side, eu: Side) -> None:
        self.us, self.eu = us, eu
        providers: dict[str, Provider] = {"us": us.provider, "eu": eu.provider}
        self.links = Links(providers, Clock())
        self.record: ResourceState | None = None

    @property
    def spec(self) -> LinkSpec:
        return LinkSpec(scope=self.us.scope, id="i1", source="us", target="eu")

    def step(self, operation: Operation) -> None:
        done = self.links.begin(request(self.us.scope, operation, LINK, self.attributes, prior=self.record), CONTEXT)
        assert isinstance(done, Done)
        self.record = None
        if operation is not Operation.DELETE:
            self.record = ResourceState(
                address=LINK,
                instance="i1",
                region="transfers",
                remote_id=done.remote_id,
                attributes=self.attributes,
                outputs=done.outputs,
            )

    def open(self) -> None:
        self.step(Operation.UPDATE if self.record else Operation.CREATE)

    def close(self) -> None:
        self.step(Operation.DELETE)

    def problems(self) -> tuple[str, ...]:
        assert self.record is not None
        reading = self.links.read(ReadQuery(scope=self.us.scope, known=[self.record]))[LINK, "i1"]
        assert isinstance(reading, Present), reading
        return reading.problems

    def pending(self) -> Reading:
        """As a plan reads it after an apply that was killed before it recorded the link."""
        return self.links.read(ReadQuery(scope=self.us.scope, known=[], pending=[(LINK, "i1")]))[LINK, "i1"]

    def endpoint(self, app: str = "shop") -> Endpoint:
        addon = ResourceAddress("addon", app, "DATABASE")
        return self.links.endpoint(
            self.us.scope,
            "i1",
            self.identity(app),
            source_region="us",
            source_addon=addon,
            target_region="eu",
            target_addon=addon,
        )

    def part(self, app: str = "shop") -> None:
        self.links.part(self.us.scope, "i1", self.identity(app), source_region="us", target_region="eu")

    def identity(self, app: str = "shop") -> CopyIdentity:
        return CopyIdentity(source_instance=self.us.keys[app], target_instance=self.eu.keys[app])

    def validate(self) -> list[str]:
        resource = Resource(address=LINK, region="transfers", attributes=self.attributes)
        return [found.code for found in self.links.validate([resource])]


def knock(host: str, port: int, name: str | None, keys: LinkKeys | None = None) -> str:
    """How a listener answers whoever asks for a name with these keys: `led`, or how it refuses."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if keys is not None:
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(keys.certificate + keys.key.reveal())
            file.flush()
            context.load_cert_chain(file.name)
    try:
        with (
            socket.create_connection((host, port), 5) as plain,
            context.wrap_socket(plain, server_hostname=name) as secure,
        ):
            # PostgreSQL's request for TLS: a server answers it with one letter, before anybody has said who he is.
            secure.sendall(bytes.fromhex("0000000804d2162f"))
            return "led" if secure.recv(1) in (b"N", b"S") else "closed"
    except ssl.SSLError as problem:
        return str(problem.reason or problem)
    except ConnectionRefusedError:
        return "nobody listens"
    except ConnectionResetError:
        return "closed"
    except TimeoutError:
        return "no answer"


def free_port(host: str = "127.0.0.1") -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def local_side(name: str, *, far: bool = True, platform: str = "links", **options: Any) -> Iterator[Side]:
    base = Path(tempfile.mkdtemp(prefix="dpaas-links-"))
    base.chmod(0o755)
    settings = LocalSettings(
        region=name,
        home=base / ".dpaas",
        base_directory=base,
        scope=Scope(platform),
        options={**OPTIONS, **options},
    )
    keyring = Keyring.load_or_create(settings.home / "secret.key")
    made = (FarLocalProvider if far else LocalProvider)(settings, catalog=packaged(), keyring=lambda: keyring)
    try:
        yield Side(name, made, Scope(platform))
    finally:
        if made._open().exists:
            made.reach.stop()
        shutil.rmtree(made._open().home.run, ignore_errors=True)
        shutil.rmtree(base, ignore_errors=True)


@contextmanager
def docker_side(name: str, host: RigHost, platform: str, **options: Any) -> Iterator[Side]:
    """What it made is removed by the platform's label: the fixture's part."""
    base = Path(tempfile.mkdtemp(prefix="dpaas-links-"))
    port = free_ports(host.ip)
    settings = DockerSettings(
        region=name,
        base_directory=base,
        scope=Scope(platform),
        host=host.url,
        port=port,
        options={**OPTIONS, "address": host.ip, "app_ports": f"{port + 1}-{port + PORTS - 1}", **options},
    )
    keyring = Keyring.load_or_create(base / "secret.key")
    provider = DockerProvider(settings, catalog=packaged(), keyring=lambda: keyring)
    try:
        yield Side(name, provider, Scope(platform))
    finally:
        shutil.rmtree(base, ignore_errors=True)
