"""`dpaas fork`: the manifest of a fork, drafted from its source and what the command line says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from declarative_paas.core.diagnostic import Diagnostic, error, has_errors, nearest
from declarative_paas.manifest.app_models import AddonAttach
from declarative_paas.manifest.fork_models import DATA_MODES
from declarative_paas.manifest.formats import APP_NAME
from declarative_paas.manifest.manifests import AppManifest
from declarative_paas.workflow.project import Project


@dataclass(frozen=True, slots=True, kw_only=True)
class ForkWish:
    """What was asked for. `data` is `ALIAS=MODE` and `domains` `SOURCE=FORK`, as they were typed.

    `name` None is the source's name with the region's; `out` None a file beside the Platform's.
    """

    source: str
    region: str
    name: str | None = None
    data: Sequence[str] = ()
    domains: Sequence[str] = ()
    out: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ForkDraft:
    """A manifest that is not written yet."""

    name: str
    path: Path
    text: str


@dataclass(slots=True)
class _Reader:
    """Collects mistakes while the wish is read."""

    diagnostics: list[Diagnostic] = field(default_factory=list[Diagnostic])

    def refuse(self, code: str, summary: str, expected: str, suggestion: str | None = None) -> None:
        self.diagnostics.append(error(code, summary, expected=expected, suggestion=suggestion))

    def pairs(self, texts: Sequence[str], option: str, form: str) -> Iterator[tuple[str, str]]:
        for text in texts:
            key, equals, value = text.partition("=")
            if key and equals and value:
                yield key, value
            else:
                self.refuse("bad-option", f"{option} {text!r} says nothing", f"{option} {form}")


def draft_fork(project: Project, wish: ForkWish) -> tuple[ForkDraft | None, list[Diagnostic]]:
    """The fork's manifest, or everything that is wrong with the wish. Writes nothing.

    What holds data is copied unless the wish says otherwise; what the source itself only uses (another app's
    add-on, an external service's account) is never taken along without a word.
    """
    reader = _Reader()
    apps = {app.name: app for app in project.manifests.apps}
    source = apps.get(wish.source)
    if source is None:
        near = nearest(wish.source, apps)
        reader.refuse("unknown-app", f"there is no app {wish.source!r}", "the name of a declared App or Fork", near)
    regions = project.manifests.platform.spec.regions
    if wish.region not in regions:
        summary = f"the Platform declares no region {wish.region!r}"
        reader.refuse("unknown-region", summary, f"one of {', '.join(sorted(regions))}", nearest(wish.region, regions))
    name = wish.name or f"{wish.source}-{wish.region}"
    _check_name(reader, name, apps)
    path = wish.out or project.directory / f"{name}.dpaas.yaml"
    if path.exists():
        reader.refuse("file-exists", f"{path} is there already", "--out with another file, or --to with another name")
    if source is None:
        return None, reader.diagnostics
    data = _data(reader, project, source, wish)
    domains = _domains(reader, source, wish)
    if has_errors(reader.diagnostics):
        return None, reader.diagnostics
    text = _text(name, wish, data, domains)
    return ForkDraft(name=name, path=path, text=text), reader.diagnostics


def _check_name(reader: _Reader, name: str, apps: Mapping[str, AppManifest]) -> None:
    if name in apps:
        reader.refuse("name-taken", f"an app {name} is declared already", "--to with another name")
    elif not APP_NAME.matches(name):
        reader.refuse("bad-name", f"{name!r} is no app's name", f"--to with {APP_NAME.says}", APP_NAME.repaired(name))


def _data(reader: _Reader, project: Project, source: AppManifest, wish: ForkWish) -> dict[str, str]:
    """What becomes of each add-on, in the source's order."""
    addons = {addon.alias: addon for addon in source.spec.addons or ()}
    said: dict[str, str] = {}
    for alias, mode in reader.pairs(wish.data, "--data", "ALIAS=copy, empty, share or follow"):
        if alias not in addons:
            summary = f"{source.name} has no add-on {alias}"
            reader.refuse("unknown-in-source", summary, f"one of {', '.join(addons) or 'none'}", nearest(alias, addons))
        elif mode not in DATA_MODES:
            summary = f"--data {alias}={mode}: there is no such way"
            reader.refuse("invalid-choice", summary, f"one of {', '.join(DATA_MODES)}", nearest(mode, DATA_MODES))
        said[alias] = mode
    found: dict[str, str] = {}
    for alias, addon in addons.items():
        if isinstance(addon, AddonAttach):
            owner: str | None = f"{addon.attach}, another app's add-on"
        else:
            service = project.catalog.service(addon.plan.partition(":")[0])
            owner = f"the account of {addon.plan}" if service is not None and service.kind == "external" else None
        if alias in said:
            found[alias] = said[alias]
        elif owner is None:
            found[alias] = "copy"
        else:
            summary = f"{source.name} uses {owner}, as {alias}: whether its fork may is yours to say"
            reader.refuse("fork-data-unsaid", summary, f"--data {alias}=share, or a manifest written by hand")
    return found


def _domains(reader: _Reader, source: AppManifest, wish: ForkWish) -> dict[str, str]:
    known = [domain.lower() for domain in source.spec.domains or ()]
    found: dict[str, str] = {}
    for theirs, mine in reader.pairs(wish.domains, "--domain", "SOURCE=FORK, such as www.example.com=www.example.eu"):
        if theirs.lower() not in known:
            summary = f"{source.name} has no domain {theirs}"
            reader.refuse("unknown-domain", summary, f"one of {', '.join(known) or 'none'}", nearest(theirs, known))
        found[theirs] = mine
    return found


def _text(name: str, wish: ForkWish, data: Mapping[str, str], domains: Mapping[str, str]) -> str:
    lines = ["kind: Fork", f"metadata: {{name: {name}}}", "spec:", f"  from: {wish.source}", f"  region: {wish.region}"]
    for key, mapping in (("data", data), ("domains", domains)):
        if mapping:
            lines += [f"  {key}:", *(f"    {left}: {right}" for left, right in mapping.items())]
    return "\n".join(lines) + "\n"


def write_draft(draft: ForkDraft) -> None:
    """Makes the file; never overwrites one. Raises OSError."""
    with draft.path.open("x", encoding="utf-8") as file:
        file.write(draft.text)
