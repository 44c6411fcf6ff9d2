"""No value that looks like a secret gets into any format, and the reviewer is told of each."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from preview_case import plans

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.diagnostic import Position, Severity, error
from declarative_paas.core.plan import Action, Change, Drift, FieldChange, Plan, Risk, RiskKind, plan_from_json
from declarative_paas.core.resource import ResourceState
from declarative_paas.core.values import SecretRef
from declarative_paas.preview.formats import Format, rendered
from declarative_paas.preview.json_view import plan_view
from declarative_paas.preview.redaction import redacted, unmarked_secrets
from declarative_paas.preview.review import Known, review
from declarative_paas.preview.text import render_text

OLD = "ghp_" + "aB3d" * 9
NEW = "ghp_" + "Zy8x" * 9
CONFIG = ResourceAddress.parse("config.shop")


def plan(*changes: Change, **more) -> Plan:
    return Plan(
        scope=Scope("acme"), lineage="l", serial=1, tool_version="1", catalog_digest="c", changes=changes, **more
    )


LEAKING = plan(
    Change(
        address=CONFIG,
        action=Action.UPDATE,
        region="us",
        instance="i",
        before={"vars": {"TOKEN": OLD, "LOG_LEVEL": "info"}},
        after={"vars": {"TOKEN": NEW, "LOG_LEVEL": "info"}},
        fields=(FieldChange(path="vars.TOKEN", before=OLD, after=NEW),),
        causes=(f"the manifest changed TOKEN to {NEW}",),
        risks=(Risk(RiskKind.EXPOSURE, f"{OLD} was known"),),
        position=Position("dpaas.yaml", 7, 3),
    ),
    drift=(
        Drift(
            address=CONFIG, summary=f"TOKEN is {OLD}", fields=(FieldChange(path="vars.TOKEN", before=OLD, after=NEW),)
        ),
    ),
    refreshed=(
        ResourceState(address=CONFIG, instance="i", region="us", remote_id="r", attributes={"vars": {"TOKEN": OLD}}),
    ),
)


@pytest.mark.parametrize("form", list(Format))
def test_no_format_shows_a_value_that_looks_like_a_secret(form):
    mistake = error("bad", f"cannot use {NEW}", expected=f"not {OLD}", detail=f"line one\n{NEW}")
    text = rendered(review(LEAKING, Known(diagnostics=[mistake])), form)
    assert OLD not in text
    assert NEW not in text
    assert form is Format.GITLAB or "masked" in text


def test_a_masked_value_is_told_as_changed_or_same():
    shown = render_text(LEAKING, colour=False)
    assert 'TOKEN: "[masked: a GitHub token]" -> "[masked, changed]"' in shown


def test_each_unmarked_secret_is_a_warning_with_its_line_and_a_way_to_mark_it():
    [found] = unmarked_secrets(LEAKING)
    assert found.severity is Severity.WARNING
    assert found.code == "unmarked-secret"
    assert str(found.position) == "dpaas.yaml:7:3"
    assert found.summary == "TOKEN of shop looks like a GitHub token, but is no secret"
    assert found.expected == "`dpaas secrets set shop/token`, and TOKEN: {secret: shop/token} in the manifest"
    [placed] = unmarked_secrets(LEAKING, lambda _address, _path: Position("dpaas.yaml", 9, 12))
    assert str(placed.position) == "dpaas.yaml:9:12"


def test_a_preview_tells_of_an_unmarked_secret_once_whoever_found_it():
    alone = review(LEAKING)
    told = review(LEAKING, Known(diagnostics=unmarked_secrets(LEAKING)))
    assert [item.code for item in alone.diagnostics] == [item.code for item in told.diagnostics] == ["unmarked-secret"]


def test_what_is_removed_is_masked_but_no_warning():
    gone = plan(
        Change(address=CONFIG, action=Action.DELETE, region="us", instance="i", before={"vars": {"TOKEN": OLD}})
    )
    assert unmarked_secrets(gone) == []
    assert OLD not in render_text(gone, colour=False)


def test_a_plan_without_lookalikes_is_the_very_same_plan():
    quiet = plan(Change(address=CONFIG, action=Action.CREATE, region="us", instance="i", after={"vars": {"A": "info"}}))
    assert redacted(quiet).plan is quiet


def test_a_preview_with_masked_values_keeps_the_plan_s_digest_and_cannot_be_applied():
    view = json.loads(json.dumps(plan_view(LEAKING)))
    assert view["digest"] == LEAKING.digest()
    with pytest.raises(ValueError, match="checksum"):
        plan_from_json(view)


def test_a_preview_without_masked_values_reads_back_as_its_plan():
    quiet = replace(LEAKING, changes=(), drift=(), refreshed=())
    assert plan_from_json(json.loads(json.dumps(plan_view(quiet)))).digest() == quiet.digest()


def test_declared_secrets_are_no_lookalikes():
    marked = plan(
        Change(
            address=CONFIG,
            action=Action.CREATE,
            region="us",
            instance="i",
            after={"vars": {"TOKEN": SecretRef("shop/token", 1, "0123456789abcdef")}},
        )
    )
    assert unmarked_secrets(marked) == []


@settings(max_examples=60, deadline=None)
@given(plans())
def test_masking_any_plan_loses_none_of_its_structure(given_plan):
    shown = redacted(given_plan).plan
    assert [change.address for change in shown.changes] == [change.address for change in given_plan.changes]
    assert [len(change.fields) for change in shown.changes] == [len(change.fields) for change in given_plan.changes]
    assert redacted(shown).found == () or shown == given_plan
