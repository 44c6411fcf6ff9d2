"""How a source is built: decided from the names of its files and the manifest's `build`. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import cast

STATIC_SERVER = ".dpaas/static_server.py"
"""Where the static server is put in a slug: a dyno's user may not be able to read this package."""

VENDOR = "vendor"
"""Where a Python app's requirements are installed, so that they travel in the slug."""

_PROCFILE_LINE = re.compile(r"^([A-Za-z0-9_-]+):\s*(.+)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """`commands` run one after another in a copy of the source and use the programs `needs`.

    In `runtime_env`, `{app}` is the dyno's own directory and `$PATH` the stack's path. `process_types` are
    those the kind of source implies.
    """

    kind: str
    commands: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    runtime_env: Mapping[str, str] = field(default_factory=dict[str, str])
    process_types: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def digest(self) -> str:
        content = [self.kind, list(self.commands), dict(self.runtime_env), dict(self.process_types)]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


PYTHON_ENV: Mapping[str, str] = {
    "PYTHONPATH": f"{{app}}/{VENDOR}:{{app}}",
    "PYTHONUNBUFFERED": "1",
    "PATH": f"{{app}}/{VENDOR}/bin:$PATH",
}
NODE_ENV: Mapping[str, str] = {"NODE_ENV": "production", "PATH": "{app}/node_modules/.bin:$PATH"}

_PIP_INSTALL = (
    f"python3 -m pip install --no-compile --no-warn-script-location --target {VENDOR} -r requirements.txt",
    # By itself, in order and with relative names: pip compiles below a random name, which the result would hold.
    # A package may carry templates that are no Python: those are left as they are.
    f"python3 -m compileall -qq --invalidation-mode unchecked-hash {VENDOR} || true",
)
_NPM_OPTIONS = "--omit=dev --no-audit --no-fund"
_NPM_LOCKS = frozenset({"package-lock.json", "npm-shrinkwrap.json"})


def detect(files: Collection[str], build: str | None, package_json: str | None = None) -> Recipe:
    """An explicit build first; then Python, Node, static, and last a source that needs no build.

    `files` are paths relative to the source; `package_json` is that file's text, when there is one.
    """
    if build is not None:
        return Recipe(kind="custom", commands=(build,), runtime_env=_language_env(files))
    if "requirements.txt" in files:
        return Recipe(kind="python", commands=_PIP_INSTALL, needs=("python3",), runtime_env=PYTHON_ENV)
    if "package.json" in files:
        return _node(files, package_json)
    if "index.html" in files:
        return Recipe(kind="static", process_types={"web": f"exec python3 {STATIC_SERVER} ."})
    return Recipe(kind="plain", runtime_env=_language_env(files))


def parse_procfile(text: str) -> dict[str, str]:
    """`<type>: <command>` a line, the last of a type wins; other lines are left out, as Heroku does.

    The type `release` is among them when it is declared: it is the release phase's command, not a process.
    """
    matches = (_PROCFILE_LINE.match(line.strip()) for line in text.splitlines())
    return {match[1]: match[2].strip() for match in matches if match is not None}


def _node(files: Collection[str], package_json: str | None) -> Recipe:
    scripts = _scripts(package_json)
    install = f"npm {'install' if _NPM_LOCKS.isdisjoint(files) else 'ci'} {_NPM_OPTIONS}"
    commands = (install, "npm run build") if "build" in scripts else (install,)
    web = {"web": "npm start"} if "start" in scripts else {}
    return Recipe(kind="node", commands=commands, needs=("node", "npm"), runtime_env=NODE_ENV, process_types=web)


def _scripts(package_json: str | None) -> Collection[str]:
    """The names of a package's scripts; none when the file is no such thing: npm says so better than we could."""
    try:
        content: object = json.loads(package_json or "{}")
    except ValueError:
        return ()
    if not isinstance(content, dict):
        return ()
    scripts = cast("dict[str, object]", content).get("scripts")
    return cast("dict[str, object]", scripts) if isinstance(scripts, dict) else ()


def _language_env(files: Collection[str]) -> Mapping[str, str]:
    """A build of the user's own usually installs to the same places."""
    if "package.json" in files:
        return NODE_ENV
    if "requirements.txt" in files or any(name.endswith(".py") for name in files):
        return PYTHON_ENV
    return {}
