"""Procfile -> a draft. `<type>: <command>` a line; `release` is the release phase."""

from __future__ import annotations

import re
from typing import Final

from declarative_paas.core.diagnostic import Diagnostic, Position, warning
from declarative_paas.manifest.formats import PROCESS_TYPE
from declarative_paas.manifest.importing.draft import Draft, DraftProcess, Imported

_LINE: Final = re.compile(r"^\s*([A-Za-z0-9_-]+)\s*:\s*(\S.*?)\s*$")


def import_procfile(text: str, file: str = "Procfile") -> Imported:
    """The process types. A line that is none is left out with a warning, as Heroku leaves it out."""
    processes: dict[str, DraftProcess] = {}
    release: str | None = None
    diagnostics: list[Diagnostic] = []
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = _LINE.match(line)
        if found is None or not PROCESS_TYPE.matches(found.group(1)):
            diagnostics.append(
                warning(
                    "procfile-line",
                    "this line declares no process",
                    Position(file, number, 1),
                    expected="TYPE: COMMAND",
                )
            )
            continue
        kind, command = found.groups()
        if kind == "release":
            release = command
        else:
            processes[kind] = DraftProcess(type=kind, command=command)
    # `web` first: it is the one that people look for.
    ordered = sorted(processes.values(), key=lambda process: process.type != "web")
    return Imported(
        draft=Draft(origin="Procfile", release=release, formation=tuple(ordered)), diagnostics=tuple(diagnostics)
    )
