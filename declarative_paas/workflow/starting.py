"""`dpaas init`: the first manifests of a project, from nothing or from what another tool was told."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from declarative_paas.core.diagnostic import Diagnostic, error, has_errors, nearest
from declarative_paas.manifest.importing.app_json import import_app_json
from declarative_paas.manifest.importing.draft import Draft, Imported, combine, render
from declarative_paas.manifest.importing.heroku_yml import import_heroku_yml
from declarative_paas.manifest.importing.procfile import import_procfile
from declarative_paas.manifest.importing.starter import starter, starter_app

MANIFEST_NAME: Final = "dpaas.yaml"
_MAX_BYTES: Final = 1_000_000
_READERS: Final[Mapping[str, Callable[[str, str], Imported]]] = {
    "app.json": import_app_json,
    "heroku.yml": import_heroku_yml,
    "Procfile": import_procfile,
}


def start_project(directory: Path, origins: Sequence[Path]) -> tuple[list[Path], list[Diagnostic]]:
    """Writes `dpaas.yaml`, and a `.gitignore` where there is none; returns what was written. Never overwrites.

    Raises OSError when the directory cannot be written.
    """
    manifest = directory / MANIFEST_NAME
    if manifest.exists():
        return [], [error("file-exists", f"{manifest} is there already", expected="another directory")]
    drafts, diagnostics = _read(origins)
    if has_errors(diagnostics):
        return [], diagnostics
    name = directory.resolve().name
    source = "."
    if origins:
        source = os.path.relpath(origins[0].resolve().parent, directory.resolve())
    directory.mkdir(parents=True, exist_ok=True)
    if drafts:
        app = render(combine(drafts), name=drafts[0].name or name, source=source)
    else:
        app = starter_app(name, source=source, command=not _tells_web(directory / source))
    written = [path for path, text in _files(manifest, starter(name, app=app, source=source)) if _write_new(path, text)]
    return written, diagnostics


def _tells_web(source: Path) -> bool:
    """Whether the source itself says how its web dynos are run."""
    from declarative_paas.providers.slugs.inspect import inspect_source
    from declarative_paas.providers.slugs.source import SourceError

    try:
        return "web" in inspect_source(source, None).process_types
    except SourceError:
        return False


def _files(manifest: Path, text: str) -> list[tuple[Path, str]]:
    # The state's directory holds the key of all secrets: it must not get into a repository by accident.
    return [(manifest, text), (manifest.with_name(".gitignore"), ".dpaas/\n")]


def _write_new(path: Path, text: str) -> bool:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        return False
    return True


def _read(origins: Sequence[Path]) -> tuple[list[Draft], list[Diagnostic]]:
    drafts: list[Draft] = []
    diagnostics: list[Diagnostic] = []
    for origin in origins:
        reader = _READERS.get(origin.name)
        if reader is None:
            diagnostics.append(
                error(
                    "unknown-origin",
                    f"{origin} is nothing that an app can be made from",
                    expected=f"a file named {', '.join(_READERS)}",
                    suggestion=nearest(origin.name, _READERS),
                )
            )
            continue
        try:
            with origin.open("rb") as file:
                text = file.read(_MAX_BYTES + 1).decode("utf-8")
        except FileNotFoundError:
            diagnostics.append(error("no-such-file", f"there is no file {origin}"))
            continue
        except OSError as problem:
            diagnostics.append(error("unreadable-file", f"{origin} cannot be read: {problem.strerror}"))
            continue
        except UnicodeDecodeError:
            diagnostics.append(error("not-utf-8", f"{origin} is not UTF-8 text"))
            continue
        imported = reader(text, str(origin))
        diagnostics.extend(imported.diagnostics)
        if imported.draft is not None:
            drafts.append(imported.draft)
    return drafts, diagnostics
