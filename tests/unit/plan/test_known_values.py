"""A reference to another app: its value where it is known already, "known after apply" only where it is not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from plan_case import actions, app_with_parts, applied, at, plan_of, ref, want

from declarative_paas.core.provider import Absent, Unreachable


def referring(attribute="url", address="app.api"):
    """`shop`, whose config takes a value of `api`."""
    return [*app_with_parts("api"), *shop(attribute, address)]


def shop(attribute="url", address="app.api"):
    return app_with_parts("shop", config={"API": ref(address, attribute)})


def taken(plan):
    [change] = [item for item in plan.changes if item.address == at("config.shop")]
    return change.after["vars"]["API"]


def changed(parts, address, **attributes):
    return [
        replace(part, attributes={**part.attributes, **attributes}) if str(part.address) == address else part
        for part in parts
    ]


def test_of_an_app_that_exists_every_value_is_known():
    records = applied(app_with_parts("api"))
    assert taken(plan_of(referring(), records)) == "http://shop"
    assert taken(plan_of(referring("version", "release.api"), records)) == 1


def test_of_an_app_that_is_made_in_the_same_plan_only_what_it_is_made_of_is_known():
    assert taken(plan_of(referring())) == ref("app.api", "url")
    assert taken(plan_of(referring("name"))) == "api"


def test_of_an_app_that_is_replaced_nothing_old_is_taken_for_new():
    records = applied(app_with_parts("api"))
    plan = plan_of(referring(), records, replaces=[at("app.api")], confirmed=[at("addon.api/DB")])
    assert taken(plan) == ref("app.api", "url")
    assert taken(plan_of(referring("name"), records, replaces=[at("app.api")])) == "api"


def test_an_update_leaves_what_is_stable_known_and_only_the_rest_unknown():
    records = applied(app_with_parts("api"))
    parts = changed(referring(), "app.api", maintenance=True)
    assert taken(plan_of(parts, records)) == "http://shop"
    parts = changed(referring("version", "release.api"), "release.api", command="migrate")
    assert taken(plan_of(parts, records)) == ref("release.api", "version")


def test_a_renamed_app_has_another_url():
    parts = changed(referring(), "app.api", name="api-2")
    assert taken(plan_of(parts, applied(app_with_parts("api")))) == ref("app.api", "url")


def test_an_unchanged_reference_is_no_change_and_no_unknown_value():
    parts = referring()
    assert plan_of(parts, applied(parts)).is_empty


def test_what_leaves_the_value_as_it_was_reaches_nobody():
    parts = changed(referring(), "app.api", maintenance=True)
    assert actions(plan_of(parts, applied(referring()))) == {"app.api": "update"}


@pytest.mark.parametrize("options", [{"targets": ["config.shop"]}, {"excludes": ["app.api"]}])
def test_of_an_app_that_this_plan_leaves_alone_the_recorded_value_is_known(options):
    records = applied(app_with_parts("api"))
    plan = plan_of(changed(referring(), "app.api", maintenance=True), records, **options)
    assert taken(plan) == "http://shop"


def test_of_an_app_that_cannot_be_reached_the_recorded_value_is_known():
    records = applied(app_with_parts("api"))
    readings = {record.key: Unreachable("the network is down") for record in records}
    assert taken(plan_of(referring(), records, readings)) == "http://shop"


def test_of_an_app_that_was_deleted_outside_nothing_is_known():
    records = applied(app_with_parts("api"))
    readings = {record.key: Absent() for record in records}
    assert taken(plan_of(referring(), records, readings)) == ref("app.api", "url")


def test_a_chain_of_references_is_known_to_its_end():
    source = want("app.api", {"name": "api"})
    middle = want("config.api", {"vars": {"OWN": ref("app.api", "name")}})
    end = want("config.shop", {"vars": {"API": ref("config.api", "vars")}})
    assert taken(plan_of([source, middle, end])) == {"OWN": "api"}
