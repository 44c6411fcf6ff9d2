"""What a Docker region cannot do, said at plan time: offline, so of the engine itself nothing is known here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from declarative_paas.core.diagnostic import Diagnostic, error, nearest, note
from declarative_paas.core.links import ADDRESS_WANTED
from declarative_paas.core.resource import Resource
from declarative_paas.core.values import Reference
from declarative_paas.providers.docker.engine.endpoint import host_mistake
from declarative_paas.providers.docker.engine.networks import pool_mistake
from declarative_paas.providers.docker.settings import FLAGS, OPTIONS, TEXT_OPTIONS, DockerSettings

ENGINE_VERSIONS = {"postgres": "18", "redis": "9"}
"""The major versions whose server binaries this package brings; `redis` is Valkey's number."""

MOST_SERVERS = 4
"""A /29 has six addresses: one is the host's, one the dyno's."""


def validate(settings: DockerSettings, resources: Sequence[Resource]) -> list[Diagnostic]:
    """Every mistake in the region's settings, and everything wanted that it cannot do."""
    found = [*_options(settings), *_engine(settings), *_ports(settings)]
    found += [item for resource in resources for item in _resource(settings, resource)]
    found += _too_many_addons(settings, resources)
    if not settings.guard and any(resource.address.type == "formation" for resource in resources):
        found.append(_open_paths(settings))
    return found


def _too_many_addons(settings: DockerSettings, resources: Sequence[Resource]) -> Iterator[Diagnostic]:
    """A dyno's network has room for so many servers beside it."""
    services = {item.address: item.attributes["service"] for item in resources if item.address.type == "addon"}
    servers: dict[str, list[Resource]] = {}
    for item in resources:
        addon = item.attributes.get("addon") if item.address.type == "attachment" else None
        if isinstance(addon, Reference) and services.get(addon.address) in ENGINE_VERSIONS:
            servers.setdefault(item.address.app, []).append(item)
    for app, attached in sorted(servers.items()):
        if len(attached) > MOST_SERVERS:
            yield error(
                "too-many-addons",
                f"{app} has {len(attached)} add-on servers, and in region {settings.region} its dynos have room for "
                f"{MOST_SERVERS}",
                attached[MOST_SERVERS].position,
                expected=f"at most {MOST_SERVERS} of {', '.join(sorted(ENGINE_VERSIONS))} attached to one app",
            )


def _open_paths(settings: DockerSettings) -> Diagnostic:
    return note(
        "no-guard",
        f"region {settings.region} runs without its guard: dynos can reach services of the engine's own host",
        expected="`guard: true`, or a firewall of your own that drops what comes from "
        f"{settings.text('pool')} to the host, but for the router's ports",
    )


def _options(settings: DockerSettings) -> Iterator[Diagnostic]:
    where = f"of region {settings.region}"
    for name, value in sorted(settings.options.items()):
        if name not in OPTIONS:
            yield error(
                "unknown-option",
                f"provider docker has no option {name!r} (region {settings.region})",
                expected=f"one of {', '.join(sorted(OPTIONS))}",
                suggestion=nearest(name, OPTIONS),
            )
        elif name in TEXT_OPTIONS:
            if not isinstance(value, str) or not value:
                yield error("bad-option", f"option {name} {where} is {value!r}", expected=TEXT_OPTIONS[name])
        elif name in FLAGS:
            if not isinstance(value, bool):
                yield error("bad-option", f"option {name} {where} is {value!r}", expected="true or false")
        elif isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0:
            yield error("bad-option", f"option {name} {where} is {value!r}", expected="seconds, above 0")
    if settings.user is not None:
        yield error(
            "user-unsupported",
            f"region {settings.region} names a user, but in containers dynos run as one of their own",
            expected="no `user`",
        )
    yield from _pool(settings)


def _pool(settings: DockerSettings) -> Iterator[Diagnostic]:
    mistake = pool_mistake(str(settings.text("pool")))
    if mistake is not None:
        yield error(
            "bad-option",
            f"option pool of region {settings.region}: {mistake}",
            expected="a private network such as 10.210.0.0/16: every dyno takes a /29 of it",
        )


def _engine(settings: DockerSettings) -> Iterator[Diagnostic]:
    mistake = None if settings.host is None else host_mistake(settings.host)
    if mistake is not None:
        yield error(
            "bad-host",
            f"region {settings.region}: {mistake}",
            expected="unix:///PATH, tcp://HOST:PORT or ssh://USER@HOST",
        )
    if settings.host is not None and settings.text("context") is not None:
        yield error(
            "two-engines",
            f"region {settings.region} names both a host and a Docker context",
            expected="one of them",
        )
    if (settings.text("tls_cert") is None) != (settings.text("tls_key") is None):
        yield error(
            "half-a-certificate",
            f"region {settings.region} has one of tls_cert and tls_key",
            expected="both, or none",
        )
    for name in ("tls_ca", "tls_cert", "tls_key"):
        path = settings.text(name)
        if path is not None and not (settings.base_directory / path).is_file():
            yield error(
                "missing-file", f"option {name} of region {settings.region}: there is no file {path}", expected="a file"
            )


def _ports(settings: DockerSettings) -> Iterator[Diagnostic]:
    try:
        first, last = settings.app_ports
    except ValueError as problem:
        yield error("bad-option", f"option app_ports of region {settings.region}: {problem}")
        return
    if first <= settings.router_port <= last:
        yield error(
            "port-clash",
            f"region {settings.region}: port {settings.router_port} of the router is one of its apps' ports",
            expected=f"another `port`, or `app_ports` without {settings.router_port}",
        )
    try:
        link = settings.link_address
    except ValueError as problem:
        yield error(
            "bad-option", f"option link_address of region {settings.region}: {problem}", expected=ADDRESS_WANTED
        )
        return
    if link is not None and (link.port == settings.router_port or first <= link.port <= last):
        yield error(
            "port-clash",
            f"region {settings.region}: port {link.port} of `link_address` is the router's or one of its apps'",
            expected="a port of its own",
        )


def _resource(settings: DockerSettings, resource: Resource) -> Iterator[Diagnostic]:
    match resource.address.type:
        case "addon":
            service = str(resource.attributes["service"])
            brought = ENGINE_VERSIONS.get(service)
            version = resource.attributes.get("version")
            if brought is not None and version != brought and settings.text(f"{service}_image") is None:
                yield error(
                    "engine-version-unavailable",
                    f"provider docker brings {service} {brought}, not {version} (region {settings.region})",
                    resource.position,
                    expected=f"version: {brought}, none, or an image of yours as option {service}_image",
                )
        case "domain" if str(resource.attributes["hostname"]).startswith("*."):
            yield error(
                "wildcard-unsupported",
                f"the router of provider docker matches whole host names, not {resource.attributes['hostname']}",
                resource.position,
                expected="each host name by itself",
            )
        case _:
            return
