"""What an apply made and never recorded, and nobody wants any more: taken away before what it stands on."""

from __future__ import annotations

from dataclasses import replace

from plan_case import app_with_parts, applied, at, healthy, plan_and_diagnostics, plan_of, want

from declarative_paas.core.plan import Operation, Plan
from declarative_paas.core.provider import Present
from declarative_paas.core.state import Intent

APP, ADDON, *_ = app_with_parts()


def trace(address: str, instance: str = "x", region: str = "us") -> Intent:
    return Intent(
        step_id=f"create:{address}#{instance}",
        operation=Operation.CREATE,
        address=at(address),
        instance=instance,
        region=region,
    )


def waits(plan: Plan, address: str) -> set[str]:
    """What the removal of an address waits for."""
    (step,) = [step for step in plan.steps if step.address == at(address) and step.operation is Operation.DELETE]
    by_id = {other.id: str(other.address) for other in plan.steps}
    return {by_id[name] for name in step.after}


def test_an_add_on_that_was_never_recorded_goes_before_its_app():
    records = applied([APP])
    made = Present(remote_id="r", attributes={"service": "postgres"}, outputs={"id": "x"})
    readings = {**healthy(*records), (at("addon.shop/DB"), "x"): made}
    plan = plan_of(
        [want("app.blog")], records, readings, intents=[trace("addon.shop/DB")], confirmed=[at("addon.shop/DB")]
    )
    assert waits(plan, "app.shop") == {"addon.shop/DB"}


def test_a_link_that_was_never_recorded_is_closed_before_the_apps_of_its_regions_go():
    records = applied([APP, want("app.else", region="ap"), want("app.blog", region="eu")])
    made = Present(remote_id="x", attributes={"from": "eu", "to": "us"}, outputs={"id": "x"})
    readings = {**healthy(*records), (at("link.eu-us"), "x"): made}
    intents = [trace("link.eu-us", region="transfers")]
    plan = plan_of([want("app.other")], records, readings, intents=intents)
    assert {name: waits(plan, f"app.{name}") for name in ("shop", "blog", "else")} == {
        "shop": {"link.eu-us"},
        "blog": {"link.eu-us"},
        "else": set(),
    }


def _beside(operation: Operation) -> tuple[list[str], list[str]]:
    """The errors, and the risks, of a plan that takes away what stands unrecorded beside the add-on in use."""
    records = applied([APP, ADDON])
    made = Present(remote_id="r", attributes={"service": "postgres"}, outputs={"id": "new"})
    readings = {**healthy(*records), (ADDON.address, "new"): made}
    intent = replace(trace(str(ADDON.address), "new", region="eu"), operation=operation)
    plan, diagnostics = plan_and_diagnostics([APP, ADDON], records, readings, intents=[intent])
    (change,) = [change for change in plan.changes if change.instance == "new"]
    return [one.code for one in diagnostics if one.is_error], [risk.kind.value for risk in change.risks]


def test_what_was_begun_beside_an_add_on_in_use_and_never_used_goes_without_a_word():
    assert _beside(Operation.CREATE) == ([], [])


def test_what_was_begun_to_be_renamed_is_never_taken_for_unused():
    assert _beside(Operation.RENAME) == (["unconfirmed-data-loss"], ["data loss"])
