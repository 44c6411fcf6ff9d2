"""A change on its way: opened, planned, updated, merged, applied; on each forge, with a real git remote."""

from __future__ import annotations

import json
import os
from contextlib import closing

import yaml
from ci_case import CONTEXT, ME, Workshop

from declarative_paas.core.address import Scope
from declarative_paas.state.sqlite import SqliteStore
from declarative_paas.vault.keyring import Keyring
from declarative_paas.workflow.lock import holder
from declarative_paas.workflow.world import SystemClock

MARKER = "<!-- dpaas preview: acme/default/main -->"


def test_open_update_merge_apply(workshop: Workshop) -> None:
    workshop.branch()
    workshop.write_app("api")
    workshop.commit("an app more")
    pull = workshop.propose()
    # One of somebody else's that claims to be ours is left alone.
    workshop.forge.add_comment(f"{MARKER}\n### No changes.")
    assert "acme/default/main:" in workshop.plan(pull)
    [comment] = workshop.forge.ours()
    assert comment["body"].startswith(MARKER)
    assert "app.api" in comment["body"]
    run = "jobs/1" if workshop.platform == "gitlab" else "acme/shop/actions/runs/12"
    assert f"[log](<{workshop.forge.origin}/{run}>)" in comment["body"]
    assert workshop.forge.comments[0]["body"].endswith("No changes.")
    first = workshop.forge.latest(pull.head, CONTEXT)
    assert first["state"] == "success"
    assert pull.labels == ["dpaas: changes"]

    workshop.write_app("api", config={"LOG_LEVEL": "debug", "NEW": "yes"})
    workshop.commit("another value")
    pull = workshop.propose()
    workshop.plan(pull)
    [edited] = workshop.forge.ours()
    assert edited["id"] == comment["id"], "edited, not added"
    assert "NEW" in edited["body"]
    assert workshop.forge.latest(pull.head, CONTEXT)["description"] != first["description"]
    assert workshop.things() == 0, "nothing is applied before it is merged"

    clone = workshop.merge(pull)
    assert "Applied: 10 created" in workshop.dpaas(clone, "ci", "apply")
    assert workshop.things() == 10
    [told] = workshop.forge.ours()
    assert "### Applied: 10 created" in told["body"]
    assert f"[log](<{workshop.forge.origin}/{run}>)" in told["body"].partition("<details>")[0]
    assert workshop.forge.latest(pull.merged_as or "", f"{CONTEXT}/apply")["state"] == "success"
    assert "Nothing to apply" in workshop.dpaas(clone, "ci", "apply")
    assert workshop.leaks() == []


def test_what_was_not_approved_is_not_applied_and_the_refusal_is_reported(workshop: Workshop) -> None:
    workshop.branch()
    workshop.write_app("api")
    workshop.commit("an app more")
    pull = workshop.propose()
    workshop.plan(pull)
    # Pushed to main past every review, after the plan was made.
    workshop.git("checkout", "--quiet", "-B", "main", "origin/main")
    workshop.write_app("miner")
    workshop.commit("sneaked in")
    workshop.push("main")
    workshop.git("fetch", "--quiet", "origin")
    clone = workshop.merge(pull)
    told = workshop.dpaas(clone, "ci", "apply", expect=1)
    assert "this is not what was approved" in told
    assert workshop.things() == 0
    [comment] = workshop.forge.ours()
    assert "Nothing was applied: this is not what was approved" in comment["body"]
    state = workshop.forge.latest(pull.merged_as or "", f"{CONTEXT}/apply")["state"]
    assert state == ("failed" if workshop.platform == "gitlab" else "failure")


