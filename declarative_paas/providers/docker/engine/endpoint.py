"""Where an engine is, found as Docker's own command finds it: an address, a context, or the environment."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from declarative_paas.core.provider import ErrorKind, ProviderError

DEFAULT_URL = "unix:///var/run/docker.sock"
SCHEMES = ("unix", "tcp", "http", "https", "ssh")
TLS_PORT = 2376


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineTls:
    """Paths of PEM files: the authority that signed the engine's certificate, and our own certificate and key."""

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    verify: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineAddress:
    """What a manifest says of a region's engine. Both None: as the environment says, or the default socket."""

    host: str | None = None
    context: str | None = None
    tls: EngineTls | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A URL (`unix://`, `tcp://`, `ssh://`) and how to speak TLS to it (None: not at all)."""

    url: str
    tls: EngineTls | None = None

    def __str__(self) -> str:
        return f"the Docker engine at {without_password(self.url)}"


def find_endpoint(address: EngineAddress, environ: Mapping[str, str], home: Path) -> Endpoint:
    """The endpoint an address means. Reads Docker's own configuration below `home`; asks no engine.

    Order as Docker's: what is written, DOCKER_HOST, DOCKER_CONTEXT, the current context, the default socket.
    Raises ProviderError (INVALID) for a URL or context that cannot be used.
    """
    config = Path(environ.get("DOCKER_CONFIG") or home / ".docker")
    if address.host is not None:
        return Endpoint(url=_checked(address.host), tls=address.tls)
    if address.context is not None:
        return _of_context(address.context, config, address.tls)
    if environ.get("DOCKER_HOST"):
        tls = address.tls or _environment_tls(environ, config)
        return Endpoint(url=_checked(environ["DOCKER_HOST"]), tls=tls)
    current = environ.get("DOCKER_CONTEXT") or _current_context(config)
    if current:
        return _of_context(current, config, address.tls)
    return Endpoint(url=DEFAULT_URL, tls=address.tls)


def host_mistake(host: str) -> str | None:
    """What is wrong with a `host:` as it is written; None when nothing is. Pure."""
    try:
        url = urlsplit(host)
        _ = url.port
    except ValueError as problem:
        return f"{host!r} is no address: {problem}"
    if url.scheme not in SCHEMES:
        return f"{host!r} is no engine's address"
    if url.scheme == "unix" and not url.path.startswith("/"):
        return f"{host!r} has no absolute path"
    if url.scheme != "unix" and not url.hostname:
        return f"{host!r} names no host"
    return None


def without_password(url: str) -> str:
    """The URL as it may be shown."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    return parts._replace(netloc=parts.netloc.replace(f":{parts.password}@", "@")).geturl()


def _checked(host: str) -> str:
    mistake = host_mistake(host)
    if mistake is not None:
        expected = "unix:///PATH, tcp://HOST:PORT or ssh://USER@HOST"
        raise ProviderError(ErrorKind.INVALID, f"{mistake}: expected {expected}")
    return host


def _environment_tls(environ: Mapping[str, str], config: Path) -> EngineTls | None:
    if not environ.get("DOCKER_TLS_VERIFY") and not environ.get("DOCKER_TLS"):
        return None
    directory = Path(environ.get("DOCKER_CERT_PATH") or config)
    return _tls_in(directory, verify=bool(environ.get("DOCKER_TLS_VERIFY")))


def _current_context(config: Path) -> str | None:
    try:
        content: Any = json.loads((config / "config.json").read_text(encoding="utf-8"))
        return content.get("currentContext") or None
    except (OSError, ValueError, AttributeError):
        return None


def _of_context(name: str, config: Path, tls: EngineTls | None) -> Endpoint:
    """Docker keeps a context below the SHA-256 of its name: `meta/ID/meta.json`, `tls/ID/docker/*.pem`."""
    if name == "default":
        return Endpoint(url=DEFAULT_URL, tls=tls)
    identifier = hashlib.sha256(name.encode()).hexdigest()
    meta = config / "contexts" / "meta" / identifier / "meta.json"
    try:
        content: Any = json.loads(meta.read_text(encoding="utf-8"))
        docker = content["Endpoints"]["docker"]
        host = str(docker["Host"])
        verify = not docker.get("SkipTLSVerify", False)
    except FileNotFoundError:
        known = ", ".join(sorted(_context_names(config))) or "none"
        raise ProviderError(
            ErrorKind.INVALID, f"there is no Docker context {name!r}: known contexts are {known}"
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
        raise ProviderError(
            ErrorKind.INVALID, f"the Docker context {name!r} cannot be read ({meta}): {type(problem).__name__}"
        ) from None
    if tls is None:
        tls = _tls_in(config / "contexts" / "tls" / identifier / "docker", verify=verify)
    return Endpoint(url=_checked(host), tls=tls)


def _context_names(config: Path) -> set[str]:
    names = set[str]()
    for meta in (config / "contexts" / "meta").glob("*/meta.json"):
        try:
            content: Any = json.loads(meta.read_text(encoding="utf-8"))
            names.add(str(content["Name"]))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return names


def _tls_in(directory: Path, *, verify: bool) -> EngineTls | None:
    found = {name: directory / f"{name}.pem" for name in ("ca", "cert", "key")}
    there = {name: path for name, path in found.items() if path.is_file()}
    if not there:
        return None
    return EngineTls(ca=there.get("ca"), cert=there.get("cert"), key=there.get("key"), verify=verify)
