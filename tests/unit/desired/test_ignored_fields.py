from __future__ import annotations

import pytest
from desired_case import app, codes, desire

from declarative_paas.core.address import ResourceAddress


def ignored(resources, address):
    return resources[ResourceAddress.parse(address)].ignored


FORMATION = "formation: {web: {command: run, quantity: 2}}"
ADDONS = "addons: [{plan: 'postgres:essential-0', as: DATABASE}]"


def test_each_field_becomes_a_path_of_its_resource(tmp_path):
    fields = (
        "ignore: [maintenance, config.LOG_LEVEL, config.THEIRS, formation.web.size, formation.web.quantity, "
        "addons.DATABASE.plan]"
    )
    resources, diagnostics = desire(tmp_path, app("shop", FORMATION, ADDONS, "config: {LOG_LEVEL: info}", fields))
    assert diagnostics == []
    assert ignored(resources, "app.shop") == ("maintenance",)
    assert ignored(resources, "config.shop") == ("vars.LOG_LEVEL", "vars.THEIRS")
    assert ignored(resources, "formation.shop") == ("processes.web.quantity", "processes.web.size")
    assert ignored(resources, "addon.shop/DATABASE") == ("plan",)
    assert ignored(resources, "release.shop") == ()


def test_one_app_ignores_nothing_of_another(tmp_path):
    resources, _ = desire(tmp_path, app("shop", FORMATION, "ignore: [maintenance]"), app("blog", FORMATION))
    assert ignored(resources, "app.blog") == ()


@pytest.mark.parametrize(
    ("text", "summary", "suggestion"),
    [
        ("formation.wbe.quantity", "shop ignores formation.wbe.quantity, but declares no process type wbe", "web"),
        ("addons.DATABSE.plan", "shop ignores addons.DATABSE.plan, but declares no add-on DATABSE of its own", "BASE"),
    ],
)
def test_a_field_of_nothing_declared_is_a_mistake_with_its_place(tmp_path, text, summary, suggestion):
    _, diagnostics = desire(tmp_path, app("shop", FORMATION, ADDONS, f"ignore: [{text}]"))
    assert codes(diagnostics) == ["unknown-ignore"]
    assert diagnostics[0].summary == summary
    assert suggestion in diagnostics[0].suggestion
    assert diagnostics[0].position.line == 15


def test_an_app_without_dynos_has_no_quantity_to_ignore(tmp_path):
    _, diagnostics = desire(tmp_path, app("shop", "ignore: [formation.web.quantity]"))
    assert codes(diagnostics) == ["unknown-ignore"]
    assert diagnostics[0].suggestion is None
