"""Keys copied between two Valkey servers: every type, every expiry, verified; writes meanwhile are told."""

from __future__ import annotations

import base64
import os
import pwd
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from two_servers import USER, Clock, Place, at

from declarative_paas.core.copy_result import CopyIdentity, CopyNotVerified, CopyResult
from declarative_paas.core.data import CopyRefused, Process
from declarative_paas.core.provider import ProviderError
from declarative_paas.core.values import Sensitive
from declarative_paas.providers.addons.binaries import install
from declarative_paas.providers.addons.local_runner import LocalRunner
from declarative_paas.providers.addons.resp_relay import relayed_dial
from declarative_paas.providers.addons.resp_stream import Reply, ServerError, log_in
from declarative_paas.providers.addons.valkey import ValkeyServer
from declarative_paas.providers.addons.valkey_config import ValkeySettings
from declarative_paas.providers.addons.valkey_port import ValkeyPort, local_valkey_port
from declarative_paas.transfer.copy import CopyRequest, copy_data
from declarative_paas.vault.keyring import Keyring

IDENTITY = CopyIdentity(source_instance="from", target_instance="to")
LIBRARY = "#!lua name=shop\nserver.register_function('twice', function(keys, args) return args[1] * 2 end)"


def start(place: Place, name: str, port: int, memory_mb: int) -> tuple[ValkeyServer, subprocess.Popen[bytes]]:
    server = ValkeyServer.create(
        place.base / name,
        name=name,
        key=name,
        port=port,
        user=USER,
        binaries=install(place.base / "home", "valkey"),
        keyring=Keyring(base64.urlsafe_b64encode(bytes(32))),
    )
    server.prepare(Sensitive("app"), ValkeySettings(maxmemory_mb=memory_mb))
    process = server.process()
    entry = pwd.getpwnam(USER) if USER else None
    child = subprocess.Popen(
        process.command,
        cwd=process.directory,
        env=dict(process.environment),
        stdout=subprocess.DEVNULL,
        user=entry.pw_uid if entry else None,
        group=entry.pw_gid if entry else None,
        extra_groups=[] if entry else None,
    )
    return server, child


@pytest.fixture(scope="module")
def ports(place: Place, free_ports: list[int]) -> Iterator[tuple[ValkeyPort, ValkeyPort, ValkeyPort]]:
    children: list[subprocess.Popen[bytes]] = []
    found: list[ValkeyPort] = []
    try:
        for name, port, memory in zip(("from", "to", "small"), free_ports, (200, 200, 8), strict=True):
            server, child = start(place, f"valkey-{name}-{os.getpid()}", port, memory)
            children.append(child)
            server.wait_ready(20)
            found.append(local_valkey_port(server))
        yield found[0], found[1], found[2]
    finally:
        for child in children:
            child.kill()
            child.wait()


@pytest.fixture
def source(ports: tuple[ValkeyPort, ValkeyPort, ValkeyPort]) -> ValkeyPort:
    ports[0].empty()
    ask(ports[0], "SET", b"text\x00\xff", b"\r\n\x00$5")
    ask(ports[0], "SET", "number", 12)
    ask(ports[0], "SET", "later", "x", "PXAT", 4102444800123)
    ask(ports[0], "SET", "soon", "x", "PX", 60_000)
    ask(ports[0], "RPUSH", "list", *range(500))
    ask(ports[0], "SADD", "set", *(f"member {number}" for number in range(2000)))
    ask(ports[0], "HSET", "hash", *(str(number) for number in range(2000)))
    ask(ports[0], "ZADD", "zset", *(word for number in range(500) for word in (number % 7 + 0.25, f"m{number}")))
    ask(ports[0], "XADD", "stream", "1-1", "field", "value")
    ask(ports[0], "XGROUP", "CREATE", "stream", "readers", "0")
    ask(ports[0], "SET", "other", "in database 3", database=3)
    ask(ports[0], "FUNCTION", "LOAD", LIBRARY)
    return ports[0]


@pytest.fixture
def target(ports: tuple[ValkeyPort, ValkeyPort, ValkeyPort]) -> ValkeyPort:
    ports[1].empty()
    return ports[1]


def ask(port: ValkeyPort, *words: bytes | str | int | float, database: int = 0) -> Reply:
    with closing(log_in(port.dial, port.username, port.password)) as connection:
        connection.ask("SELECT", database)
        return connection.ask(*(word if isinstance(word, bytes) else str(word) for word in words))


def copy(source: ValkeyPort, target: ValkeyPort, phase: str = "", action: object = None) -> CopyResult:
    report = at(phase, action) if callable(action) else lambda progress: None
    request = CopyRequest(
        identity=IDENTITY,
        source=source,
        target=target,
        fresh=target.empty,
        parallelism=2,
        clock=Clock(),
        report=report,
    )
    return copy_data(request)


