"""An app as far as another tool described it, and the manifest text that it makes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from declarative_paas.core.diagnostic import Diagnostic
from declarative_paas.manifest.formats import APP_NAME
from declarative_paas.manifest.importing.yaml_writer import comment, scalar

FALLBACK_NAME = "my-app"


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftConfig:
    """One config key. Without `value` and `yaml` it is written as a comment, to be filled in."""

    key: str
    value: str | None = None
    yaml: str | None = None
    """A value that is no text, such as `{generate: 64}`."""
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftProcess:
    """One process type."""

    type: str
    command: str | None = None
    size: str | None = None
    quantity: int | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftAddon:
    """One add-on. `is_known` false: nothing here can provide it, so it is written as a comment."""

    plan: str
    alias: str
    is_known: bool
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What is known of an app. `remarks` say what was not carried over, and why."""

    origin: str
    name: str | None = None
    dockerfile: str | None = None
    args: Mapping[str, str] = field(default_factory=dict[str, str])
    about: str | None = None
    release: str | None = None
    config: tuple[DraftConfig, ...] = ()
    formation: tuple[DraftProcess, ...] = ()
    addons: tuple[DraftAddon, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """A draft, or None with the errors that say why; warnings come with a draft."""

    draft: Draft | None
    diagnostics: tuple[Diagnostic, ...] = field(default=())


def app_name(text: str | None) -> str:
    """A valid app name that is like `text`, or `my-app`."""
    return APP_NAME.repaired(text or "") or FALLBACK_NAME


def combine(drafts: Sequence[Draft]) -> Draft:
    """One draft of several descriptions of the same app; what an earlier one says of a thing wins.

    A process type's command and its size may come from two of them (Procfile and app.json).
    """
    first, *others = drafts
    for other in others:
        first = replace(
            first,
            origin=f"{first.origin}, {other.origin}",
            name=first.name or other.name,
            dockerfile=first.dockerfile or other.dockerfile,
            args=first.args if first.dockerfile else other.args,
            about=first.about or other.about,
            release=first.release or other.release,
            config=_united(first.config, other.config),
            formation=_united_formation(first.formation, other.formation),
            addons=first.addons
            + tuple(one for one in other.addons if one.alias not in {a.alias for a in first.addons}),
            remarks=first.remarks + other.remarks,
        )
    return first


def _united(first: tuple[DraftConfig, ...], other: tuple[DraftConfig, ...]) -> tuple[DraftConfig, ...]:
    keys = {one.key for one in first}
    return first + tuple(one for one in other if one.key not in keys)


def _united_formation(first: tuple[DraftProcess, ...], other: tuple[DraftProcess, ...]) -> tuple[DraftProcess, ...]:
    by_type = {process.type: process for process in first}
    for process in other:
        known = by_type.get(process.type)
        by_type[process.type] = (
            process
            if known is None
            else DraftProcess(
                type=known.type,
                command=known.command or process.command,
                size=known.size or process.size,
                quantity=process.quantity if known.quantity is None else known.quantity,
                note=known.note or process.note,
            )
        )
    return tuple(by_type.values())


def render(draft: Draft, *, name: str | None = None, region: str = "us", source: str = ".") -> str:
    """The App manifest's text: one document, to be read and finished by a person. Valid as it stands."""
    lines = [f"# Made from {draft.origin}."]
    lines += comment(draft.about) if draft.about else []
    if draft.remarks:
        lines += ["#", "# Not carried over:"]
        lines += [line for remark in draft.remarks for line in comment(f"- {remark}")]
    lines += [
        "apiVersion: paas/v1",
        "kind: App",
        "metadata:",
        f"  name: {scalar(app_name(name or draft.name))}",
        "spec:",
        f"  region: {scalar(region)}",
        "  source:",
        f"    path: {scalar(source)}",
        *([f"    dockerfile: {scalar(draft.dockerfile)}"] if draft.dockerfile else []),
        *(["    args:"] if draft.dockerfile and draft.args else []),
        *(f"      {name}: {scalar(value)}" for name, value in draft.args.items() if draft.dockerfile),
    ]
    if draft.release:
        lines += [
            "  # Runs once before new dynos start; when it fails the old release goes on.",
            f"  release: {scalar(draft.release)}",
        ]
    lines += _section("config", [line for one in draft.config for line in _config(one)])
    lines += _section("formation", [line for one in draft.formation for line in _process(one)])
    lines += _section("addons", [line for one in draft.addons for line in _addon(one)])
    return "\n".join(lines) + "\n"


def _section(key: str, body: list[str]) -> list[str]:
    if not body:
        return []
    # A key with nothing but comments below would be a null: unset, but it reads like a mistake.
    is_live = any(not line.lstrip().startswith("#") for line in body)
    return [f"  {key}:" if is_live else f"  # {key}:", *body]


def _config(one: DraftConfig) -> Iterator[str]:
    if one.note:
        yield from comment(one.note, 4)
    if one.yaml is not None:
        yield f"    {one.key}: {one.yaml}"
    elif one.value is not None:
        yield f"    {one.key}: {scalar(one.value)}"
    else:
        yield f"    # {one.key}:"


def _process(one: DraftProcess) -> Iterator[str]:
    if one.note:
        yield from comment(one.note, 4)
    fields = [
        *([f"      command: {scalar(one.command)}"] if one.command else []),
        *([f"      size: {scalar(one.size)}"] if one.size else []),
        *([f"      quantity: {one.quantity}"] if one.quantity is not None else []),
    ]
    yield f"    {one.type}:" if fields else f"    {one.type}: {{}}"
    yield from fields


def _addon(one: DraftAddon) -> Iterator[str]:
    if one.note:
        yield from comment(one.note, 4)
    mark = "" if one.is_known else "# "
    yield f"    {mark}- plan: {scalar(one.plan)}"
    yield f"    {mark}  as: {one.alias}"
