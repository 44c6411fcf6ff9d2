"""A release's environment for one dyno, sealed on disk, and the spec that a runner or a one-off gets."""

from __future__ import annotations

import json
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from declarative_paas.catalog.model import DynoSize
from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.hosting.dynos import Dyno
from declarative_paas.providers.hosting.environment import dyno_environment, opened
from declarative_paas.providers.hosting.host import OneOff, one_off_size
from declarative_paas.providers.hosting.records import ReleaseRecord
from declarative_paas.providers.runtime.backoff import Backoff
from declarative_paas.providers.runtime.oneoff import one_off_name
from declarative_paas.providers.runtime.spec import DynoSpec
from declarative_paas.providers.slugs.store import Slug

if TYPE_CHECKING:
    from declarative_paas.providers.local.region import LocalRegion


def find_slug(region: LocalRegion, slug_id: str) -> Slug:
    """Raises ProviderError when the slug is not stored any more."""
    slug = region.slugs.get(slug_id)
    if slug is None:
        raise ProviderError(ErrorKind.FAILED, f"slug {slug_id} is not stored any more: deploy again")
    return slug


def dyno_spec(region: LocalRegion, dyno: Dyno, release: ReleaseRecord, port: int | None) -> DynoSpec:
    """Writes the dyno's sealed environment and returns its spec; the caller saves it."""
    return _spec(region, release, dyno.id, dyno.name, dyno.type, dyno.command, dyno.size, port)


@contextmanager
def one_off_spec(region: LocalRegion, one_off: OneOff) -> Generator[DynoSpec]:
    """A one-off dyno's spec; its sealed environment is removed afterwards."""
    release = one_off.release
    size = one_off_size(region.catalog, one_off)
    name = one_off_name(one_off.type)
    # Unique among all platforms of the machine, as a dyno's id must be.
    identifier = f"{release.app}.{name}.v{release.version}.{secrets.token_hex(5)}"
    spec = _spec(region, release, identifier, name, one_off.type, one_off.command, size, None)
    try:
        yield spec
    finally:
        spec.environment_file.unlink(missing_ok=True)


def _spec(
    region: LocalRegion,
    release: ReleaseRecord,
    identifier: str,
    name: str,
    process_type: str,
    command: str,
    size: DynoSize,
    port: int | None,
) -> DynoSpec:
    slug = find_slug(region, release.slug)
    home = region.work_directory / identifier / "app"
    settings = region.settings
    spec = DynoSpec(
        app=release.app,
        name=name,
        process_type=process_type,
        release=release.version,
        id=identifier,
        command=command,
        slug_archive=slug.archive,
        working_root=region.work_directory,
        environment_file=region.environment_file(identifier),
        key_file=region.key_file,
        log=region.log_file(release.app),
        status=region.status_file(identifier),
        memory_mb=size.memory_mb,
        memory_kill_mb=size.memory_kill_mb,
        pids=size.pids,
        port=port,
        user=region.home.user,
        path=region.stack.path,
        boot_timeout_s=settings.seconds("boot_timeout_s"),
        stop_timeout_s=settings.seconds("stop_timeout_s"),
        backoff=Backoff(first_s=settings.seconds("backoff_first_s")),
    )
    assert spec.home == home, "the slug's paths are made for the directory that the dyno runs in"
    _write_environment(region, spec, release, slug)
    return spec


def _write_environment(region: LocalRegion, spec: DynoSpec, release: ReleaseRecord, slug: Slug) -> None:
    environment = dyno_environment(
        opened(release, region.keyring), slug.runtime_env, app_directory=str(spec.home), path=spec.path
    )
    sealed = region.keyring.seal(json.dumps(environment))
    _write_private(spec.environment_file, sealed)


def _write_private(path: Path, text: str) -> None:
    import os

    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
