"""What the tests of this room share: small manifests, and a short form of diagnostics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from declarative_paas.core.diagnostic import Diagnostic, has_errors
from declarative_paas.manifest.assemble import GivenVariables, assemble, parse_file, recognise_all
from declarative_paas.manifest.manifests import AppManifest, Manifests
from declarative_paas.manifest.yaml_text import parse_yaml

PLATFORM = """\
kind: Platform
metadata: {name: acme}
spec: {regions: {us: {provider: memory, jurisdiction: US}}}
"""
APP = """\
kind: App
metadata: {name: shop}
spec:
  region: us
  source: {path: .}
"""


def app_text(fields: str, name: str = "shop") -> str:
    """An App whose further spec fields begin on line 6."""
    return APP.replace("shop", name) + "".join(f"  {line}\n" for line in fields.strip("\n").split("\n"))


def read(
    files: Mapping[str, str | bytes],
    overlays: Mapping[str, str] | None = None,
    given: GivenVariables | None = None,
) -> tuple[Manifests | None, list[Diagnostic]]:
    """Reads texts as `load` would, without a disk. A Platform is added when no text has one."""
    texts = dict(files)
    if not any("kind: Platform" in str(text) for text in texts.values()):
        texts["platform.yaml"] = PLATFORM
    encoded = [(text if isinstance(text, bytes) else text.encode(), name) for name, text in texts.items()]
    base, diagnostics = recognise_all([parse_file(data, name, sought=True) for data, name in encoded])
    over, mistakes = recognise_all([parse_file(t.encode(), n, sought=True) for n, t in (overlays or {}).items()])
    manifests, more = assemble(base, over, given or GivenVariables(), environment=None)
    found = [*diagnostics, *mistakes, *more]
    return None if has_errors(found) else manifests, found


def only_app(files: Mapping[str, str | bytes], overlays: Mapping[str, str] | None = None) -> AppManifest:
    """The one app of manifests without a mistake."""
    manifests, diagnostics = read(files, overlays)
    assert diagnostics == []
    assert manifests is not None
    (app,) = manifests.apps
    return app


def short(diagnostics: Iterable[Diagnostic]) -> list[tuple[str, str]]:
    """(`file:line:column`, code) of each, sorted."""
    return sorted((str(one.position), one.code) for one in diagnostics)


def syntax_of(text: str | bytes) -> Diagnostic:
    """The one diagnostic that a text gets as YAML."""
    (diagnostic,) = parse_yaml(text, "f.yaml").diagnostics
    return diagnostic


def write(root: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
