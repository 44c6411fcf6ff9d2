"""What a workflow can get wrong, and what a forge can do: each told, none of it half-done."""

from __future__ import annotations

import json

from ci_case import CONTEXT, ME, TOKEN, Workshop
from fake_forge import Fault


def test_outside_of_a_workflow_it_says_so(on_github: Workshop) -> None:
    clone = on_github.checkout_merge(on_github.propose())
    told = on_github.dpaas(clone, "ci", "plan", expect=1, without=("GITHUB_ACTIONS",))
    assert "no workflow of GitHub, GitLab or Gitea" in told


def test_an_unreadable_event_file_is_told(on_github: Workshop) -> None:
    clone = on_github.checkout_merge(on_github.propose())
    gone = {"GITHUB_EVENT_PATH": str(on_github.root / "nowhere.json")}
    assert "cannot be read" in on_github.dpaas(clone, "ci", "plan", expect=1, more=gone)
    broken = on_github.root / "broken.json"
    for text in ("{", "[]", '{"pull_request": {"number": 1}}'):
        broken.write_text(text)
        told = on_github.dpaas(clone, "ci", "plan", expect=1, more={"GITHUB_EVENT_PATH": str(broken)})
        assert "the event file" in told
    assert on_github.forge.requests == []


def test_a_missing_token_and_a_wrong_one_are_told_and_nothing_is_said_to_be_approved(workshop: Workshop) -> None:
    pull = workshop.propose()
    clone = workshop.checkout_merge(pull)
    name = "GITLAB_TOKEN" if workshop.platform == "gitlab" else "GITHUB_TOKEN"
    assert "there is no token" in workshop.dpaas(clone, "ci", "plan", pull=pull, expect=1, without=(name,))
    wrong = {name: "tok_of_another_one"}
    told = workshop.dpaas(clone, "ci", "plan", pull=pull, expect=1, more=wrong)
    assert "HTTP 401: Bad credentials (the token may not do this)" in told
    assert wrong[name] not in told
    assert workshop.forge.statuses == []


def test_a_token_is_not_sent_in_clear_to_another_machine(on_github: Workshop) -> None:
    pull = on_github.propose()
    clone = on_github.checkout_merge(pull)
    elsewhere = {"GITHUB_API_URL": "http://forge.example"}
    told = on_github.dpaas(clone, "ci", "plan", pull=pull, expect=1, more=elsewhere)
    assert "no https address" in told


def test_a_branch_is_no_pull_request(on_github: Workshop) -> None:
    clone = on_github.checkout_merge(on_github.propose())
    assert "does not run for a pull request" in on_github.dpaas(clone, "ci", "plan", expect=1)
    assert on_github.outputs()["failure-reason"] == "no-pull-request"
    assert "no merged pull request brought commit" in on_github.dpaas(clone, "ci", "apply", expect=1)


def test_a_forks_pull_request_is_checked_without_the_state_and_without_a_token(workshop: Workshop) -> None:
    workshop.branch()
    workshop.write_app("api")
    workshop.commit("from elsewhere")
    pull = workshop.propose(is_fork=True)
    clone = workshop.checkout_merge(pull)
    (clone / ".dpaas" / "secret.key").unlink()
    tokens = ("GITHUB_TOKEN", "GITLAB_TOKEN")
    told = workshop.dpaas(clone, "ci", "plan", pull=pull, without=tokens)
    assert "not planned" in told
    # GitLab's jobs have a log and no summary.
    shown = told if workshop.platform == "gitlab" else (workshop.root / "job1.summary").read_text()
    assert "nothing was planned" in shown
    assert "The change touches 1 app: `api`." in shown
    assert (workshop.forge.requests, workshop.state.exists()) == ([], False)
    (clone / "apps" / "api" / "app.yaml").write_text("kind: App\nmetadata: {name: api}\nspec: {regoin: us}\n")
    assert "regoin" in workshop.dpaas(clone, "ci", "plan", pull=pull, expect=1, without=tokens)
    assert workshop.forge.requests == []


def test_mistakes_in_manifests_are_in_the_comment_the_status_and_on_their_lines(on_github: Workshop) -> None:
    on_github.branch()
    on_github.write_app("api", regoin="us")
    on_github.commit("a slip")
    pull = on_github.propose()
    told = on_github.plan(pull, expect=1)
    assert "::error file=apps/api/app.yaml,line=" in told
    [comment] = on_github.forge.ours()
    assert "regoin" in comment["body"]
    assert on_github.forge.statuses[-1]["state"] == "failure"
    assert pull.labels == ["dpaas: errors"]
    assert on_github.outputs()["failure-reason"] == "plan-errors"


def test_without_the_platforms_key_nothing_can_be_approved(on_github: Workshop) -> None:
    pull = on_github.propose()
    clone = on_github.checkout_merge(pull)
    (clone / ".dpaas" / "secret.key").unlink()
    told = on_github.dpaas(clone, "ci", "plan", pull=pull, expect=1)
    assert "there is no key of acme here" in told
    assert on_github.forge.latest(pull.head, CONTEXT)["state"] == "failure"