def test_a_base_that_moved_is_told_and_refused_when_asked_so(workshop: Workshop) -> None:
    workshop.branch()
    workshop.write_app("api")
    workshop.commit("an app more")
    pull = workshop.propose()
    clone = workshop.checkout_merge(pull)
    workshop.git("checkout", "--quiet", "-B", "main", "origin/main")
    moved = workshop.commit("main goes on")
    workshop.push("main")
    workshop.dpaas(clone, "ci", "plan", pull=pull)
    assert f"`{moved[:12]}`:" in workshop.forge.ours()[0]["body"]
    assert workshop.forge.latest(pull.head, CONTEXT)["state"] == "success"
    workshop.dpaas(clone, "ci", "plan", "--strict-base", pull=pull, expect=1)
    refused = workshop.forge.latest(pull.head, CONTEXT)
    assert refused["state"] != "success"
    assert "has moved on" in refused["description"]
    assert "seal" not in refused["description"]


def test_an_apply_that_runs_meanwhile_is_told_to_the_reviewer(on_github: Workshop) -> None:
    pull = on_github.propose()
    clone = on_github.checkout_merge(pull)
    on_github.dpaas(clone, "apply", "--auto-approve")
    on_github.branch()
    on_github.write_app("api")
    on_github.commit("an app more")
    pull = on_github.propose()
    with closing(SqliteStore(on_github.state, clock=SystemClock(), keyring=lambda: Keyring(on_github.key))) as store:
        lease = store.acquire(Scope("acme"), holder(), 60)
        on_github.plan(pull)
        on_github.plan(pull, "--affected")
        [comment] = on_github.forge.ours()
        assert "apply-in-progress" in comment["body"]
        assert f"`{os.getpid()}" in comment["body"], "who it is"
        store.release(lease)
    on_github.plan(pull)
    assert "apply-in-progress" not in on_github.forge.ours()[0]["body"]


def test_neither_a_comment_nor_a_status_that_somebody_wrote_is_an_approval(workshop: Workshop) -> None:
    workshop.branch()
    workshop.write_app("api")
    workshop.commit("an app more")
    pull = workshop.propose()
    workshop.plan(pull)
    sealed = workshop.forge.latest(pull.head, CONTEXT)["description"]
    workshop.write_app("api", config={"EVIL": "yes"})
    workshop.commit("never planned")
    pull = workshop.propose()
    clone = workshop.merge(pull)
    assert "no plan of acme/default/main was made" in workshop.dpaas(clone, "ci", "apply", expect=1)
    # The earlier commit's approval, put at the later one by somebody who may push.
    workshop.forge.statuses.append(
        {"id": 5000, "sha": pull.head, "context": CONTEXT, "state": "success", "description": sealed, "link": ""}
    )
    told = workshop.dpaas(clone, "ci", "apply", expect=1)
    assert "a seal that the platform's key did not make" in told
    assert workshop.things() == 0


def test_a_deleted_comment_is_made_again_and_pages_are_read_to_their_end(workshop: Workshop) -> None:
    for number in range(7):
        workshop.forge.add_comment(f"remark {number}")
    workshop.forge.most_a_page = 3
    pull = workshop.propose()
    workshop.plan(pull)
    workshop.plan(pull)
    assert len(workshop.forge.ours()) == 1, "found again on the third page"
    workshop.forge.has_user = workshop.platform == "gitlab"  # the others' workflows may not ask who they are
    workshop.plan(pull)
    assert len(workshop.forge.ours()) == 1, "known by what it is written as"
    workshop.forge.comments[:] = [item for item in workshop.forge.comments if item["author"] != ME]
    workshop.plan(pull)
    assert len(workshop.forge.ours()) == 1


def test_a_region_that_could_not_be_read_is_told_beside_what_will_be_applied(on_github: Workshop) -> None:
    on_github.branch()
    on_github.write_app("far", region="eu")
    platform = yaml.safe_load((on_github.work / "dpaas.yaml").read_text())
    regions = platform["spec"]["regions"]
    regions["eu"] = {"provider": "memory", "options": {"socket": str(on_github.root / "world.sock")}}
    (on_github.work / "dpaas.yaml").write_text(yaml.safe_dump(platform))
    on_github.commit("an app in eu")
    clone = on_github.checkout_merge(on_github.propose())
    on_github.dpaas(clone, "apply", "--auto-approve")
    regions["eu"]["options"]["socket"] = str(on_github.root / "nobody.sock")
    (on_github.work / "dpaas.yaml").write_text(yaml.safe_dump(platform))
    shop = on_github.work / "apps" / "shop" / "app.yaml"
    shop.write_text(shop.read_text().replace("LOG_LEVEL: info", "LOG_LEVEL: debug"))
    on_github.commit("eu is away")
    on_github.plan(on_github.propose())
    [comment] = on_github.forge.ours()
    assert "It may not be all there is to do: region eu cannot be reached" in comment["body"]


