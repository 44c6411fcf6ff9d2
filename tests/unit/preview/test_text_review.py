"""The text for reviewers tells all that the other formats tell, and none of it steers a terminal."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from preview_case import plans

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.diagnostic import Position, error, warning
from declarative_paas.core.plan import Action, Change, Plan, Risk, RiskKind
from declarative_paas.core.price import AppPrice
from declarative_paas.preview.formats import Format, rendered
from declarative_paas.preview.model import Origin, Since
from declarative_paas.preview.review import Known, review, review_failure
from declarative_paas.preview.text_review import render_text_review

few = settings(max_examples=30, deadline=None)


def losing() -> Plan:
    address = ResourceAddress.parse("addon.shop/DB")
    risk = Risk(RiskKind.DATA_LOSS, f"the data of {address} is destroyed")
    gone = Change(address=address, action=Action.DELETE, region="us", instance="i", before={}, risks=(risk,))
    return Plan(
        scope=Scope("acme"),
        lineage="l",
        serial=3,
        tool_version="1.2.3",
        catalog_digest="c",
        changes=(gone,),
        price_before_cents=5_000,
        price_after_cents=2_500,
        app_prices={"shop": AppPrice(before_cents=5_000, after_cents=2_500, unpriced=1)},
        unpriced=1,
    )


def test_everything_that_the_other_formats_tell_stands_in_it() -> None:
    origin = Origin(base="b" * 12, head="h" * 12)
    told = [
        error("unconfirmed-data-loss", "delete destroys its data", expected="--confirm", address="addon.shop/DB"),
        warning("odd", "hm", Position("apps/a.yaml", 4, 2)),
    ]
    made = review(losing(), Known(diagnostics=told, origin=origin))
    text = render_text_review(replace(made, since=Since(name="old.json", lines=("- app.x: create, not any more",))))
    lines = text.splitlines()
    assert lines[:4] == [
        "Plan: 1 to delete. $25.00/mo (-$25.00, -50 %), 1 without a price. Highest risk: data loss.",
        "acme/default/main: It must not be applied: 1 error below.",
        "! DATA LOSS: the data of addon.shop/DB is destroyed",
        "    to avoid it: declare addon.shop/DB again to keep it, or back its data up first",
    ]
    assert "    addon.shop/DB: error: delete destroys its data [unconfirmed-data-loss]" in lines
    assert "    environment default  -$25.00     $25.00    -50 %                1" in lines
    assert "    shop                 -$25.00     $25.00    -50 %                1" in lines
    assert "    apps/a.yaml:4:2: warning: hm [odd]" in lines
    assert lines[lines.index("Since old.json:") + 1] == "    - app.x: create, not any more"
    assert "    dpaas plan --confirm addon.shop/DB --out plan.json" in lines
    assert lines[-1] == f"plan {losing().digest()} · state serial 3 · base {'b' * 12} · head {'h' * 12} · dpaas 1.2.3"


def test_what_cannot_be_planned_is_told_with_its_reasons() -> None:
    text = rendered(review_failure([error("bad", "no", Position("a.yaml", 1, 2), expected="yes")], None), Format.TEXT)
    assert text.startswith("No plan: 1 error.\n")
    assert "    a.yaml:1:2: error: no [bad]\n      expected: yes\n" in text


@few
@given(plans())
def test_nothing_in_a_plan_steers_the_terminal(plan: Plan) -> None:
    text = render_text_review(review(plan))
    assert all(character.isprintable() or character == "\n" for character in text)
