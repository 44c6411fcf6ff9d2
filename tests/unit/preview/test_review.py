"""The one model behind every format: grouped, counted, priced and explained."""

from __future__ import annotations

from dataclasses import replace

from declarative_paas.catalog.load import packaged
from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.diagnostic import error, note, warning
from declarative_paas.core.plan import Action, Change, FieldChange, Plan, Risk, RiskKind
from declarative_paas.core.price import AppPrice
from declarative_paas.preview.model import Origin
from declarative_paas.preview.review import Known, review, review_failure

at = ResourceAddress.parse


def change(address: str, action: Action = Action.UPDATE, **more) -> Change:
    given = {"before": None if action is Action.CREATE else {}, "after": None if action is Action.DELETE else {}}
    return Change(address=at(address), action=action, **{"region": "us", "instance": "i", **given, **more})


def plan(*changes: Change, **more) -> Plan:
    return Plan(
        scope=Scope("acme", more.pop("environment", "default")),
        lineage="l",
        serial=1,
        tool_version="1",
        catalog_digest="c",
        changes=changes,
        **more,
    )


def processes(size: str = "standard-1x", **quantities: int) -> dict:
    return {
        "processes": {
            name: {"command": "run", "size": size, "quantity": count, "health": None}
            for name, count in quantities.items()
        }
    }


LOSS = Risk(RiskKind.DATA_LOSS, "the data of addon.zebra/DB is destroyed")


def test_apps_stand_by_risk_then_by_name():
    made = review(
        plan(
            change("config.beta"),
            change("config.alpha"),
            change("addon.zebra/DB", Action.DELETE, risks=(LOSS,)),
            change("app.yak", risks=(Risk(RiskKind.DOWNTIME, "off"),)),
        )
    )
    assert [app.name for app in made.apps] == ["zebra", "yak", "alpha", "beta"]
    assert [risk.kind for risk in made.risks] == [RiskKind.DATA_LOSS, RiskKind.DOWNTIME]


def test_every_risk_has_a_reason_and_a_way_to_avoid_it():
    changes = [
        change("addon.a/DB", Action.DELETE, risks=(LOSS,)),
        change(
            "addon.b/DB",
            Action.REPLACE,
            fields=(FieldChange(path="version", before="17", after="18", forces_replacement=True),),
            risks=(replace(LOSS, detail="the data of addon.b/DB is destroyed"),),
        ),
        change("app.c", Action.REPLACE, prior_region="eu", risks=(Risk(RiskKind.REGION_MOVE, "region eu -> us"),)),
        change("app.d", Action.REPLACE, prior_region="eu", risks=(Risk(RiskKind.JURISDICTION_MOVE, "EU -> US"),)),
        change("app.e", risks=(Risk(RiskKind.DOWNTIME, "maintenance mode answers every request with 503"),)),
        change("formation.f", risks=(Risk(RiskKind.DOWNTIME, "no web dyno remains: requests get H14"),)),
        change("formation.g", risks=(Risk(RiskKind.RESTART, "web.1 restarts"),)),
        change("domain.h/x", Action.CREATE, risks=(Risk(RiskKind.EXPOSURE, "x answers"),)),
    ]
    ways = {risk.app: risk.avoid for risk in review(plan(*changes)).risks}
    assert ways["a"] == "declare addon.a/DB again to keep it, or back its data up first"
    assert ways["b"] == 'keep version "17"'
    assert ways["c"] == ways["d"].replace(" d ", " c ") == "leave c in region eu"
    assert ways["e"] == "leave maintenance off"
    assert ways["f"] == "keep at least one web dyno"
    assert "requests are served" in ways["g"]
    assert ways["h"] == "leave domain.h/x out until it may be reached from outside"


def test_what_was_agreed_to_is_shown_as_confirmed():
    deletion = change("addon.zebra/DB", Action.DELETE, risks=(LOSS,))
    [risk] = review(plan(deletion, confirmed=(at("addon.zebra/DB"),))).risks
    assert risk.confirmed
    assert review(plan(deletion, confirmed=(at("addon.zebra/DB"),))).banners == (
        "DATA LOSS: the data of addon.zebra/DB is destroyed, confirmed",
    )
    assert not review(plan(deletion)).risks[0].confirmed


def test_restarts_are_counted_by_dyno_and_told_as_rolling_or_not():
    rolled = change(
        "formation.shop",
        before=processes(web=2, worker=1),
        after=processes(web=2, worker=1),
        fields=(FieldChange(path="release", before=1, after=2),),
    )
    stopped = change("formation.old", Action.DELETE, before=processes(web=3))
    scaled = change(
        "formation.calm",
        before=processes(web=1),
        after=processes(web=2),
        fields=(FieldChange(path="processes.web.quantity", before=1, after=2),),
    )
    shrunk = change(
        "formation.small",
        before=processes(web=3),
        after=processes(web=1),
        fields=(FieldChange(path="processes.web.quantity", before=3, after=1),),
    )
    made = review(plan(rolled, stopped, scaled, shrunk))
    assert [(one.app, one.dynos, one.rolling) for one in made.restarts] == [
        ("old", ("web.1", "web.2", "web.3"), False),
        ("small", ("web.2", "web.3"), False),
        ("shop", ("web.1", "web.2", "worker.1"), True),
    ]
    assert made.restarts[0].sentence == "3 dynos stop"
    assert made.restarts[2].sentence == "3 dynos restart, one release beside the other"