def test_labels_beyond_a_page_that_links_to_no_next_one_are_known() -> None:
    workshop = Workshop("gitea")
    try:
        workshop.forge.labels = [f"label {number}" for number in range(7)] + ["dpaas: changes"]
        workshop.forge.most_a_page, workshop.forge.is_silent = 3, True
        for number in range(120):
            workshop.forge.add_comment(f"remark {number}")
        pull = workshop.propose()
        workshop.plan(pull)
        workshop.plan(pull)
        assert workshop.forge.labels.count("dpaas: changes") == 1
        assert pull.labels == ["dpaas: changes"]
        assert len(workshop.forge.ours()) == 1
    finally:
        workshop.close()


def test_several_stacks_have_a_comment_and_a_status_each(workshop: Workshop) -> None:
    other = workshop.work / "billing"
    other.mkdir()
    (other / "dpaas.yaml").write_text((workshop.work / "dpaas.yaml").read_text().replace("acme", "billing"))
    (workshop.work / "shop").mkdir()
    for name in ("dpaas.yaml", "apps"):
        workshop.git("mv", name, f"shop/{name}")
    (other / "dpaas.yaml").write_text(
        (other / "dpaas.yaml").read_text()
        + "---\nkind: App\nmetadata: {name: bills}\nspec: {region: us, source: {path: ../shop/apps/shop/src},"
        " formation: {web: {command: ./serve}}}\n"
    )
    workshop.commit("two stacks")
    pull = workshop.propose()
    clone = workshop.checkout_merge(pull)
    for home in ("shop", "billing"):
        (clone / home / ".dpaas").mkdir(mode=0o700)
        (clone / home / ".dpaas" / "secret.key").write_bytes(workshop.key + b"\n")
    workshop.dpaas(clone, "ci", "plan", "--out", "plans", pull=pull)
    assert len(workshop.forge.ours()) == 2
    assert {item["context"] for item in workshop.forge.statuses} == {CONTEXT, "dpaas/billing/default/main"}
    saved = {path.name for path in (clone / "plans").glob("*.main.json")}
    assert saved == {"acme.default.main.json", "billing.default.main.json"}


def test_with_the_saved_plans_the_rest_of_a_plan_goes_on(workshop: Workshop) -> None:
    pull = workshop.propose()
    planned = workshop.checkout_merge(pull)
    workshop.dpaas(planned, "ci", "plan", "--out", "../plans", pull=pull)
    workshop.branch("change")
    workshop.commit("something to merge")
    pull = workshop.propose()
    planned = workshop.checkout_merge(pull)
    workshop.dpaas(planned, "ci", "plan", "--out", "../plans", pull=pull)
    clone = workshop.merge(pull)
    workshop.world.call("fail_on", "release.shop")
    told = workshop.dpaas(clone, "ci", "apply", expect=1)
    assert "injected" in told
    assert "### Failed: 1 failed" in workshop.forge.ours()[0]["body"]
    assert "not what was approved" in workshop.dpaas(clone, "ci", "apply", expect=1)
    file = workshop.root / "plans" / "acme.default.main.json"
    whole = file.read_text()
    tampered = json.loads(whole)
    tampered["serial"] = 99
    file.write_text(json.dumps(tampered))
    assert "checksum" in workshop.dpaas(clone, "ci", "apply", "--plans", "../plans", expect=1)
    file.write_text(whole)
    assert "Applied:" in workshop.dpaas(clone, "ci", "apply", "--plans", "../plans")
