"""What the local platform cannot do, said at plan time."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from declarative_paas.core.diagnostic import Diagnostic, error, nearest, note
from declarative_paas.core.links import ADDRESS_WANTED
from declarative_paas.core.provider import ProviderError
from declarative_paas.core.resource import Resource
from declarative_paas.providers.local.home import service_user
from declarative_paas.providers.local.settings import OPTION_DEFAULTS, TEXT_OPTIONS, LocalSettings

ENGINE_VERSIONS = {"postgres": "18", "redis": "9"}
"""The major versions whose server binaries this package brings; `redis` is Valkey's number."""


def validate(settings: LocalSettings, resources: Sequence[Resource]) -> list[Diagnostic]:
    found = [*_options(settings), *(item for resource in resources for item in _resource(resource))]
    if any(resource.address.type == "formation" for resource in resources):
        found.append(_isolation(settings))
    return found


def _isolation(settings: LocalSettings) -> Diagnostic:
    return note(
        "no-isolation",
        f"region {settings.region} runs on provider local: dynos share this machine's network and processors",
        expected="a provider with networks and CPU quotas of its own, for code you do not trust",
    )


def _options(settings: LocalSettings) -> Iterator[Diagnostic]:
    names = {*OPTION_DEFAULTS, *TEXT_OPTIONS}
    for name, value in sorted(settings.options.items()):
        if name not in names:
            yield error(
                "unknown-option",
                f"provider local has no option {name!r} (region {settings.region})",
                expected=f"one of {', '.join(sorted(names))}",
                suggestion=nearest(name, names),
            )
        elif name in TEXT_OPTIONS:
            yield from _link_address(settings)
        elif isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0:
            yield error(
                "bad-option", f"option {name} of region {settings.region} is {value!r}", expected="seconds, above 0"
            )
    if settings.port is not None and settings.port < 1024 and os.geteuid() != 0:
        yield error(
            "privileged-port",
            f"region {settings.region} asks for port {settings.port}, which only root can bind",
            expected="a port from 1024 on, or no `port` for a free one",
        )
    if settings.host is not None:
        yield error(
            "host-unsupported",
            f"region {settings.region} names a host, but provider local runs on this machine",
            expected="no `host`",
        )
    try:
        service_user(settings.user)
    except ProviderError as problem:
        yield error("bad-user", f"region {settings.region}: {problem.summary}", expected="an unprivileged user")


def _link_address(settings: LocalSettings) -> Iterator[Diagnostic]:
    try:
        address = settings.link_address
    except ValueError as problem:
        yield error(
            "bad-option", f"option link_address of region {settings.region}: {problem}", expected=ADDRESS_WANTED
        )
        return
    if address is not None and address.port < 1024 and os.geteuid() != 0:
        yield error(
            "privileged-port",
            f"link_address of region {settings.region} asks for port {address.port}, which only root can bind",
            expected="a port from 1024 on",
        )
    if address is not None and address.port == settings.port:
        yield error(
            "port-clash",
            f"link_address of region {settings.region} asks for port {address.port}, which its router has",
            expected="another port",
        )


def _resource(resource: Resource) -> Iterator[Diagnostic]:
    match resource.address.type:
        case "release" if "image" in resource.attributes:
            yield error(
                "images-unsupported",
                f"{resource.address.app} runs a container image, which provider local cannot",
                resource.position,
                expected="source: {path: …}, or a region with provider docker",
            )
        case "slug" if "dockerfile" in resource.attributes:
            yield error(
                "dockerfiles-unsupported",
                f"{resource.address.app} is built by a Dockerfile, which provider local cannot",
                resource.position,
                expected="a source without `dockerfile`, or a region with provider docker",
            )
        case "addon":
            service = resource.attributes["service"]
            brought = ENGINE_VERSIONS.get(service)
            version = resource.attributes.get("version")
            if brought is not None and version != brought:
                yield error(
                    "engine-version-unavailable",
                    f"provider local brings {service} {brought}, not {version}",
                    resource.position,
                    expected=f"version: {brought}, or none",
                )
        case "app" if resource.attributes.get("stack") is not None:
            yield error(
                "stack-unsupported",
                f"{resource.address.app} asks for stack {resource.attributes['stack']}: "
                "provider local runs on this machine's own system",
                resource.position,
                expected="no stack, or a region with provider docker",
            )
        case "domain" if str(resource.attributes["hostname"]).startswith("*."):
            yield error(
                "wildcard-unsupported",
                f"the router of provider local matches whole host names, not {resource.attributes['hostname']}",
                resource.position,
                expected="each host name by itself",
            )
        case _:
            return
