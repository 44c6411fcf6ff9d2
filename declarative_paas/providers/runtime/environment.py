"""A dyno's environment variables: the sealed ones of its release, and those the platform sets."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from declarative_paas.providers.runtime.spec import DynoSpec

MARKER = "HEROKU_DYNO_ID"
"""Every process of a dyno carries it; by it a runner finds what an earlier, killed runner left behind."""


class ReleaseEnvironmentError(Exception):
    """A release environment that cannot be opened. Says why, and shows none of it."""


def release_environment(spec: DynoSpec) -> dict[str, str]:
    """The release's variables, opened in a short-lived child.

    The cipher's library would triple our size for as long as we live, and there is one of us a dyno; the
    child ends after some 50 ms. Raises ReleaseEnvironmentError.
    """
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reading)
            _open_into(writing, spec.environment_file, spec.key_file)
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        content = answer.read()
    os.waitpid(pid, 0)
    kind, _, text = content.decode().partition(":")
    if kind != "opened":
        raise ReleaseEnvironmentError(text or "the release environment could not be opened")
    try:
        variables: Any = json.loads(text)
    except ValueError:
        variables = None
    if not isinstance(variables, dict):
        raise ReleaseEnvironmentError("the release environment is not a JSON object of strings")
    named = cast("dict[object, object]", variables)
    if not all(_is_variable(name, value) for name, value in named.items()):
        raise ReleaseEnvironmentError("the release environment is not a JSON object of strings")
    return cast("dict[str, str]", named)


def dyno_environment(spec: DynoSpec, release: Mapping[str, str], temporary: Path) -> dict[str, str]:
    """All a dyno's variables. PORT, DYNO and HOME are the platform's; PATH and LANG a release may set."""
    platform = {
        "DYNO": spec.name,
        "HOME": str(spec.home),
        "PWD": str(spec.home),
        "TMPDIR": str(temporary),
        MARKER: spec.id,
        "HEROKU_APP_NAME": spec.app,
        "HEROKU_RELEASE_VERSION": f"v{spec.release}",
    }
    if spec.port is not None:
        platform["PORT"] = str(spec.port)
    defaults = {"PATH": spec.path.replace("$HOME", str(spec.home)), "LANG": "C.UTF-8"}
    return {**defaults, **release, **platform}


def _open_into(descriptor: int, environment_file: Path, key_file: Path) -> None:
    """In the child: opens the file and tells the parent, through the pipe and nowhere else."""
    from declarative_paas.vault.keyring import Keyring, VaultError

    try:
        sealed = environment_file.read_text(encoding="ascii").strip()
        answer = "opened:" + Keyring.load(key_file).open(sealed)
    except VaultError as wrong:
        answer = f"failed:{wrong}"
    except OSError as wrong:
        answer = f"failed:cannot read {wrong.filename}: {wrong.strerror}"
    except ValueError:
        answer = f"failed:{environment_file} is not a sealed text"
    with os.fdopen(descriptor, "wb") as pipe:
        pipe.write(answer.encode())


def _is_variable(name: object, value: object) -> bool:
    return (
        isinstance(name, str) and isinstance(value, str) and name != "" and "=" not in name and "\0" not in name + value
    )