def test_a_forge_that_stumbles_is_asked_again_and_its_limits_are_kept(workshop: Workshop) -> None:
    pull = workshop.propose()
    name = "notes" if workshop.platform == "gitlab" else "comments"
    workshop.forge.faults = [
        Fault("GET", "branches", 502),
        Fault("GET", name, 429, {"retry-after": "0"}),
        Fault("POST", name, 403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1"}),
        Fault("POST", "statuses", 503),
    ]
    workshop.plan(pull)
    assert workshop.forge.faults == []
    assert len(workshop.forge.ours()) == 1


def test_a_comment_whose_answer_got_lost_is_not_written_twice(workshop: Workshop) -> None:
    pull = workshop.propose()
    workshop.forge.faults = [Fault("POST", "notes" if workshop.platform == "gitlab" else "comments", lost=True)]
    workshop.plan(pull)
    assert len(workshop.forge.ours()) == 1


def test_failing_to_report_is_a_failure(workshop: Workshop) -> None:
    pull = workshop.propose()
    workshop.forge.faults = [Fault("POST", "notes" if workshop.platform == "gitlab" else "comments", 403)]
    assert "was not told" in workshop.plan(pull, expect=1)
    assert workshop.forge.statuses == [], "nothing is approved that nobody could read"


def test_a_limit_that_lasts_is_told_and_not_waited_for(on_github: Workshop) -> None:
    pull = on_github.propose()
    on_github.forge.faults = [Fault("GET", "branches", 429, {"retry-after": "7200"})]
    assert "free again in 7200 s" in on_github.plan(pull, expect=1)


def test_a_redirect_is_not_followed_with_the_token(on_github: Workshop) -> None:
    pull = on_github.propose()
    on_github.forge.faults = [Fault("GET", "branches", 302, {"location": f"{on_github.forge.origin}/user"})]
    assert "HTTP 302" in on_github.plan(pull, expect=1)
    assert ("GET", "/user") not in on_github.forge.requests


def test_another_commit_than_the_jobs_is_not_applied(on_github: Workshop) -> None:
    pull = on_github.propose()
    on_github.plan(pull)
    clone = on_github.merge(pull)
    told = on_github.dpaas(clone, "ci", "apply", expect=1, more={"GITHUB_SHA": "0" * 40})
    assert "is checked out, and this runs for 000000000000" in told


def test_a_saved_plan_of_another_format_is_refused(on_github: Workshop) -> None:
    on_github.branch()
    on_github.write_app("api")
    on_github.commit("an app more")
    pull = on_github.propose()
    on_github.plan(pull)
    clone = on_github.merge(pull)
    plans = on_github.root / "plans"
    plans.mkdir()
    (plans / "acme.default.main.json").write_text(json.dumps({"format": 99}))
    told = on_github.dpaas(clone, "ci", "apply", "--plans", "../plans", expect=1)
    assert "plan format 99 is not 1" in told
    assert on_github.things() == 0


def test_an_expired_approval_is_none(on_github: Workshop) -> None:
    pull = on_github.propose()
    on_github.plan(pull)
    clone = on_github.merge(pull)
    status = on_github.forge.latest(pull.head, CONTEXT)
    later = status["description"].replace("until 1", "until 0")
    status["description"] = later
    told = on_github.dpaas(clone, "ci", "apply", expect=1)
    assert "a seal that the platform's key did not make" in told, "the time is sealed too"


def test_two_stacks_of_one_scope_are_refused(on_github: Workshop) -> None:
    for home in ("one", "two"):
        (on_github.work / home).mkdir()
        text = (on_github.work / "dpaas.yaml").read_text()
        (on_github.work / home / "dpaas.yaml").write_text(text)
    on_github.git("rm", "--quiet", "-r", "dpaas.yaml", "apps")
    on_github.commit("the same twice")
    pull = on_github.propose()
    told = on_github.plan(pull, expect=1)
    assert "are both acme/default/main" in told
    assert on_github.forge.comments == []


def test_ten_thousand_changes_fit_into_a_comment_a_summary_and_a_status(on_github: Workshop) -> None:
    on_github.branch()
    documents = [
        f"kind: App\nmetadata: {{name: a{number:04}}}\nspec: {{region: us, source: {{path: ./apps/shop/src}},"
        f" formation: {{web: {{command: run, quantity: 1}}}}}}\n"
        for number in range(2000)
    ]
    (on_github.work / "many.yaml").write_text("---\n".join(documents))
    on_github.commit("many")
    pull = on_github.propose()
    told = on_github.plan(pull)
    assert "10005 to create" in told
    [comment] = [item for item in on_github.forge.comments if item["author"] == ME]
    assert len(comment["body"]) <= 60_000
    assert len(on_github.forge.latest(pull.head, CONTEXT)["description"]) <= 140
    assert (on_github.root / "job1.summary").stat().st_size < 1_000_000
    assert on_github.outputs()["to_add"] == "10005"
    assert TOKEN not in comment["body"]
