"""What holds of the preview of any plan whatever."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from preview_case import MARKER, plans, scalars, sensitive, values

from declarative_paas.core.plan import Action, plan_from_json, plan_to_json
from declarative_paas.core.values import encode
from declarative_paas.preview.graph import graph_of_plan, render_graph
from declarative_paas.preview.json_view import plan_view
from declarative_paas.preview.signs import sign_of
from declarative_paas.preview.summary import banner_lines, verdict_line, verdict_of
from declarative_paas.preview.text import render_text
from declarative_paas.preview.values import printable, show, show_change

ANSI = re.compile(r"\x1b\[[0-9;]*m")
HEAD = re.compile(r"^(?:  ([+~x-])|(-/\+|\+/-)) \S")

few = settings(max_examples=30, deadline=None)


@few
@given(plans(), st.booleans(), st.sampled_from([None, 20, 80, 300]))
def test_every_change_is_in_the_text_with_its_sign(plan, verbose, width):
    lines = render_text(plan, colour=False, width=width, verbose=verbose).splitlines()
    for change in plan.changes:
        head = f"{sign_of(change):>3} {printable(str(change.address))}"
        assert any(line == head or line.startswith(f"{head}  ") for line in lines)


@few
@given(plans())
def test_the_counts_of_the_verdict_are_those_of_the_lines_below(plan):
    text = render_text(plan, colour=False)
    signs = Counter(found[1] or found[2] for line in text.splitlines() if (found := HEAD.match(line)))
    assert signs == Counter(sign_of(change) for change in plan.changes)
    told = {verb: int(number) for number, verb in re.findall(r"(\d+) to (\w+)", text.splitlines()[0])}
    expected = {action.value: plan.count(action) for action in Action if plan.count(action)}
    assert told == expected


@few
@given(plans(), st.data(), st.booleans())
def test_the_text_does_not_depend_on_the_order_of_the_changes(plan, data, verbose):
    shuffled = replace(
        plan,
        changes=tuple(data.draw(st.permutations(plan.changes))),
        drift=tuple(data.draw(st.permutations(plan.drift))),
    )
    assert render_text(shuffled, colour=True, verbose=verbose) == render_text(plan, colour=True, verbose=verbose)
    assert plan_view(shuffled)["banners"] == plan_view(plan)["banners"]
    assert shuffled.digest() == plan.digest()


@few
@given(plans(), st.booleans(), st.sampled_from([None, 20, 80, 300]))
def test_without_its_codes_the_coloured_text_is_the_plain_one(plan, verbose, width):
    coloured = render_text(plan, colour=True, width=width, verbose=verbose)
    assert ANSI.sub("", coloured) == render_text(plan, colour=False, width=width, verbose=verbose)


@few
@given(plans(), st.sampled_from([1, 20, 80, 300]))
def test_the_width_shortens_values_and_drops_no_line(plan, width):
    narrow, wide = (render_text(plan, colour=False, width=columns).splitlines() for columns in (width, 10_000))
    assert len(narrow) == len(wide)
    for short, long in zip(narrow, wide, strict=True):
        assert short.split()[:2] == long.split()[:2] or "…" in short


@few
@given(plans(), st.booleans())
def test_nothing_in_a_plan_steers_the_terminal(plan, verbose):
    text = render_text(plan, colour=False, verbose=verbose)
    assert all(line.isprintable() for line in text.split("\n"))
    assert all(line.isprintable() for line in banner_lines(plan))
    text.encode("utf-8")  # what could not be written to a file would raise here


@few
@given(plans(leaf=st.one_of(sensitive, scalars)), st.booleans())
def test_a_secret_s_value_is_in_no_rendering(plan, verbose):
    assert MARKER not in render_text(plan, colour=True, width=10_000, verbose=verbose)
    assert MARKER not in verdict_line(verdict_of(plan))
    for form in ("dot", "mermaid"):
        assert MARKER not in render_graph(graph_of_plan(plan), form)
    try:
        shown = json.dumps(plan_view(plan))
    except TypeError:
        return  # a Sensitive without a stored secret is refused, as promised
    assert MARKER not in shown


@few
@given(values(st.one_of(sensitive, scalars)), values(st.one_of(sensitive, scalars)))
def test_a_secret_s_value_is_never_shown_as_a_value(before, after):
    assert MARKER not in show(before, 10_000)
    assert MARKER not in show_change(before, after, 10_000)


@few
@given(values(sensitive))
def test_a_secret_without_a_reference_is_never_encoded(value):
    if "[secret]" in show(value, 10_000):
        with pytest.raises(TypeError):
            encode(value)


@few
@given(plans())
def test_a_plan_survives_its_json(plan):
    data = json.loads(json.dumps(plan_to_json(plan)))
    again = plan_from_json(data)
    assert plan_to_json(again) == data
    assert again.digest() == plan.digest()
    assert render_text(again, colour=False) == render_text(plan, colour=False)
