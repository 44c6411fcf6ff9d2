"""A plan in which every text that somebody else writes is an injection."""

from __future__ import annotations

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.diagnostic import Diagnostic, Position, error, note, warning
from declarative_paas.core.fork_review import DataFate, ForkedAddon, ForkReview
from declarative_paas.core.plan import Action, Change, Drift, FieldChange, Plan, Risk, RiskKind
from declarative_paas.preview.model import Preview
from declarative_paas.preview.review import Known, review


def hostile_plan(text: str) -> Plan:
    """In every name, value, sentence and file name of every kind of change."""
    actions = list(Action)
    changes = tuple(
        Change(
            address=ResourceAddress("config" if number % 2 else "addon", text, f"{text}{number}"),
            action=action,
            region=text,
            prior_region=f"{text}x",
            instance=text,
            before=None if action is Action.CREATE else {"vars": {text: text}},
            after=None
            if action in (Action.DELETE, Action.FORGET)
            else {"vars": {text: text}, "service": text, "plan": text},
            fields=(FieldChange(path=text, before=text, after=f"{text}y", forces_replacement=True),),
            causes=(text, f"{text} changes"),
            risks=tuple(Risk(kind, text) for kind in RiskKind),
            dependencies=(ResourceAddress("app", text),),
            position=Position(text, 1, 1),
            moved_from=ResourceAddress("app", f"{text}z"),
            declared_in=text,
            price_after_cents=100,
        )
        for number, action in enumerate(actions)
    )
    return Plan(
        scope=Scope(text, text, text),
        lineage=text,
        serial=1,
        tool_version=text,
        catalog_digest=text,
        changes=changes,
        drift=(
            Drift(
                address=ResourceAddress("config", text),
                summary=text,
                fields=(FieldChange(path=text, before=text, after=None),),
            ),
        ),
        targets=(text,),
        excludes=(text,),
        price_after_cents=100,
        forks=(hostile_fork(text),),
    )


def hostile_fork(text: str) -> ForkReview:
    """One whose every part is the text."""
    return ForkReview(
        fork=text,
        source=text,
        from_region=text,
        to_region=f"{text}2",
        from_jurisdiction=text,
        to_jurisdiction=None,
        addons=tuple(
            ForkedAddon(alias=text, plan=text, fate=fate, size_bytes=size, seconds=seconds, remark=text)
            for fate in DataFate
            for size, seconds in ((None, None), (3 * 2**30, 7200.0))
        ),
        slug=text,
        common=(text, text),
        left_behind=(text,),
        price_cents=-100,
    )


def hostile_diagnostics(text: str) -> list[Diagnostic]:
    """Every part of every severity."""
    return [
        make("code", text, Position(text, 2, 2), expected=text, suggestion=text, detail=f"{text}\n{text}", address=text)
        for make in (error, warning, note)
    ]


def hostile_preview(text: str) -> Preview:
    """Of both."""
    return review(hostile_plan(text), Known(diagnostics=hostile_diagnostics(text)))
