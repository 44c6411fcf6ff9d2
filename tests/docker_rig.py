"""Two Docker engines for the tests: given ones, or two of our own in two network namespaces, as two hosts would be.

DPAAS_TEST_DOCKER_US and DPAAS_TEST_DOCKER_EU name given engines (`unix://…`, `tcp://…`, `ssh://…`); then
DPAAS_TEST_DOCKER_US_IP and …_EU_IP are where their hosts' ports are reached, 127.0.0.1 by default.

Our own engines keep their images from run to run in a cache directory; everything else of an earlier run is removed
before the first test. Test runs at the same time share them: each holds a lock on the rig, and the last stops it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import random
import shutil
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from declarative_paas.providers.docker.engine import stack as stacks
from declarative_paas.providers.docker.engine.connection import Engine, EngineAddress, open_engine
from declarative_paas.providers.docker.engine.guard import Guard
from declarative_paas.providers.docker.engine.labels import Labels

RUN = Path("/run/dpaas-rig")
CACHE = Path(os.environ.get("DPAAS_TEST_CACHE", "/var/cache/dpaas-rig"))
BRIDGE = "dpaas-rig"
SUBNET = "10.99.0"
HOSTS = {"us": f"{SUBNET}.2", "eu": f"{SUBNET}.3"}
DOOMED, CRAMPED = "doomed", "cramped"
SPARE = {DOOMED: f"{SUBNET}.4", CRAMPED: f"{SUBNET}.5"}
"""Engines of one test each, beside the two."""
OUTSIDE = f"{SUBNET}.1"
PACKAGES = ("python3", "python3-pip", "iptables", "ca-certificates", "procps")
NEEDED = ("dockerd", "debootstrap", "iptables", "ip", "nsenter", "busybox")
INSTALL = "apt-get install -y docker.io iptables iproute2 busybox-static debootstrap openssh-server"


class RigFailed(Exception):
    """The engines cannot be had. Says what to do: tests of a real engine never skip."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RigHost:
    """One engine and its host. `url` is for manifests (`host:`); `ip` is where its published ports are reached."""

    name: str
    url: str
    ip: str
    namespace: str | None

    def open(self) -> Engine:
        return open_engine(EngineAddress(host=self.url))

    def on_host(self, argv: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
        """Starts a process on the engine's host: in its network. The caller ends it."""
        inside = ["nsenter", f"--net=/run/netns/{self.namespace}"] if self.namespace else []
        return subprocess.Popen([*inside, *argv], **options)


@dataclass(frozen=True, slots=True, kw_only=True)
class DockerRig:
    """Two hosts, a stack of the same content named `default` on both, and an address outside of both."""

    us: RigHost
    eu: RigHost
    stack: str
    rootfs: Path
    outside: str

    @property
    def hosts(self) -> tuple[RigHost, RigHost]:
        return (self.us, self.eu)


def fresh_platform() -> str:
    """A platform's name of a test's own: what it makes meets nobody else's."""
    return f"t{uuid.uuid4().hex[:10]}"


PORTS = 11
"""A region's in the tests: the router's, and ten for apps."""


def free_ports(address: str) -> int:
    """The first of eleven ports on which nobody listens there; a guess among so many that two seldom make the same."""
    while True:
        first = 2000 + PORTS * random.randrange(700)
        probes = [socket.socket() for _ in range(PORTS)]
        try:
            if all(probe.connect_ex((address, first + offset)) != 0 for offset, probe in enumerate(probes)):
                return first
        finally:
            for probe in probes:
                probe.close()


@contextmanager
def docker_rig() -> Iterator[DockerRig]:
    """The rig, started unless it runs. Raises RigFailed."""
    given = {name: os.environ.get(f"DPAAS_TEST_DOCKER_{name.upper()}") for name in HOSTS}
    if all(given.values()):
        yield _given_rig({name: str(url) for name, url in given.items()})
        return
    if os.geteuid() != 0:
        raise RigFailed("tests of the Docker provider start their engines as root: or set DPAAS_TEST_DOCKER_US and _EU")
    missing = [program for program in NEEDED if shutil.which(program) is None]
    if missing:
        raise RigFailed(f"{', '.join(missing)} not found: {INSTALL}")
    RUN.mkdir(parents=True, exist_ok=True)
    with (RUN / "users.lock").open("a") as users:
        with _locked(RUN / "rig.lock"):
            # Alone: whatever is there is of a run that was killed.
            if _try_lock(users, fcntl.LOCK_EX):
                _start_anew()
            fcntl.flock(users, fcntl.LOCK_SH)
            rig = _own_rig()
        try:
            yield rig
        finally:
            with _locked(RUN / "rig.lock"):
                if _try_lock(users, fcntl.LOCK_EX):
                    _stop_everything()


@contextmanager
def doomed_host(rig: DockerRig) -> Iterator[RigHost]:
    """A third engine beside the rig's own two, with the same stack, for one test that kills and starts it."""
    with _spare_host(rig, DOOMED) as host:
        yield host


@contextmanager
def cramped_host(rig: DockerRig, disk_mb: int) -> Iterator[tuple[RigHost, Path]]:
    """An engine with the same stack on a disk of its own, for one test that fills it; and where that disk is."""
    disk = CACHE / CRAMPED
    unmount_below(disk)
    disk.mkdir(parents=True, exist_ok=True)
    image = CACHE / f"{CRAMPED}.img"
    try:
        with image.open("wb") as file:
            file.truncate(disk_mb * 2**20)
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", "-F", str(image)], check=True)
        subprocess.run(["mount", "-o", "loop", str(image), str(disk)], check=True)
        with _spare_host(rig, CRAMPED) as host:
            yield host, disk
    finally:
        unmount_below(disk)
        image.unlink(missing_ok=True)


@contextmanager
def _spare_host(rig: DockerRig, name: str) -> Iterator[RigHost]:
    if rig.us.namespace is None:
        raise RigFailed("only an engine of the rig's own is done such things to: unset DPAAS_TEST_DOCKER_US")
    with _locked(RUN / f"{name}.lock"):
        try:
            _stop_engine(name, unmount=name != CRAMPED)
            _remove_host(name)
            _make_host(name, SPARE[name])
            host = RigHost(name=name, url=_url(name), ip=SPARE[name], namespace=_namespace(name))
            start_engine(host)
            _remove_everything_but_images(name)
            _with_stacks({name: host}, rig.rootfs)
            yield host
        finally:
            _stop_engine(name)
            _remove_host(name)


def start_engine(host: RigHost) -> None:
    """Returns when it answers."""
    _start_engine(host.name)
    _wait_for_engine(host.name)


def kill_engine(host: RigHost) -> None:
    """As a power cut would: the engine and whatever it ran, at once."""
    directory = RUN / host.name
    pid = int((directory / "pid").read_text())
    os.kill(pid, signal.SIGKILL)
    end_process(pid)
    kill_shims(directory / "exec")
    # Its containerd's too: where nobody reaps it its number goes on looking alive.
    for stale in (directory / "pid", directory / "exec/containerd/containerd.pid"):
        stale.unlink(missing_ok=True)


def remove_platform(host: RigHost, platform: str) -> None:
    """Removes whatever a platform has on an engine, by its label: also after a test that failed."""
    mine = {"label": [f"dpaas.platform={platform}"]}
    with host.open() as engine:
        api: Any = engine.api
        for container in api.containers(all=True, filters=mine):
            if container["Labels"].get("dpaas.role") == "guard":
                with suppress(Exception):
                    _take_guard_away(engine, platform, container)
            with suppress(Exception):
                api.remove_container(container["Id"], force=True, v=True)
        for network in api.networks(filters=mine):
            with suppress(Exception):
                api.remove_network(network["Id"])
        for volume in api.volumes(filters=mine)["Volumes"] or []:
            with suppress(Exception):
                api.remove_volume(volume["Name"], force=True)
        for image in api.images(filters=mine):
            with suppress(Exception):
                api.remove_image(image["Id"], force=True)


def _take_guard_away(engine: Engine, platform: str, container: Any) -> None:
    """With its rules: the host goes on for other tests."""
    owner = Labels(platform=platform, region=container["Labels"]["dpaas.region"])
    Guard(engine, owner, container["ImageID"], ()).remove()


def _given_rig(urls: dict[str, str]) -> DockerRig:
    hosts = {
        name: RigHost(
            name=name, url=url, ip=os.environ.get(f"DPAAS_TEST_DOCKER_{name.upper()}_IP", "127.0.0.1"), namespace=None
        )
        for name, url in urls.items()
    }
    rootfs = _root_file_system()
    outside = os.environ.get("DPAAS_TEST_DOCKER_OUTSIDE", OUTSIDE)
    stack = _with_stacks(hosts, rootfs)
    return DockerRig(us=hosts["us"], eu=hosts["eu"], stack=stack, rootfs=rootfs, outside=outside)


def _own_rig() -> DockerRig:
    hosts = {name: RigHost(name=name, url=_url(name), ip=ip, namespace=_namespace(name)) for name, ip in HOSTS.items()}
    rootfs = _root_file_system()
    stack = _with_stacks(hosts, rootfs)
    return DockerRig(us=hosts["us"], eu=hosts["eu"], stack=stack, rootfs=rootfs, outside=OUTSIDE)


def _with_stacks(hosts: dict[str, RigHost], rootfs: Path) -> str:
    """Each gets the stack; its reference."""
    reference = ""
    for host in hosts.values():
        with host.open() as engine:
            named = {name: found for found in stacks.list_stacks(engine) for name in found.names}
            fresh = rootfs.stem not in named
            made = stacks.build_from_rootfs(engine, rootfs, name=rootfs.stem) if fresh else named[rootfs.stem]
            engine.api.tag(made.reference, stacks.REPOSITORY, stacks.DEFAULT_NAME)
            reference = made.reference
    return reference


def _root_file_system() -> Path:
    """A Debian with Python as a tar, made once: named by what it is made from."""
    suite, mirror = "bookworm", _mirror()
    key = hashlib.sha256(f"{suite} {PACKAGES} 2".encode()).hexdigest()[:12]
    CACHE.mkdir(parents=True, exist_ok=True)
    archive = CACHE / f"rootfs-{key}.tar"
    if archive.exists():
        return archive
    tree = CACHE / f".rootfs-{os.getpid()}"
    try:
        command = ["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", suite, str(tree), mirror]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise RigFailed(f"debootstrap failed: {done.stdout[-1000:]}{done.stderr[-1000:]}")
        shutil.rmtree(tree / "var/cache/apt", ignore_errors=True)
        shutil.rmtree(tree / "var/lib/apt/lists", ignore_errors=True)
        # Builds reach the package registries through the same authorities as this machine.
        shutil.copyfile("/etc/ssl/certs/ca-certificates.crt", tree / "etc/ssl/certs/ca-certificates.crt")
        fresh = archive.with_suffix(".fresh")
        subprocess.run(["tar", "--sort=name", "--numeric-owner", "-C", tree, "-cf", fresh, "."], check=True)
        fresh.replace(archive)
    finally:
        shutil.rmtree(tree, ignore_errors=True)
    return archive


def _mirror() -> str:
    for source in [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]:
        with suppress(OSError):
            for line in source.read_text().splitlines():
                words = line.split()
                if line.startswith("URIs:") and words[1].rstrip("/").endswith("debian"):
                    return words[1]
                if line.startswith("deb ") and words[1].rstrip("/").endswith("debian"):
                    return words[1]
    return "http://deb.debian.org/debian"


def _start_anew() -> None:
    _stop_everything()
    try:
        _make_networks()
        for name in HOSTS:
            _start_engine(name)
        for name in HOSTS:
            _wait_for_engine(name)
            _remove_everything_but_images(name)
    except BaseException:
        _stop_everything()
        raise


def _start_engine(name: str) -> None:
    directory = RUN / name
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "log").open("wb") as log:
        subprocess.Popen(
            [
                *("nsenter", f"--net=/run/netns/{_namespace(name)}", "dockerd"),
                *("--data-root", str(CACHE / name), "--exec-root", str(directory / "exec")),
                *("-H", _url(name), "-p", str(directory / "pid")),
                *("--bip", "172.30.0.1/24", "--ip", "127.0.0.1"),
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )


def _wait_for_engine(name: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        with suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
            probe.connect(_url(name).removeprefix("unix://"))
            probe.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            if b"200 OK" in probe.recv(200):
                return
        if time.monotonic() > deadline:
            log = (RUN / name / "log").read_text(errors="replace")
            raise RigFailed(f"dockerd for {name} did not start:\n{log[-3000:]}")
        time.sleep(0.05)


def _remove_everything_but_images(name: str) -> None:
    with open_engine(EngineAddress(host=_url(name))) as engine:
        api: Any = engine.api
        for container in api.containers(all=True):
            api.remove_container(container["Id"], force=True, v=True)
        for network in api.networks():
            if network["Name"] not in ("bridge", "host", "none"):
                api.remove_network(network["Id"])
        for volume in api.volumes()["Volumes"] or []:
            api.remove_volume(volume["Name"], force=True)
        for image in api.images():
            if (image["Labels"] or {}).get("dpaas.role") == "slug":
                api.remove_image(image["Id"], force=True)


def _stop_everything() -> None:
    for name in (*HOSTS, *SPARE):
        _stop_engine(name)
    _remove_networks()


def _stop_engine(name: str, *, unmount: bool = True) -> None:
    pidfile = RUN / name / "pid"
    with suppress(FileNotFoundError, ValueError):
        pid = int(pidfile.read_text())
        # The number may be another process's by now.
        if b"dockerd" in Path(f"/proc/{pid}/cmdline").read_bytes():
            end_process(pid)
    kill_shims(RUN / name / "exec")
    if unmount:
        unmount_below(CACHE / name)
    unmount_below(RUN / name)
    pidfile.unlink(missing_ok=True)
    shutil.rmtree(RUN / name, ignore_errors=True)


def unmount_below(directory: Path) -> None:
    """Whatever a killed engine left mounted there, the last first."""
    for mount in reversed(Path("/proc/mounts").read_text().splitlines()):
        place = mount.split()[1]
        # An engine mounts its own data directory onto itself.
        if f"{place}/".startswith(f"{directory}/"):
            subprocess.run(["umount", "-l", place], capture_output=True)


def end_process(pid: int) -> None:
    """SIGTERM, 20 s, SIGKILL; returns when it is gone."""
    for number, patience_s in ((signal.SIGTERM, 20), (signal.SIGKILL, 5)):
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
            if not Path(f"/proc/{pid}").exists():
                return
            time.sleep(0.05)


def kill_shims(exec_root: Path) -> None:
    """What a killed engine leaves: its containerd, and containers under their shims. By their command lines."""
    marker = f"{exec_root}/".encode()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            line = (process / "cmdline").read_bytes()
            if marker in line and b"containerd" in line:
                for child in _below(int(process.name)):
                    with suppress(ProcessLookupError):
                        os.kill(child, signal.SIGKILL)


def _below(pid: int) -> list[int]:
    import psutil

    with suppress(psutil.Error):
        return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    return [pid]


def _make_networks() -> None:
    _ip("link", "add", BRIDGE, "type", "bridge")
    _ip("addr", "add", f"{OUTSIDE}/24", "dev", BRIDGE)
    _ip("link", "set", BRIDGE, "up")
    for name, address in HOSTS.items():
        _make_host(name, address)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    for table, rule in _host_rules():
        subprocess.run(["iptables", "-w", "-t", table, "-I", *rule], check=True)


def _make_host(name: str, address: str) -> None:
    """A network namespace on the rig's bridge: what an engine's host is on the network."""
    namespace, outer, inner = _namespace(name), _veth(name), "eth0"
    _ip("netns", "add", namespace)
    _ip("link", "add", outer, "type", "veth", "peer", "name", inner, "netns", namespace)
    _ip("link", "set", outer, "master", BRIDGE, "up")
    for words in (
        ("addr", "add", f"{address}/24", "dev", inner),
        ("link", "set", inner, "up"),
        ("link", "set", "lo", "up"),
        ("route", "add", "default", "via", OUTSIDE),
    ):
        _ip("-n", namespace, *words)


def _remove_networks() -> None:
    for table, rule in _host_rules():
        subprocess.run(["iptables", "-w", "-t", table, "-D", *rule], capture_output=True)
    for name in (*HOSTS, *SPARE):
        _remove_host(name)
    subprocess.run(["ip", "link", "del", BRIDGE], capture_output=True)


def _remove_host(name: str) -> None:
    subprocess.run(["ip", "netns", "del", _namespace(name)], capture_output=True)
    subprocess.run(["ip", "link", "del", _veth(name)], capture_output=True)


def _host_rules() -> list[tuple[str, list[str]]]:
    """Builds reach the package registries; an engine of this machine's own does not keep the two apart."""
    return [
        ("nat", ["POSTROUTING", "-s", f"{SUBNET}.0/24", "!", "-o", BRIDGE, "-j", "MASQUERADE"]),
        ("filter", ["FORWARD", "-i", BRIDGE, "-j", "ACCEPT"]),
        ("filter", ["FORWARD", "-o", BRIDGE, "-j", "ACCEPT"]),
    ]


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    if done.returncode != 0:
        raise RigFailed(f"ip {' '.join(words)}: {done.stderr.strip()}")


def _veth(name: str) -> str:
    return f"dpr-{name}"


def _namespace(name: str) -> str:
    return f"dpaas-rig-{name}"


def _url(name: str) -> str:
    return f"unix://{RUN}/{name}/docker.sock"


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _try_lock(file: Any, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