def test_costs_are_told_as_change_total_and_percent_for_each_app_and_for_the_environment():
    grown = change("addon.shop/DB", price_before_cents=5_000, price_after_cents=20_000)
    gone = change("addon.old/DB", Action.DELETE, price_before_cents=1_500, price_after_cents=0)
    unknown = change("addon.new/DB", Action.CREATE, price_after_cents=None)
    made = review(
        plan(
            *(grown, gone, unknown),
            price_before_cents=10_000,
            price_after_cents=23_500,
            unpriced=1,
            app_prices={
                "shop": AppPrice(before_cents=8_500, after_cents=23_500),
                "old": AppPrice(before_cents=1_500),
                "new": AppPrice(unpriced=1),
            },
        )
    )
    costs = {app.name: app.cost for app in made.apps}
    assert (costs["shop"].delta_cents, costs["shop"].after_cents, costs["shop"].percent) == (15_000, 23_500, 176)
    assert (costs["old"].delta_cents, costs["old"].after_cents, costs["old"].percent) == (-1_500, 0, -100)
    assert (costs["new"].unpriced, costs["new"].percent) == (1, None)
    assert (made.total.delta_cents, made.total.after_cents, made.total.percent, made.total.unpriced) == (
        13_500,
        23_500,
        135,
        1,
    )
    before_prices_were_saved = review(plan(grown)).apps[0].cost
    assert (before_prices_were_saved.delta_cents, before_prices_were_saved.after_cents) == (15_000, None)


def test_limits_that_a_plan_comes_near_are_told():
    catalog = packaged()
    size = next(size for size in catalog.sizes.values() if size.max_per_type not in (None, 1))
    most = size.max_per_type or 0
    full = change("formation.full", before=processes(size.name, web=1), after=processes(size.name, web=most))
    roomy = change("formation.roomy", before=processes(web=1), after=processes(web=2))
    crowd = change("formation.crowd", before=processes(web=1), after=processes(web=catalog.dynos_per_app))
    made = review(plan(full, roomy, crowd), Known(catalog=catalog))
    assert {(limit.app, limit.reached) for limit in made.limits} == {("full", True), ("crowd", True)}
    assert f"web of full has {most} of at most {most} dynos of size {size.name}" in [
        one.sentence for one in made.limits
    ]
    assert review(plan(full)).limits == ()


def test_a_database_with_few_connections_for_many_dynos_is_told():
    catalog = packaged()
    small = min((one for one in catalog.plans() if one.connection_limit), key=lambda one: one.connection_limit or 0)
    database = change("addon.shop/DB", Action.CREATE, after={"service": small.service, "plan": small.name})
    formation = change("formation.shop", Action.CREATE, after=processes(web=10))
    [limit] = review(plan(database, formation), Known(catalog=catalog)).limits
    share = (small.connection_limit or 0) // 10
    assert limit.sentence == f"{small} allows {small.connection_limit} connections: {share} for each of 10 dynos"


def test_only_a_whole_plan_without_errors_can_be_applied():
    one = change("config.shop")
    assert review(plan(one)).may_be_applied
    assert not review(plan(one, targets=("app.shop",))).may_be_applied
    assert not review(plan(one), Known(diagnostics=[error("bad", "no")])).may_be_applied
    assert not review(plan()).may_be_applied
    assert review(plan(one), Known(diagnostics=[warning("odd", "hm")])).may_be_applied


def test_a_region_that_could_not_be_read_is_told_where_it_is_said_that_the_plan_can_be_applied():
    unread = warning("region-unreachable", "region eu cannot be reached: its 2 resources are left as before")
    made = review(plan(change("app.shop")), Known(diagnostics=[unread]))
    assert made.may_be_applied
    assert made.standing == (
        "It can be applied, but is not all there is to do: "
        "region eu cannot be reached: its 2 resources are left as before."
    )


def test_the_next_commands_are_exact():
    one = change("config.shop")
    assert review(plan(one)).next_commands == ("dpaas plan --out plan.json", "dpaas apply plan.json")
    saved = review(plan(one, environment="production"), Known(origin=Origin(plan_file="p.json")))
    assert saved.next_commands == ("dpaas apply --env production p.json",)
    refused = error("unconfirmed-data-loss", "no", address="addon.shop/DB")
    assert review(plan(one), Known(diagnostics=[refused])).next_commands == (
        "dpaas plan --confirm addon.shop/DB --out plan.json",
        "dpaas apply plan.json",
    )
    assert review(plan(one, destroy=True)).next_commands == ("dpaas destroy",)
    assert review(plan()).next_commands == ()


def test_diagnostics_stand_worst_first():
    found = [note("n", "n"), warning("w", "w"), error("e", "e")]
    assert [item.code for item in review(plan(), Known(diagnostics=found)).diagnostics] == ["e", "w", "n"]


def test_what_cannot_be_planned_is_a_preview_of_its_errors():
    made = review_failure([error("bad", "no")], None)
    assert made.failed
    assert made.verdict_text == "No plan: 1 error."
    assert made.next_commands == ("dpaas validate",)


def test_a_leftover_of_the_same_address_has_a_key_of_its_own():
    made = review(plan(change("addon.shop/DB", Action.DELETE, instance="old"), change("addon.shop/DB", instance="new")))
    assert {(one.key, one.action) for one in made.changes} == {
        ("addon.shop/DB", Action.UPDATE),
        ("addon.shop/DB#old", Action.DELETE),
    }
    assert {node.id for node in made.graph.nodes} == {one.key for one in made.changes}


def test_the_digest_is_the_real_plan_s():
    one = plan(change("config.shop", after={"vars": {"TOKEN": "ghp_" + "aB3d" * 9}}))
    assert review(one).digest == one.digest()
