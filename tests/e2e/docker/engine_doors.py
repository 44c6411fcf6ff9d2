"""Other ways to an engine: certificates for TLS, a TCP port without it, and SSH by a server of the test's own."""

from __future__ import annotations

import datetime
import getpass
import ipaddress
import os
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from docker_rig import INSTALL

from declarative_paas.providers.docker.engine.connection import EngineTls

_REQUEST = re.compile(rb"^(?:GET|HEAD|POST|PUT|DELETE) /\S* HTTP/1\.1", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """Certificates of one authority, for a server at 127.0.0.1 and a client."""

    ca: Path
    server: Path
    client: Path

    def tls(self) -> EngineTls:
        """As a region's options name them: certificate and key are in one file here."""
        return EngineTls(ca=self.ca, cert=self.client, key=self.client)


def make_authority(directory: Path) -> Authority:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    directory.mkdir(parents=True)
    now = datetime.datetime.now(datetime.UTC)

    def issue(name: str, issuer: x509.Name | None, signer: ec.EllipticCurvePrivateKey | None) -> tuple[bytes, bytes]:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        built = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer or subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(minutes=5))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=signer is None, path_length=None), critical=True)
            .add_extension(alternative, critical=False)
            .sign(signer or key, hashes.SHA256())
        )
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        keys[name] = key
        return built.public_bytes(serialization.Encoding.PEM), private

    keys: dict[str, ec.EllipticCurvePrivateKey] = {}
    ca_certificate, _ = issue("test authority", None, None)
    issuer = x509.load_pem_x509_certificate(ca_certificate).subject
    (directory / "ca.pem").write_bytes(ca_certificate)
    for name in ("server", "client"):
        (directory / f"{name}.pem").write_bytes(b"".join(issue(name, issuer, keys["test authority"])))
    return Authority(ca=directory / "ca.pem", server=directory / "server.pem", client=directory / "client.pem")


@contextmanager
def tcp_door(target: str) -> Iterator[int]:
    """A port of 127.0.0.1 that leads to the socket `target`; at the end it cuts everybody off."""
    with socket.create_server(("127.0.0.1", 0)) as listener, _open(listener, target, []):
        yield int(listener.getsockname()[1])


@contextmanager
def counting_door(target: str, path: Path) -> Iterator[list[str]]:
    """A socket at `path` that leads to the socket `target`; the requests that went through, as they come."""
    asked: list[str] = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(64)
        with _open(listener, target, asked):
            yield asked


@contextmanager
def _open(listener: socket.socket, target: str, asked: list[str]) -> Iterator[None]:
    opened: list[socket.socket] = []
    thread = threading.Thread(target=_accept, args=(listener, target, opened, asked), daemon=True)
    thread.start()
    try:
        yield
    finally:
        for end in (listener, *opened):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def _accept(listener: socket.socket, target: str, opened: list[socket.socket], asked: list[str]) -> None:
    with suppress(OSError):
        while True:
            front, _ = listener.accept()
            engine = socket.socket(socket.AF_UNIX)
            engine.connect(target)
            opened += [front, engine]
            threading.Thread(target=_copy, args=(front, engine, asked), daemon=True).start()
            threading.Thread(target=_copy, args=(engine, front, None), daemon=True).start()


def _copy(source: socket.socket, other: socket.socket, asked: list[str] | None) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            if asked is not None:
                asked += [line.decode() for line in _REQUEST.findall(data)]
            other.sendall(data)
    with suppress(OSError):
        other.shutdown(socket.SHUT_WR)


@contextmanager
def ssh_door(directory: Path) -> Iterator[tuple[str, Path]]:
    """`user@127.0.0.1:port` of an SSH server of our own, and a directory for PATH whose `ssh` knows its key."""
    server = shutil.which("sshd")
    assert server is not None, f"sshd not found: {INSTALL}"
    directory.mkdir(parents=True)
    for name in ("host", "user"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(directory / name)]
        subprocess.run(command, check=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    options = (
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {directory}/host\nPidFile none\nUsePAM no\nStrictModes no\n"
        f"AuthorizedKeysFile {directory}/user.pub\nPasswordAuthentication no\nAllowStreamLocalForwarding yes\n"
        "PermitRootLogin prohibit-password\n"
    )
    (directory / "sshd_config").write_text(options)
    public = (directory / "host.pub").read_text()
    (directory / "known_hosts").write_text(f"[127.0.0.1]:{port} {public}")
    (directory / "ssh_config").write_text(
        f"IdentityFile {directory}/user\nIdentitiesOnly yes\nUserKnownHostsFile {directory}/known_hosts\n"
    )
    programs = directory / "bin"
    programs.mkdir()
    (programs / "ssh").write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {directory}/ssh_config "$@"\n')
    (programs / "ssh").chmod(0o755)
    Path("/run/sshd").mkdir(exist_ok=True)
    process = subprocess.Popen([server, "-D", "-f", str(directory / "sshd_config")], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 10
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            assert process.poll() is None and time.monotonic() < deadline, "sshd does not start"
        yield f"{getpass.getuser()}@127.0.0.1:{port}", programs
    finally:
        process.terminate()
        process.wait()


def path_with(programs: Path) -> str:
    return f"{programs}:{os.environ['PATH']}"
