"""How a build reaches the package registries: as the caller's own pip and npm would."""

from __future__ import annotations

import ast
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from declarative_paas.providers.slugs.stack import Stack, output_of

_PASSED = frozenset(
    {
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "no_proxy",
        "ssl_cert_file",
        "ssl_cert_dir",
        "requests_ca_bundle",
        "curl_ca_bundle",
        "node_extra_ca_certs",
    }
)
"""Environment variables, in any case, that say how to reach the network."""

_PIP_PREFIX = "PIP_"
_NOT_FOR_BUILDS = frozenset(
    [
        "BREAK_SYSTEM_PACKAGES",
        "CACHE_DIR",
        "CONFIG_FILE",
        "DRY_RUN",
        "LOG",
        "PREFIX",
        "PYTHON",
        "QUIET",
        "REPORT",
        "REQUIRE_VIRTUALENV",
        "REQUIREMENT",
        "ROOT",
        "SRC",
        "TARGET",
        "USER",
        "VERBOSE",
    ]
)
"""pip's settings of where and how the caller installs for himself."""

_NPM_PREFIX = "npm_config_"
_NPM_SETTINGS = ("registry", "proxy", "https-proxy", "noproxy", "cafile", "strict-ssl", "replace-registry-host")
_NPM_UNSET = frozenset({"", "null", "undefined"})


def registry_environment(stack: Stack) -> dict[str, str]:
    """Variables for a build's environment. May hold credentials: see `secrets_in`.

    The build's user can read no file in our home, so what our files say goes as variables.
    """
    environment = {name: value for name, value in os.environ.items() if _is_passed(name)}
    for name, value in _pip_settings():
        environment.setdefault(name, value)
    if stack.has("npm"):
        for name, value in _npm_settings():
            environment.setdefault(name, value)
    if not output_of([stack.python, "-c", "import pip; print(pip.__version__)"], stack.user):
        pip = _readable_pip(stack.directory)
        if pip is not None:
            environment["PYTHONPATH"] = str(pip)
    return environment


def registry_environment_elsewhere() -> dict[str, str]:
    """The same for a build on another machine: what names files of this one is left out of it."""
    environment = {name: value for name, value in os.environ.items() if _is_passed(name)}
    for name, value in (*_pip_settings(), *_npm_settings()):
        environment.setdefault(name, value)
    kept = {name: _without_files(value) for name, value in environment.items()}
    return {name: value for name, value in kept.items() if value}


def _without_files(value: str) -> str:
    return " ".join(word for word in value.split() if not word.startswith(("/", "~", "./", "file:")))


def secrets_in(environment: Mapping[str, str]) -> frozenset[str]:
    """Passwords and tokens among the settings: they must not show in what a build prints."""
    found: set[str] = set()
    for name, value in environment.items():
        if any(word in name.lower() for word in ("token", "password", "_auth")):
            found.add(value)
        for word in value.split():
            found.update(_credentials(word))
    return frozenset(secret for secret in found if secret)


def without_secrets(line: str, secrets: Collection[str]) -> str:
    for secret in sorted(secrets, key=len, reverse=True):
        line = line.replace(secret, "[secret]")
    return line


def _credentials(text: str) -> Iterator[str]:
    """A URL's password, or its user name where that is all there is: then it is a token."""
    if "@" not in text or "://" not in text:
        return
    try:
        url = urlsplit(text)
    except ValueError:
        return
    secret = url.password or url.username
    if secret:
        yield secret
        yield unquote(secret)


def _is_passed(name: str) -> bool:
    if name.startswith(_PIP_PREFIX):
        return name.removeprefix(_PIP_PREFIX) not in _NOT_FOR_BUILDS
    if name.lower().startswith(_NPM_PREFIX):
        return name.lower().removeprefix(_NPM_PREFIX).replace("_", "-") in _NPM_SETTINGS
    return name.lower() in _PASSED


def _pip_settings() -> Iterator[tuple[str, str]]:
    """`pip config list` prints SECTION.OPTION='VALUE' a line, with a list's values on lines of their own."""
    for line in (_ours([sys.executable, "-m", "pip", "config", "list"]) or "").splitlines():
        name, _, written = line.partition("=")
        section, _, option = name.partition(".")
        variable = option.upper().replace("-", "_")
        if section not in ("global", "install") or not variable or variable in _NOT_FOR_BUILDS:
            continue
        try:
            value = str(ast.literal_eval(written))
        except (ValueError, SyntaxError):
            continue
        yield f"{_PIP_PREFIX}{variable}", " ".join(value.split())


def _npm_settings() -> Iterator[tuple[str, str]]:
    for line in (_ours(["npm", "config", "get", *_NPM_SETTINGS]) or "").splitlines():
        name, _, value = line.partition("=")
        if name in _NPM_SETTINGS and value not in _NPM_UNSET:
            yield f"{_NPM_PREFIX}{name.replace('-', '_')}", value


def _ours(command: list[str]) -> str | None:
    """What a program prints when it runs as we do."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout if done.returncode == 0 else None


def _readable_pip(directory: Path) -> Path | None:
    """A copy of our pip that anybody can read, for a Python that comes without one; None when we have none."""
    spec = importlib.util.find_spec("pip")
    package = Path(spec.origin).parent if spec is not None and spec.origin is not None else None
    wheel = None if package is not None else _bundled_wheel()
    if package is None and wheel is None:
        return None
    target = directory / (f"pip-{_version(package)}" if package is not None else wheel.stem if wheel else "pip")
    if (target / "pip" / "__init__.py").exists():
        return target
    fresh = Path(tempfile.mkdtemp(dir=directory, prefix=".pip-"))
    if package is not None:
        shutil.copytree(package, fresh / "pip", ignore=shutil.ignore_patterns("__pycache__"))
    elif wheel is not None:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(fresh)
    for path in [fresh, *fresh.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    try:
        fresh.rename(target)
    except OSError:
        shutil.rmtree(fresh, ignore_errors=True)  # another process was faster
    return target


def _version(package: Path) -> str:
    """Read, not imported: pip is a large program."""
    for line in (package / "__init__.py").read_text(encoding="utf-8").splitlines():
        if line.startswith("__version__"):
            return line.partition("=")[2].strip(" \"'")
    return "unknown"


def _bundled_wheel() -> Path | None:
    """The wheel that `ensurepip` installs; Debian keeps it in a place of its own."""
    import ensurepip

    places = (Path(ensurepip.__file__).parent / "_bundled", Path("/usr/share/python-wheels"))
    return next((wheel for place in places for wheel in sorted(place.glob("pip-*.whl"))), None)
