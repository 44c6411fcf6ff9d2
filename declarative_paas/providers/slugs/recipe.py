"""How a source is built: decided from the names of its files and the manifest's `build`. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

STATIC_SERVER = ".dpaas/static_server.py"
"""Where the static server is put in a slug: a dyno's user may not be able to read this package."""

_PROCFILE_LINE = re.compile(r"^([A-Za-z0-9_-]+):\s*(.+)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """`commands` run one after another in a copy of the source. In `runtime_env`, `{app}` is the dyno's own
    directory and `$PATH` the stack's path. `process_types` are those the kind of source implies."""

    kind: str
    commands: tuple[str, ...] = ()
    runtime_env: Mapping[str, str] = field(default_factory=dict)
    process_types: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        content = [self.kind, list(self.commands), dict(self.runtime_env), dict(self.process_types)]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


PYTHON_ENV: Mapping[str, str] = {
    "PYTHONPATH": "{app}/vendor:{app}",
    "PYTHONUNBUFFERED": "1",
    "PATH": "{app}/vendor/bin:$PATH",
}
NODE_ENV: Mapping[str, str] = {"NODE_ENV": "production", "PATH": "{app}/node_modules/.bin:$PATH"}
NPM_OPTIONS = "--omit=dev --no-audit --no-fund --loglevel=error"


def detect(files: Collection[str], build: str | None, package_json: str | None = None) -> Recipe:
    """An explicit build first; then Python, Node, static, and last a source that needs no build."""
    if build is not None:
        return Recipe(kind="custom", commands=(build,), runtime_env={**_language_env(files)})
    if "requirements.txt" in files:
        install = "python3 -m pip install --quiet --no-warn-script-location --target vendor -r requirements.txt"
        return Recipe(kind="python", commands=(install,), runtime_env=PYTHON_ENV)
    if "package.json" in files:
        return _node(files, package_json)
    if "index.html" in files:
        return Recipe(kind="static", process_types={"web": f"exec python3 {STATIC_SERVER} ."})
    return Recipe(kind="plain", runtime_env={**_language_env(files)})


def parse_procfile(text: str) -> dict[str, str]:
    """`<type>: <command>` a line; other lines are left out, as Heroku does."""
    matches = (_PROCFILE_LINE.match(line.strip()) for line in text.splitlines())
    return {match[1]: match[2].strip() for match in matches if match is not None}


def _node(files: Collection[str], package_json: str | None) -> Recipe:
    scripts = _scripts(package_json)
    install = f"npm ci {NPM_OPTIONS}" if "package-lock.json" in files else f"npm install {NPM_OPTIONS}"
    commands = (install, "npm run build") if "build" in scripts else (install,)
    web = {"web": "npm start"} if "start" in scripts else {}
    return Recipe(kind="node", commands=commands, runtime_env=NODE_ENV, process_types=web)


def _scripts(package_json: str | None) -> Mapping[str, object]:
    try:
        scripts = json.loads(package_json or "{}").get("scripts", {})
    except (ValueError, AttributeError):
        return {}
    return scripts if isinstance(scripts, dict) else {}


def _language_env(files: Collection[str]) -> Mapping[str, str]:
    """A build of the user's own usually installs to the same places."""
    if "package.json" in files:
        return NODE_ENV
    if "requirements.txt" in files or any(name.endswith(".py") for name in files):
        return PYTHON_ENV
    return {}
