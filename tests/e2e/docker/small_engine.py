"""An engine of a test's own, on a small disk, that also listens with TLS: for what would hurt the shared ones."""

from __future__ import annotations

import io
import os
import shutil
import signal
import socket
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from docker_rig import end_process, kill_shims, unmount_below
from engine_doors import Authority, make_authority

from declarative_paas.providers.docker.engine.connection import Engine, EngineAddress, open_engine

DISK_MB = 160
IMAGE = "busybox:test"


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallEngine:
    """`unix` and `tcp` are its URLs; it has no network for containers but the host's, and one image, IMAGE."""

    directory: Path
    tcp: str
    authority: Authority

    @property
    def unix(self) -> str:
        return f"unix://{self.directory}/docker.sock"

    def open(self) -> Engine:
        return open_engine(EngineAddress(host=self.unix))

    def start(self) -> None:
        """Starts it, or starts it again; returns when it answers."""
        log = (self.directory / "log").open("ab")
        with log:
            process = subprocess.Popen(
                [
                    *("dockerd", "--data-root", str(self.directory / "disk/data")),
                    *("--exec-root", str(self.directory / "exec"), "-p", str(self.directory / "pid")),
                    *("-H", self.unix, "-H", self.tcp, "--tlsverify", "--tlscacert", str(self.authority.ca)),
                    *("--tlscert", str(self.authority.server), "--tlskey", str(self.authority.server)),
                    *("--bridge=none", "--iptables=false", "--ip-masq=false", "--shutdown-timeout", "1"),
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + 30
        while True:
            with suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
                probe.connect(f"{self.directory}/docker.sock")
                probe.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
                if b"200 OK" in probe.recv(200):
                    return
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"dockerd did not start:\n{(self.directory / 'log').read_text()[-2000:]}")
            time.sleep(0.05)

    def kill(self) -> None:
        """As a crash of the engine: nothing is told to anybody."""
        pid = int((self.directory / "pid").read_text())
        os.kill(pid, signal.SIGKILL)
        end_process(pid)
        (self.directory / "pid").unlink(missing_ok=True)
        # Its containerd dies with it, and where nobody reaps it its number goes on looking alive.
        kill_shims(self.directory / "exec")
        (self.directory / "exec/containerd/containerd.pid").unlink(missing_ok=True)

    def stop(self) -> None:
        with suppress(FileNotFoundError, ValueError):
            end_process(int((self.directory / "pid").read_text()))


@contextmanager
def small_engine() -> Iterator[SmallEngine]:
    directory = Path(tempfile.mkdtemp(prefix="dpaas-small-"))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    engine = SmallEngine(
        directory=directory, tcp=f"tcp://127.0.0.1:{port}", authority=make_authority(directory / "tls")
    )
    try:
        _make_disk(directory)
        engine.start()
        _import_image(engine)
        yield engine
    finally:
        engine.stop()
        kill_shims(directory / "exec")
        unmount_below(directory)
        shutil.rmtree(directory, ignore_errors=True)


def _make_disk(directory: Path) -> None:
    image = directory / "disk.img"
    with image.open("wb") as file:
        file.truncate(DISK_MB * 2**20)
    (directory / "disk").mkdir()
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", "-F", str(image)], check=True)
    subprocess.run(["mount", "-o", "loop", str(image), str(directory / "disk")], check=True)


def _import_image(engine: SmallEngine) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        archive.add(str(shutil.which("busybox")), "bin/busybox")
        for name in ("sh", "cat", "sha256sum", "sleep", "dd", "cp", "rm", "env"):
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(link)
        for name in ("proc", "sys", "dev", "etc", "tmp"):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)
    repository, _, tag = IMAGE.partition(":")
    with engine.open() as opened:
        opened.api.import_image_from_data(packed.getvalue(), repository=repository, tag=tag)
