"""`dpaas preview` and `plan --format`: of a plan made now, of a saved one, and of what cannot be planned."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest
from cli_case import Stage

from declarative_paas.preview.formats import Format

TOKEN = "ghp_" + "aB3d" * 9
BEGINNINGS = {
    Format.TEXT: "Plan: 8 to create",
    Format.MARKDOWN: "<!-- dpaas preview: acme/default/main -->\n### Plan: 8 to create",
    Format.HTML: "<!DOCTYPE html>",
    Format.JSON: '{\n  "format": 1',
    Format.SARIF: '{\n  "$schema"',
    Format.JUNIT: "<?xml",
    Format.GITLAB: '{"create": 8, "update": 0, "delete": 0}',
}


@pytest.mark.parametrize("form", list(Format))
def test_plan_and_preview_print_the_same_in_every_format(stage: Stage, form: Format) -> None:
    planned = stage.run("plan", "--format", form).stdout
    assert planned.startswith(BEGINNINGS[form])
    assert stage.run("preview", "--format", form).stdout == planned


def test_the_file_s_name_tells_the_format_and_is_printed(stage: Stage) -> None:
    for name, form in (
        ("p.html", Format.HTML),
        ("p.md", Format.MARKDOWN),
        ("p.sarif", Format.SARIF),
        ("p.xml", Format.JUNIT),
    ):
        assert stage.run("preview", "--out", name).stdout == f"{name}\n"
        assert (stage.directory / name).read_text().startswith(BEGINNINGS[form])


def test_a_saved_plan_is_shown_as_it_was_and_names_the_command_that_applies_it(stage: Stage) -> None:
    stage.run("plan", "--out", "plan.json")
    stage.apps["shop"]["config"]["LOG_LEVEL"] = "debug"
    stage.write()
    shown = stage.run("preview", "plan.json", "--format", "markdown", "--base", "abc", "--head", "def").stdout
    assert 'LOG_LEVEL: "info"' in shown
    assert "dpaas apply plan.json" in shown
    assert "base `abc` · head `def`" in shown
    stage.run("preview", "plan.json", "--target", "app.shop", expect=1)
    (stage.directory / "plan.json").write_text("{}")
    assert "not-a-plan" in stage.run("preview", "plan.json", expect=1).stderr


def test_mistakes_are_a_preview_with_exit_1(stage: Stage) -> None:
    stage.apps["shop"]["formation"]["web"]["size"] = "enormous"
    stage.write()
    shown = stage.run("preview", "--format", "markdown", expect=1)
    assert "### No plan: 1 error." in shown.stdout
    assert "`enormous`" in shown.stdout or "enormous" in shown.stdout
    report = json.loads(stage.run("preview", "--format", "sarif", expect=1).stdout)
    [result] = report["runs"][0]["results"]
    assert result["level"] == "error"
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "dpaas.yaml"
    (stage.directory / "dpaas.yaml").write_text("kind: [\n")
    assert "No plan: 1 error." in stage.run("preview", "--format", "html", expect=1).stdout
    root = ElementTree.fromstring(stage.run("preview", "--format", "junit", expect=1).stdout)
    assert root.findall(".//failure")


def test_a_loss_that_nobody_confirmed_is_an_error_of_the_preview_and_its_way_out_is_told(stage: Stage) -> None:
    stage.apply()
    del stage.apps["shop"]["addons"]
    stage.write()
    shown = json.loads(stage.run("preview", "--format", "json", expect=1).stdout)["preview"]
    assert not shown["may_be_applied"]
    assert shown["next_commands"][0] == "dpaas plan --confirm addon.shop/DATABASE --out plan.json"
    agreed = json.loads(stage.run("preview", "--format", "json", "--confirm", "addon.shop/DATABASE").stdout)["preview"]
    assert agreed["may_be_applied"]
    assert [risk["confirmed"] for risk in agreed["risks"] if risk["risk"] == "data loss"] == [True]


def test_an_app_s_new_total_is_told_of_a_plan_made_now_and_of_a_saved_one_in_every_format(stage: Stage) -> None:
    stage.apply()
    stage.apps["shop"]["formation"]["web"]["quantity"] = 3
    stage.write()
    stage.run("plan", "--out", "plan.json")
    shown = json.loads(stage.run("preview", "--format", "json").stdout)
    [app] = shown["preview"]["apps"]
    assert (
        app["cost"]["after_cents"] == shown["summary"]["price_after_cents"] == shown["preview"]["cost"]["after_cents"]
    )
    assert app["cost"]["percent"] == shown["preview"]["cost"]["percent"] > 0
    saved = {form: stage.run("preview", "plan.json", "--format", form).stdout for form in Format}
    assert json.loads(saved[Format.JSON])["preview"]["apps"][0]["cost"] == app["cost"]
    assert json.loads(saved[Format.SARIF])["runs"][0]["properties"]["costByApp"] == {"shop": app["cost"]}
    total, change = f"${app['cost']['after_cents'] / 100:.2f}", f"+${app['cost']['delta_cents'] / 100:.2f}"
    for form, row in (
        (Format.TEXT, f"shop                 {change}    {total}"),
        (Format.MARKDOWN, f"| `shop` | {change} | {total} |"),
        (Format.HTML, f"<td>{change}</td><td>{total}</td>"),
        (Format.JUNIT, f'name="cost-a-month" value="{total}/mo ({change}, '),
    ):
        assert row in saved[form], form


def test_what_changed_since_an_earlier_preview_is_part_of_the_next_one(stage: Stage) -> None:
    stage.run("preview", "--out", "before.json")
    assert "nothing changed" in stage.run("preview", "--since", "before.json").stdout
    stage.apps["shop"]["config"]["LOG_LEVEL"] = "debug"
    stage.write()
    told = "~ config.shop: what is asked for differs in vars.LOG_LEVEL"
    assert f"Since before.json:\n    {told}\n" in stage.run("preview", "--since", "before.json").stdout
    assert f"- `{told}`" in stage.run("preview", "--since", "before.json", "--format", "markdown").stdout
    assert f"<code>{told}</code>" in stage.run("preview", "--since", "before.json", "--format", "html").stdout
    shown = json.loads(stage.run("preview", "--since", "before.json", "--format", "json").stdout)
    assert shown["preview"]["since"] == {"name": "before.json", "differences": [told]}
    (stage.directory / "before.json").write_text("{}")
    assert "not-a-plan" in stage.run("preview", "--since", "before.json", expect=1).stderr


@pytest.mark.parametrize("command", [["plan"], ["plan", "--json"], ["plan", "--verbose"], ["apply", "--auto-approve"]])
def test_a_value_that_looks_like_a_secret_is_masked_and_told_with_its_line(stage: Stage, command: list[str]) -> None:
    stage.apps["shop"]["config"]["TOKEN"] = TOKEN
    stage.write()
    line = next(
        number
        for number, text in enumerate((stage.directory / "dpaas.yaml").read_text().splitlines(), start=1)
        if TOKEN in text
    )
    shown = stage.run(*command)
    assert TOKEN not in shown.stdout + shown.stderr
    assert f"dpaas.yaml:{line}:" in shown.stderr
    assert shown.stderr.count("[unmarked-secret]") == 1


@pytest.mark.parametrize("form", list(Format))
def test_no_preview_shows_a_value_that_looks_like_a_secret(stage: Stage, form: Format) -> None:
    stage.apps["shop"]["config"]["TOKEN"] = TOKEN
    stage.write()
    shown = stage.run("preview", "--format", form)
    assert TOKEN not in shown.stdout + shown.stderr


def test_two_formats_at_once_are_refused(stage: Stage) -> None:
    assert "two formats" in stage.run("plan", "--json", "--format", "html", expect=1).stderr
