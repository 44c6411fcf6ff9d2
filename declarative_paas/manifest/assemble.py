"""Parsed files -> manifests: overlays, then variables, then types; all mistakes at once. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from declarative_paas.core.diagnostic import Diagnostic, Position, error, has_errors, warning
from declarative_paas.manifest.documents import Document, Manifest, recognise, validate
from declarative_paas.manifest.forks import derive_forks
from declarative_paas.manifest.manifests import AppManifest, ForkManifest, Manifests, PlatformManifest
from declarative_paas.manifest.nodes import position_of
from declarative_paas.manifest.overlays import merge_overlays
from declarative_paas.manifest.variables import MARK, Variables, gather, substitute
from declarative_paas.manifest.yaml_text import YamlText, parse_yaml


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestFile:
    """A file that was read and parsed. `sought`: every document in it must be ours (see `recognise`)."""

    yaml: YamlText
    sought: bool
    has_variables: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenVariables:
    """Variables from outside, their files already read. `files` are (name, text), in order."""

    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    files: Sequence[tuple[str, YamlText]] = ()
    assignments: Sequence[str] = ()


def parse_file(data: bytes, file: str, *, sought: bool) -> ManifestFile:
    """A manifest file's bytes, parsed under the name that positions carry."""
    return ManifestFile(yaml=parse_yaml(data, file), sought=sought, has_variables=MARK.encode() in data)


def recognise_all(files: Sequence[ManifestFile]) -> tuple[list[Document], list[Diagnostic]]:
    """All documents of ours, in order, and what the files' texts or kinds have wrong."""
    documents: list[Document] = []
    diagnostics: list[Diagnostic] = []
    for file in files:
        diagnostics.extend(file.yaml.diagnostics)
        for node in file.yaml.documents:
            found = recognise(node, sought=file.sought, has_variables=file.has_variables)
            if isinstance(found, Document):
                documents.append(found)
            else:
                diagnostics.append(found)
    return documents, diagnostics


def assemble(
    base: Sequence[Document],
    overlays: Sequence[Document],
    given: GivenVariables,
    *,
    environment: str | None,
    is_complete: bool = True,
) -> tuple[Manifests | None, list[Diagnostic]]:
    """What is sound of the manifests, all of them without an error; None without a sound Platform.

    Diagnostics are in no particular order. `is_complete`: every file could be read and recognised; else the Platform
    may stand in one that was not.
    """
    documents, diagnostics = merge_overlays(base, overlays)
    platforms = [document for document in documents if document.kind == "Platform"]
    platform = platforms[0] if platforms else None
    variables, mistakes = gather(platform.node if platform else None, given.environment, given.files, given.assignments)
    # Without a Platform every variable would be undefined: that is one mistake, not many.
    diagnostics.extend(mistakes if platform else [])
    manifests: list[Manifest] = []
    unsound: set[str] = set()
    for document in documents:
        if document.has_variables and platform is None:
            continue
        manifest, mistakes = _finish(document, variables)
        diagnostics.extend(mistakes)
        if manifest is not None and not has_errors(mistakes):
            manifests.append(manifest)
        elif document.name is not None:
            unsound.add(document.name)
    diagnostics.extend(_unused(variables, given.assignments))
    diagnostics.extend(_twice(documents))
    if not platforms and is_complete:
        where = Position(documents[0].node.position.file, 1, 1) if documents else None
        diagnostics.append(
            error("no-platform", "no Platform is declared", where, expected="one document with kind: Platform")
        )
    found = next((manifest for manifest in manifests if isinstance(manifest, PlatformManifest)), None)
    if found is None:
        return None, diagnostics
    declared = [one for one in manifests if isinstance(one, AppManifest)]
    forks = [one for one in manifests if isinstance(one, ForkManifest)]
    twice = _same_name([*declared, *forks])
    diagnostics.extend(one for one in twice if one not in diagnostics)
    if twice:
        # Which of the two is meant nobody knows, nor what is a mistake in it.
        return None, diagnostics
    derived, mistakes = derive_forks(declared, forks, broken=unsound)
    diagnostics.extend(mistakes)
    apps = sorted([*declared, *derived], key=lambda app: app.name)
    return Manifests(platform=found, apps=tuple(apps), environment=environment), diagnostics


def _finish(document: Document, variables: Variables) -> tuple[Manifest | None, list[Diagnostic]]:
    if not document.has_variables:
        return validate(document)
    done = substitute(document.node, variables)
    manifest, mistakes = validate(
        Document(kind=document.kind, name=document.name, node=done.node, has_variables=document.has_variables)
    )
    # What an unresolved variable leaves behind does not fit its field either: one mistake, told once.
    return manifest, done.diagnostics + [one for one in mistakes if one.position not in done.unresolved]


def _twice(documents: Sequence[Document]) -> list[Diagnostic]:
    """Apps and forks declared twice, by the name as it is written; and every Platform after the first."""
    diagnostics: list[Diagnostic] = []
    first: dict[tuple[str, str | None], Position] = {}
    for document in documents:
        position = position_of(document.node, "metadata", "name")
        # Whatever they are called, there is one Platform.
        # An app and a fork are both apps in the end.
        key = ("Platform", "") if document.kind == "Platform" else ("App", document.name)
        if document.kind != "Platform" and document.name is None:
            continue
        if key not in first:
            first[key] = position
        elif document.kind == "Platform":
            diagnostics.append(
                error(
                    "duplicate-platform", "a second Platform", position, expected="one", detail=f"first at {first[key]}"
                )
            )
        else:
            diagnostics.append(_duplicate_app(str(document.name), position, first[key]))
    return diagnostics


def _same_name(apps: Sequence[AppManifest | ForkManifest]) -> list[Diagnostic]:
    """Apps that only variables gave the same name."""
    ordered = sorted(apps, key=lambda app: app.name)
    return [
        _duplicate_app(two.name, two.position(), one.position())
        for one, two in pairwise(ordered)
        if one.name == two.name
    ]


def _duplicate_app(name: str, position: Position, first: Position) -> Diagnostic:
    summary = f"the app {name!r} is declared twice"
    return error("duplicate-app", summary, position, expected="each app once", detail=f"first at {first}")


def _unused(variables: Variables, assignments: Sequence[str]) -> list[Diagnostic]:
    given = {assignment.partition("=")[0] for assignment in assignments}
    return [
        warning("unused-variable", f"no manifest uses the variable {name!r}, given by --var")
        for name in sorted(given & set(variables.declared) - variables.used)
    ]
