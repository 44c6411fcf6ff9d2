"""Plans of every shape, also such as no planner makes: a preview must tell any of them safely."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.diagnostic import Position
from declarative_paas.core.plan import Action, Change, Drift, FieldChange, Plan, Risk, RiskKind
from declarative_paas.core.resource_type import RESOURCE_TYPES
from declarative_paas.core.values import UNKNOWN, Reference, SecretRef, Sensitive

MARKER = "hunter2-in-clear"
"""A secret's value: wherever it turns up, something leaked."""

HOSTILE = "\x1b[2J\x07\r\n\u202e\u2066\u0000\ud800\\\"'<&>`|#;end"
"""Clears a screen, rings, breaks lines, turns text around, and ends every kind of quoting."""

names = st.text("abcdefgh", min_size=1, max_size=6)
texts = st.one_of(st.text(max_size=30), st.just(HOSTILE), st.text("ab", min_size=80, max_size=200))
kinds = st.sampled_from([*RESOURCE_TYPES, "certificate"])
addresses = st.builds(
    ResourceAddress, kinds, names, st.one_of(st.just(""), names, st.just("www.example.com"), st.just(HOSTILE))
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    texts,
    st.just(UNKNOWN),
    st.builds(Reference, addresses, st.sampled_from(["id", "url", "version"])),
    st.builds(SecretRef, st.one_of(names, st.just(HOSTILE)), st.integers(0, 9), st.sampled_from(["d1", "d2"])),
)
sensitive = st.just(Sensitive(MARKER))


def values(leaf: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(st.one_of(names, st.just(HOSTILE)), inner, max_size=3)
        ),
        max_leaves=3,
    )


_ATTRIBUTES = ["service", "plan", "version", "vars", "processes", "release", "addon", "command", "size", "protect"]


def attributes(leaf: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    process = st.fixed_dictionaries({"command": leaf, "size": leaf, "quantity": st.integers(0, 50), "health": leaf})
    return st.dictionaries(
        st.sampled_from(_ATTRIBUTES), st.one_of(values(leaf), st.dictionaries(names, process, max_size=2)), max_size=3
    )


def fields(leaf: st.SearchStrategy[Any]) -> st.SearchStrategy[FieldChange]:
    paths = st.one_of(st.sampled_from(["vars.LOG", "processes.web", "processes.web.size", "release", "version"]), texts)
    return st.builds(FieldChange, path=paths, before=values(leaf), after=values(leaf), forces_replacement=st.booleans())


@st.composite
def changes(draw: Callable[..., Any], address: ResourceAddress, leaf: st.SearchStrategy[Any]) -> Change:
    action = draw(st.sampled_from(Action))
    given = attributes(leaf)
    prices = st.one_of(st.none(), st.integers(0, 100_000))
    return Change(
        address=address,
        action=action,
        region=draw(st.sampled_from(["us", "eu", HOSTILE])),
        instance=draw(names),
        before=None if action is Action.CREATE else draw(given),
        after=None if action in (Action.DELETE, Action.FORGET) else draw(given),
        fields=tuple(draw(st.lists(fields(leaf), max_size=3))),
        causes=tuple(draw(st.lists(st.one_of(st.sampled_from(["app.shop changes", "destroy"]), texts), max_size=3))),
        risks=tuple(draw(st.lists(st.builds(Risk, st.sampled_from(RiskKind), texts), max_size=2))),
        dependencies=tuple(draw(st.lists(addresses, max_size=2))),
        prior_instance=draw(st.one_of(st.none(), names)),
        prior_region=draw(st.sampled_from([None, "us", "eu"])),
        price_before_cents=draw(prices),
        price_after_cents=draw(prices),
        position=draw(st.one_of(st.none(), st.builds(Position, texts, st.integers(1, 999), st.just(1)))),
    )


@st.composite
def plans(draw: Callable[..., Any], leaf: st.SearchStrategy[Any] = scalars) -> Plan:
    chosen = draw(st.lists(addresses, unique=True, max_size=4))
    return Plan(
        scope=Scope("acme"),
        lineage="line",
        serial=1,
        tool_version="test",
        catalog_digest="",
        changes=tuple(draw(changes(address, leaf)) for address in chosen),
        drift=tuple(
            draw(
                st.lists(
                    st.builds(
                        Drift,
                        address=addresses,
                        summary=texts,
                        fields=st.lists(fields(leaf), max_size=2).map(tuple),
                    ),
                    max_size=2,
                    unique_by=lambda drift: drift.address,
                )
            )
        ),
        unchanged=draw(st.integers(0, 9)),
        settles=tuple(draw(st.lists(names, max_size=1))),
        confirmed=tuple(chosen[:1]),
        targets=tuple(draw(st.lists(texts, max_size=1))),
        destroy=draw(st.booleans()),
        price_before_cents=draw(st.integers(0, 100_000)),
        price_after_cents=draw(st.integers(0, 100_000)),
        unpriced=draw(st.integers(0, 3)),
    )
