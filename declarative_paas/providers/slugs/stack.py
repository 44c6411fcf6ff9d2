"""The local stack: what this machine offers a dyno of a certain user. Tried, not assumed."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from declarative_paas.core.provider import ErrorKind, ProviderError

SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """`path` is PATH for builds and dynos. `build_env` lets `python3 -m pip` and `npm` work as they do for us."""

    path: str
    versions: Mapping[str, str] = field(default_factory=dict)
    build_env: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        return hashlib.sha256(repr(sorted(self.versions.items())).encode()).hexdigest()


def local_stack(user: str | None, directory: Path) -> Stack:
    """Finds the programs that `user` (None: ourselves) can run. `directory` is ours to keep helpers in.

    Raises ProviderError when there is no Python at all: the static server and Python apps need one.
    """
    python = next((path for path in _python_candidates() if _version([path, "--version"], user)), None)
    if python is None:
        raise ProviderError(
            ErrorKind.INVALID, f"no python3 on this machine can be run by user {user}: install the system's python3"
        )
    node = shutil.which("node")
    if node is not None and not _version([node, "--version"], user):
        node = None
    bin_directory = directory / "bin"
    bin_directory.mkdir(parents=True, exist_ok=True)
    bin_directory.chmod(0o755)
    _link(bin_directory / "python3", Path(python))
    _link(bin_directory / "python", Path(python))
    directories = [str(bin_directory)]
    if node is not None:
        directories.append(str(Path(node).parent))
    directories += [part for part in SYSTEM_PATH.split(":") if part not in directories]
    versions = {"python": _version([python, "--version"], user) or ""}
    if node is not None:
        versions["node"] = _version([node, "--version"], user) or ""
    return Stack(
        path=":".join(directories), versions=versions, build_env=_build_env(python, user, directory, node is not None)
    )


def _python_candidates() -> Iterator[str]:
    """Real interpreters: a virtual environment's would bring its own packages into every dyno."""
    base = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    yield str(base)
    for directory in os.environ.get("PATH", "").split(":") + SYSTEM_PATH.split(":"):
        candidate = Path(directory) / "python3"
        if directory and candidate.exists() and not (candidate.parent.parent / "pyvenv.cfg").exists():
            resolved = candidate.resolve()
            if resolved.name.startswith("python"):
                yield str(resolved)


def _version(command: list[str], user: str | None) -> str | None:
    """What the program says of itself when run as the user; None when it cannot be run."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
            cwd="/",
            env={"PATH": SYSTEM_PATH},
            **run_as(user),
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def run_as(user: str | None) -> dict[str, Any]:
    """Arguments that make `subprocess` run as the user, with no group of ours."""
    if user is None:
        return {}
    import pwd

    entry = pwd.getpwnam(user)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _build_env(python: str, user: str | None, directory: Path, node: bool) -> dict[str, str]:
    environment = {
        name: value
        for name, value in os.environ.items()
        if name.upper().startswith(("PIP_", "NPM_CONFIG_")) or name.lower() in _PROXIES
    }
    environment.update(_pip_settings(environment))
    if not _version([python, "-m", "pip", "--version"], user):
        environment["PYTHONPATH"] = str(_readable_pip(directory))
    if node and user is not None:
        registry = _output(["npm", "config", "get", "registry"])
        if registry:
            environment.setdefault("npm_config_registry", registry)
    return environment


_PROXIES = frozenset(
    {"http_proxy", "https_proxy", "no_proxy", "ssl_cert_file", "node_extra_ca_certs", "requests_ca_bundle"}
)


def _pip_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Our own pip configuration as variables: a build's user cannot read a file in our home."""
    found: dict[str, str] = {}
    for line in (_output([sys.executable, "-m", "pip", "config", "list"]) or "").splitlines():
        name, _, value = line.partition("=")
        section, _, option = name.partition(".")
        if section not in ("global", "install") or not option:
            continue
        variable = "PIP_" + option.upper().replace("-", "_")
        if variable not in environment:
            found[variable] = value.strip("'\"").replace("\\n", " ").strip()
    return found


def _readable_pip(directory: Path) -> Path:
    """A copy of our pip that anybody can read, for a Python that comes without one."""
    spec = importlib.util.find_spec("pip")
    if spec is None or spec.origin is None:
        raise ProviderError(ErrorKind.INVALID, "there is no pip to build Python apps with: install the pip package")
    source = Path(spec.origin).parent
    import pip

    target = directory / f"pip-{pip.__version__}"
    if not (target / "pip" / "__init__.py").exists():
        fresh = directory / f".pip-{os.getpid()}"
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(source, fresh / "pip", ignore=shutil.ignore_patterns("__pycache__"))
        for path in [fresh, *fresh.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
        try:
            fresh.rename(target)
        except OSError:
            shutil.rmtree(fresh, ignore_errors=True)  # another process was faster
    return target


def _output(command: list[str]) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _link(link: Path, target: Path) -> None:
    if link.is_symlink() and link.readlink() == target:
        return
    fresh = link.with_name(f".{link.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(link)
