"""A region's containers, each by its deterministic name: made once, adopted, started, stopped, removed.

Only what bears our labels is touched. A name that somebody else has is told, with whose it is.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.docker.engine import labels as label
from declarative_paas.providers.docker.engine.connection import Engine
from declarative_paas.providers.docker.engine.labels import Labels, is_ours, told_owner

NOBODY: Final = "65534:65534"
"""The account of everything that is ours in a container: `nobody` in every distribution."""

LOG_CONFIG: Final[Mapping[str, Any]] = {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file or, with no content, a directory that is put into a container."""

    path: str
    content: bytes | None = None
    mode: int = 0o755
    uid: int = 65534


def spec_digest(config: Mapping[str, Any]) -> str:
    """Of all that a container is made from, its environment too. Shows nothing of it."""
    return hashlib.sha256(json.dumps(config, sort_keys=True, default=str).encode()).hexdigest()[:32]


def inspected(engine: Engine, name: str, owner: Labels) -> Mapping[str, Any] | None:
    """The engine's description of our container; None when there is none. Raises ProviderError (CONFLICT)."""
    import docker.errors

    with engine.told(f"look at the container {name}"):
        try:
            found: Any = engine.api.inspect_container(name)
        except docker.errors.NotFound:
            return None
    if not is_ours(found["Config"]["Labels"], owner):
        raise _taken(name, found)
    return found  # type: ignore[no-any-return]


def ensure_created(engine: Engine, name: str, config: Mapping[str, Any], labels: Labels) -> str:
    """The id of the container of that name and of exactly this config: it is made unless it is there.

    One of ours that was made from something else is replaced: the caller decided that it may be. Raises
    ProviderError, CONFLICT when the name is somebody else's.
    """
    wanted = labels.with_(spec=spec_digest(config))
    known = inspected(engine, name, labels)
    if known is not None:
        if known["Config"]["Labels"].get(label.SPEC) == wanted.spec:
            return str(known["Id"])
        remove(engine, name, labels)
    return create(engine, name, config, wanted)


def create(engine: Engine, name: str, config: Mapping[str, Any], labels: Labels) -> str:
    """Makes a container. Raises ProviderError: CONFLICT when the name is taken, with whose it is."""
    whole = {**config, "Labels": labels.to_map()}
    try:
        with engine.told(f"make the container {name}"):
            api = engine.api
            made = api.create_container_from_config(whole, name)
    except ProviderError as problem:
        if problem.kind is not ErrorKind.CONFLICT:
            raise
        # Ours: a duplicate of this very call was faster, which is what deterministic names are for.
        there = inspected(engine, name, labels)
        if there is None or there["Config"]["Labels"].get(label.SPEC, "") != labels.spec:
            raise
        return str(there["Id"])
    return str(made["Id"])


def start(engine: Engine, name: str) -> None:
    """Nothing happens when it runs already."""
    with engine.told(f"start the container {name}"):
        engine.api.start(name)


def stop(engine: Engine, name: str, timeout_s: int) -> bool:
    """SIGTERM, `timeout_s`, SIGKILL. Whether it had to be killed; False when it is gone or did not run."""
    import docker.errors

    api = engine.api
    with engine.told(f"stop the container {name}"):
        try:
            before: Any = api.inspect_container(name)
            if not before["State"]["Running"]:
                # It may be between two tries of its restart policy.
                api.stop(name, timeout=timeout_s)
                return False
            api.stop(name, timeout=timeout_s)
            after: Any = api.inspect_container(name)
        except docker.errors.NotFound:
            return False
    return int(after["State"]["ExitCode"]) == 137 and not after["State"]["OOMKilled"]


def remove(engine: Engine, name: str, owner: Labels) -> bool:
    """Kills and removes our container and its anonymous volumes; whether there was one."""
    import docker.errors

    known = inspected(engine, name, owner)
    if known is None:
        return False
    with engine.told(f"remove the container {name}"):
        try:
            engine.api.remove_container(known["Id"], force=True, v=True)
        except docker.errors.NotFound:
            return False
        except docker.errors.APIError as problem:
            if "already in progress" not in str(problem):
                raise
    return True


def put(engine: Engine, name: str, entries: Sequence[Entry]) -> None:
    """Writes files and directories into a container, running or not, also into its volumes."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for entry in entries:
            info = tarfile.TarInfo(entry.path.lstrip("/"))
            info.mode, info.uid, info.gid = entry.mode, entry.uid, entry.uid
            if entry.content is None:
                info.type = tarfile.DIRTYPE
            else:
                info.size = len(entry.content)
            archive.addfile(info, io.BytesIO(entry.content) if entry.content is not None else None)
    with engine.told(f"write into the container {name}"):
        engine.api.put_archive(name, "/", packed.getvalue())


def last_lines(engine: Engine, name: str, count: int = 20) -> list[str]:
    """The end of what a container wrote, on both of its streams."""
    with engine.told(f"read the log of the container {name}"):
        text: Any = engine.api.logs(name, stdout=True, stderr=True, tail=count)
    return bytes(text).decode("utf-8", "replace").splitlines()


def ensure_volume(engine: Engine, name: str, labels: Labels) -> None:
    """Makes a named volume unless it is there. Raises ProviderError, CONFLICT when it is somebody else's."""
    with engine.told(f"make the volume {name}"):
        made: Any = engine.api.create_volume(name, labels=labels.to_map())
    if not is_ours(made.get("Labels"), labels):
        raise ProviderError(
            ErrorKind.CONFLICT, f"the volume {name} belongs to {told_owner(made.get('Labels'))}: it is left alone"
        )


def remove_volume(engine: Engine, name: str, owner: Labels) -> bool:
    """Removes our volume with what is in it; whether there was one. Raises ProviderError."""
    import docker.errors

    with engine.told(f"remove the volume {name}"):
        try:
            found: Any = engine.api.inspect_volume(name)
        except docker.errors.NotFound:
            return False
        if not is_ours(found.get("Labels"), owner):
            owner_told = told_owner(found.get("Labels"))
            raise ProviderError(ErrorKind.CONFLICT, f"the volume {name} belongs to {owner_told}: it is left alone")
        engine.api.remove_volume(name)
    return True


def _taken(name: str, found: Mapping[str, Any]) -> ProviderError:
    whose = told_owner(found["Config"]["Labels"])
    return ProviderError(
        ErrorKind.CONFLICT,
        f"the name {name} is taken by the container {found['Id'][:12]} of {whose} "
        f"(image {found['Config']['Image']}): it is left alone",
    )
