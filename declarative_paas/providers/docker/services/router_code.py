"""The program that runs beside HAProxy in its container: one file, named after its content."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import declarative_paas
from declarative_paas.providers.docker.services import router_inside

_PACKAGE: Final = Path(declarative_paas.__file__).parent
_FOLDERS: Final = ("providers/router",)
_FILES: Final = ("__init__.py", "providers/__init__.py", "providers/filelock.py")
_LEFT_OUT: Final = frozenset({"logsink.py"})  # a local region's: the engine keeps a container's log
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterCode:
    """`path` is its place in the container: another version has another one, so none is ever replaced."""

    path: str
    content: bytes


@cache
def router_code() -> RouterCode:
    """The same bytes for the same modules, whenever they were checked out."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in sorted(_modules().items()):
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), text, zipfile.ZIP_DEFLATED)
    digest = hashlib.sha256(content.getvalue()).hexdigest()[:12]
    return RouterCode(path=f"/dpaas/router-{digest}.pyz", content=content.getvalue())


def _modules() -> Mapping[str, bytes]:
    paths = [_PACKAGE / name for name in _FILES]
    for folder in _FOLDERS:
        paths += [path for path in (_PACKAGE / folder).glob("*.py") if path.name not in _LEFT_OUT]
    named = {str(path.relative_to(_PACKAGE.parent)): path.read_bytes() for path in paths}
    return {**named, "__main__.py": Path(router_inside.__file__).read_bytes()}