def test_keys_of_every_type_are_copied_with_their_expiry(source: ValkeyPort, target: ValkeyPort):
    result = copy(source, target)
    assert result.verification.ok
    told = {(row.kind, row.name): row.target_rows for row in result.verification.rows}
    # All but the key that can expire while it is compared.
    assert told == {("keys", "db0"): 8, ("keys", "db3"): 1, ("functions", "all"): 1}
    target.settle(IDENTITY)
    assert ask(target, "DBSIZE") == 9
    assert ask(target, "GET", b"text\x00\xff") == b"\r\n\x00$5"
    assert ask(target, "PEXPIRETIME", "later") == 4102444800123
    assert ask(target, "PEXPIRETIME", "soon") == ask(source, "PEXPIRETIME", "soon")
    assert ask(target, "LRANGE", "list", 0, -1) == ask(source, "LRANGE", "list", 0, -1)
    assert ask(target, "SCARD", "set") == 2000
    assert ask(target, "XINFO", "GROUPS", "stream") == ask(source, "XINFO", "GROUPS", "stream")
    assert ask(target, "FCALL", "twice", 0, 4) == 8
    assert result.notes == ()


@pytest.mark.parametrize(
    ("damage", "name"),
    [
        (("SETRANGE", "number", 0, "2"), "db0"),
        (("DEL", "number"), "db0"),
        (("PERSIST", "later"), "db0"),
        (("HSET", "hash", "0", "changed"), "db0"),
        (("SREM", "set", "member 7"), "db0"),
        (("FUNCTION", "FLUSH"), "all"),
    ],
)
def test_the_smallest_difference_fails_the_verification(
    source: ValkeyPort, target: ValkeyPort, damage: tuple[str, ...], name: str
):
    with pytest.raises(CopyNotVerified) as caught:
        copy(source, target, "verification", lambda: ask(target, *damage))
    assert [row.name for row in caught.value.verification.wrong] == [name]
    assert copy(source, target).verification.ok


class OnlyBash(LocalRunner):
    """A machine with a shell and nothing else."""

    def __init__(self, directory: Path) -> None:
        for name in ("sh", "bash", "cat"):
            (directory / name).symlink_to(shutil.which(name) or name)
        self._path = str(directory)

    def open(self, argv: Sequence[str], *, environment: Mapping[str, str], secrets: Mapping[str, Sensitive]) -> Process:
        return super().open(argv, environment={**environment, "PATH": self._path}, secrets=secrets)


@pytest.mark.parametrize("runner_of", [lambda directory: LocalRunner(), OnlyBash], ids=["python", "bash"])
def test_a_server_is_reached_by_a_program_beside_it(
    source: ValkeyPort,
    target: ValkeyPort,
    free_ports: list[int],
    tmp_path: Path,
    runner_of: Callable[[Path], LocalRunner],
):
    relayed = replace(source, dial=relayed_dial(runner_of(tmp_path), free_ports[0]))
    assert copy(relayed, target).verification.ok
    assert ask(target, "GET", b"text\x00\xff") == b"\r\n\x00$5"


def test_a_write_during_the_copy_is_told(source: ValkeyPort, target: ValkeyPort):
    result = copy(source, target, "indexes", lambda: ask(source, "SET", "number", 13))
    assert result.verification.ok
    assert [note for note in result.notes if "written during the copy" in note]
    assert ask(target, "GET", "number") == b"12"


def test_a_source_that_is_emptied_during_the_copy_is_copied_as_it_was_read_and_told(
    source: ValkeyPort, target: ValkeyPort
):
    result = copy(source, target, "indexes", lambda: ask(source, "FLUSHALL"))
    assert result.verification.ok
    assert [note for note in result.notes if "written during the copy" in note]
    assert ask(target, "GET", "number") == b"12"


def test_a_source_that_takes_no_more_is_read_all_the_same(ports: tuple[ValkeyPort, ...], target: ValkeyPort):
    small = ports[2]
    small.empty()
    with suppress(ServerError):
        for number in range(100):
            ask(small, "SET", f"large {number}", os.urandom(500_000))
    result = copy(small, target)
    assert result.verification.ok
    assert result.rows_copied > 5
    small.empty()


def test_nothing_is_told_to_be_as_large_as_nothing(source: ValkeyPort):
    source.empty()
    assert source.facts().size_bytes == 0
    ask(source, "SET", "number", 12)
    assert source.facts().size_bytes > 0


def test_an_empty_server_is_copied(source: ValkeyPort, target: ValkeyPort):
    source.empty()
    assert copy(source, target).verification.ok


def test_a_target_with_keys_is_refused_and_left_alone(source: ValkeyPort, target: ValkeyPort):
    ask(target, "SET", "mine", 1, database=5)
    with pytest.raises(CopyRefused) as caught:
        copy(source, target)
    assert caught.value.code == "target-not-empty"
    assert ask(target, "GET", "mine", database=5) == b"1"
    assert target.mark() is None


def test_a_verified_copy_is_never_repeated(source: ValkeyPort, target: ValkeyPort):
    first = copy(source, target)
    ask(source, "FLUSHALL")
    assert copy(source, target) == first


def test_a_target_whose_memory_is_too_small_is_refused_or_tells_it(
    source: ValkeyPort, ports: tuple[ValkeyPort, ValkeyPort, ValkeyPort]
):
    small = ports[2]
    for number in range(40):
        ask(source, "SET", f"large {number}", os.urandom(500_000))
    with pytest.raises(CopyRefused) as caught:
        copy(source, small)
    assert caught.value.code == "target-too-small"
    for number in range(26):
        ask(source, "DEL", f"large {number}")
    with pytest.raises(ProviderError) as full:
        copy(source, small)
    assert full.value.code == "memory-full"
