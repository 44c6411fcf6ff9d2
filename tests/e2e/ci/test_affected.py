"""Which apps a change touches, told by git: in a real repository, beside the whole plan."""

from __future__ import annotations

import json

import yaml
from ci_case import Workshop

API = {"SHOP": {"app": "shop", "attribute": "url"}}


def addresses(workshop: Workshop, *arguments: str) -> set[str]:
    printed = _plan(workshop, "--json", *arguments)
    plan, _ = json.JSONDecoder().raw_decode(printed, printed.index("{"))
    return {change["address"] for change in plan["changes"]}


def _plan(workshop: Workshop, *arguments: str) -> str:
    return workshop.dpaas(workshop.work, "plan", *arguments)


def converged(workshop: Workshop) -> str:
    """Three apps, of which `api` refers to `shop`; all applied. The commit."""
    workshop.write_app("api", config=API)
    workshop.write_app("www")
    commit = workshop.commit("three apps")
    workshop.dpaas(workshop.work, "apply", "--auto-approve")
    return commit


def told(workshop: Workshop, base: str) -> str:
    return next(line for line in _plan(workshop, "--affected-by", base).split("\n") if line.startswith("Planned: "))


def test_a_changed_source_a_changed_manifest_and_nothing_else(on_github: Workshop) -> None:
    base = converged(on_github)
    assert told(on_github, base).endswith("touches no app.")
    (on_github.work / "apps" / "www" / "src" / "more.txt").write_text("not even added\n")
    assert told(on_github, base).endswith("can have an effect on: www.")
    (on_github.work / "README.md").write_text("for people\n")
    (on_github.work / ".github").mkdir()
    (on_github.work / ".github" / "ci.yaml").write_text("on: push\n")
    assert told(on_github, base).endswith("can have an effect on: www.")
    on_github.write_app("api", config={**API, "MORE": "1"})
    assert told(on_github, base).endswith("can have an effect on: api, www.")
    assert addresses(on_github, "--affected-by", base) == addresses(on_github)


def test_what_depends_on_a_touched_app_comes_with_it(on_github: Workshop) -> None:
    base = converged(on_github)
    on_github.write_app("shop", domains=["shop.example.com"])
    assert told(on_github, base).endswith("can have an effect on: api, shop.")
    assert addresses(on_github, "--affected-by", base) == addresses(on_github)


def test_a_fork_is_touched_with_its_source(on_github: Workshop) -> None:
    (on_github.work / "fork.dpaas.yaml").write_text(
        "kind: Fork\nmetadata: {name: shop-two}\nspec: {from: shop, region: us}\n"
    )
    base = converged(on_github)
    on_github.write_app("shop", config={"LOG_LEVEL": "debug"})
    assert "shop, shop-two" in told(on_github, base)
    assert addresses(on_github, "--affected-by", base) == addresses(on_github)


def test_a_deleted_manifest_is_planned_as_the_whole_plan_does(on_github: Workshop) -> None:
    base = converged(on_github)
    on_github.git("rm", "--quiet", "-r", "apps/www")
    assert told(on_github, base).endswith("can have an effect on: www.")
    assert addresses(on_github, "--affected-by", base) == addresses(on_github) != set()


def test_what_can_concern_every_app_plans_everything(on_github: Workshop) -> None:
    base = converged(on_github)
    unknown = on_github.work / "notes.bin"
    unknown.write_text("?")
    assert "everything, for notes.bin can concern every app" in told(on_github, base)
    unknown.unlink()
    (on_github.work / "apps" / "common.yml").write_text("LOG_LEVEL: debug\n")
    assert "everything, for apps/common.yml can concern every app" in told(on_github, base)
    (on_github.work / "apps" / "common.yml").unlink()
    platform = yaml.safe_load((on_github.work / "dpaas.yaml").read_text())
    platform["metadata"]["labels"] = {"team": "shop"}
    (on_github.work / "dpaas.yaml").write_text(yaml.safe_dump(platform))
    assert "everything, for dpaas.yaml can concern every app" in told(on_github, base)


def test_an_overlay_touches_the_apps_that_it_changes(on_github: Workshop) -> None:
    overlay = on_github.work / "overlays" / "staging"
    overlay.mkdir(parents=True)
    (overlay / "www.yaml").write_text("kind: App\nmetadata: {name: www}\nspec: {config: {LOG_LEVEL: warning}}\n")
    on_github.write_app("www")
    base = on_github.commit("with an overlay")
    (overlay / "www.yaml").write_text("kind: App\nmetadata: {name: www}\nspec: {config: {LOG_LEVEL: debug}}\n")
    assert "effect on: www." in _plan(on_github, "--env", "staging", "--affected-by", base)


def test_a_file_of_variables_concerns_every_app_whatever_it_is_called(on_github: Workshop) -> None:
    platform = yaml.safe_load((on_github.work / "dpaas.yaml").read_text())
    platform["spec"]["variables"] = {"LEVEL": {"default": "info"}}
    (on_github.work / "dpaas.yaml").write_text(yaml.safe_dump(platform))
    values = on_github.work / ".values"
    values.write_text("LEVEL: info\n")
    base = on_github.commit("with variables")
    values.write_text("LEVEL: debug\n")
    printed = _plan(on_github, "--affected-by", base, "--var-file", ".values")
    assert "everything, for .values can concern every app" in printed


def test_a_commit_that_is_none_is_told(on_github: Workshop) -> None:
    converged(on_github)
    for name in ("main", "--output=x", "0" * 40):
        printed = on_github.dpaas(on_github.work, "plan", f"--affected-by={name}", expect=1)
        assert "error: " in printed
    both = on_github.dpaas(on_github.work, "plan", "--affected-by", "0" * 40, "--target", "www", expect=1)
    assert "not together with --target" in both


def test_in_a_workflow_only_the_affected_apps_are_planned_and_the_same_is_applied(on_github: Workshop) -> None:
    on_github.write_app("www")
    on_github.commit("two apps")
    on_github.push("main")
    on_github.git("fetch", "--quiet", "origin")
    clone = on_github.checkout_merge(on_github.propose())
    on_github.dpaas(clone, "apply", "--auto-approve")
    on_github.world.call("lose", "formation.shop")
    on_github.branch()
    on_github.write_app("www", config={"LOG_LEVEL": "debug"})
    on_github.commit("one line")
    pull = on_github.propose()
    on_github.plan(pull, "--affected")
    [comment] = on_github.forge.ours()
    assert "effect on: www." in comment["body"]
    assert "this plan leaves it so" in comment["body"]
    assert on_github.outputs()["to_change"] == "3"
    clone = on_github.merge(pull)
    on_github.dpaas(clone, "ci", "apply", expect=1)  # the whole plan is another one: it repairs shop
    assert "Applied: 3 updated" in on_github.dpaas(clone, "ci", "apply", "--affected")
