"""The action, GitLab's template, the hooks and the example: their scripts run as they stand, on the fake forges."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from ci_case import CONTEXT, TOKEN, Workshop

REPOSITORY = Path(__file__).parents[3]
GITOPS = REPOSITORY / "examples" / "gitops"


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def run_script(workshop: Workshop, clone: Path, script: str, environment: dict[str, str]) -> str:
    bin_ = str(Path(sys.executable).parent)
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", script],
        cwd=clone,
        capture_output=True,
        text=True,
        timeout=120,
        env={"PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}", "HOME": str(workshop.root), **environment},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def action_environment(**inputs: str) -> dict[str, str]:
    """The last step's `env`, with its expressions put in as the runner does."""
    action = read(REPOSITORY / "action.yml")
    given = {name: str(told.get("default", "")) for name, told in action["inputs"].items()} | inputs
    names = {f"${{{{ inputs.{name} }}}}": value for name, value in given.items()}
    return {name: names[value] for name, value in action["runs"]["steps"][-1]["env"].items()}


def test_the_action_plans_and_applies_and_the_key_is_there_only_meanwhile(on_github: Workshop) -> None:
    step = read(REPOSITORY / "action.yml")["runs"]["steps"][-1]
    pull = on_github.propose()
    key = on_github.key.decode()
    clone = on_github.checkout_merge(pull)
    file = clone / ".dpaas" / "secret.key"
    file.unlink()
    inputs = {"token": TOKEN, "key": key, "plans": "plans out"}
    environment = on_github.surroundings(clone, pull) | action_environment(command="plan", **inputs)
    printed = run_script(on_github, clone, step["run"], environment)
    assert "acme/default/main: Plan: " in printed
    assert (clone / "plans out" / "acme.default.main.json").exists()
    assert on_github.forge.latest(pull.head, CONTEXT)["state"] == "success"
    assert not file.exists()
    on_github.branch("change")
    on_github.commit("to merge")
    pull = on_github.propose()
    on_github.plan(pull)
    clone = on_github.merge(pull)
    (clone / ".dpaas" / "secret.key").unlink()
    environment = on_github.surroundings(clone, None) | action_environment(command="apply", token=TOKEN, key=key)
    assert "Applied: 5 created" in run_script(on_github, clone, step["run"], environment)
    assert key not in printed + on_github.output


def test_the_action_puts_no_input_into_a_script() -> None:
    for step in read(REPOSITORY / "action.yml")["runs"]["steps"]:
        assert "${{" not in step.get("run", "")


def test_the_outputs_of_the_action_are_those_that_are_written(on_github: Workshop) -> None:
    on_github.plan(on_github.propose())
    assert set(read(REPOSITORY / "action.yml")["outputs"]) == set(on_github.outputs())


def test_another_key_than_the_platforms_is_refused(on_github: Workshop) -> None:
    pull = on_github.propose()
    clone = on_github.checkout_merge(pull)
    for key, told in (
        ("bm90IGEga2V5", "the key is not 32 bytes"),
        ("eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHg=", "different keys"),
    ):
        printed = on_github.dpaas(clone, "ci", "plan", pull=pull, expect=1, more={"DPAAS_CI_KEY": key})
        assert told in printed
        assert key not in printed


def test_gitlabs_template_plans_and_applies() -> None:
    workshop = Workshop("gitlab")
    try:
        template = read(REPOSITORY / "ci" / "gitlab" / "dpaas.gitlab-ci.yml")
        pull = workshop.propose()
        clone = workshop.checkout_merge(pull)
        environment = workshop.surroundings(clone, pull) | {"DPAAS_ARGUMENTS": "--expires-in 2h"}
        run_script(workshop, clone, "\n".join(template[".dpaas-plan"]["script"]), environment)
        pattern = template[".dpaas-plan"]["artifacts"]["reports"]["terraform"]
        [report] = list(clone.glob(pattern))
        assert read(report) == {"create": 5, "update": 0, "delete": 0}
        assert read(clone / template[".dpaas-plan"]["artifacts"]["reports"]["codequality"]) == []
        workshop.write_app("shop", config={"TOKEN": "ghp_" + "aB3d" * 9})
        workshop.commit("a token")
        clone = workshop.checkout_merge(workshop.propose())
        run_script(workshop, clone, "\n".join(template[".dpaas-plan"]["script"]), environment)
        [entry] = read(clone / "plans" / "codequality.json")
        assert (entry["check_name"], entry["severity"]) == ("unmarked-secret", "major")
        lines = (clone / entry["location"]["path"]).read_text().splitlines()
        assert lines[entry["location"]["lines"]["begin"] - 1].strip().startswith("TOKEN: ghp_")
        assert "aB3d" not in str(entry)
        workshop.branch("change")
        workshop.commit("to merge")
        pull = workshop.propose()
        workshop.plan(pull)
        clone = workshop.merge(pull)
        environment = workshop.surroundings(clone, None) | {"DPAAS_ARGUMENTS": ""}
        printed = run_script(workshop, clone, "\n".join(template[".dpaas-apply"]["script"]), environment)
        assert "Applied: 5 created" in printed
    finally:
        workshop.close()


def test_the_example_extends_the_template_and_has_a_gate_before_production() -> None:
    template = read(REPOSITORY / "ci" / "gitlab" / "dpaas.gitlab-ci.yml")
    jobs = read(GITOPS / ".gitlab-ci.yml")
    for name in ("plan", "staging", "production"):
        assert jobs[name]["extends"] in template
    assert jobs["production"]["when"] == "manual"
    action = read(REPOSITORY / "action.yml")
    apply = read(GITOPS / ".github" / "workflows" / "apply.yml")
    plan = read(GITOPS / ".github" / "workflows" / "plan.yml")
    for job in [*plan["jobs"].values(), *apply["jobs"].values()]:
        assert set(job["steps"][-1]["with"]) <= set(action["inputs"])
    assert apply["jobs"]["production"]["needs"] == "staging"
    assert plan["permissions"]["statuses"] == "write"


def test_the_hooks_run_on_the_example_and_find_its_files() -> None:
    hooks = {hook["id"]: hook for hook in read(REPOSITORY / ".pre-commit-hooks.yaml")}
    tracked = [str(path.relative_to(GITOPS)) for path in GITOPS.rglob("*.yaml")]
    chosen = [name for name in tracked if re.search(hooks["dpaas-fmt"]["files"], name)]
    assert sorted(chosen) == [
        "billing/apps/invoices/app.yaml",
        "billing/dpaas.yaml",
        "shop/apps/api/app.yaml",
        "shop/apps/web/app.yaml",
        "shop/dpaas.yaml",
    ]
    dpaas = [sys.executable, "-m", "declarative_paas.cli"]
    format_ = [*dpaas, *hooks["dpaas-fmt"]["entry"].split()[1:], "--check", *chosen]
    assert subprocess.run(format_, cwd=GITOPS, capture_output=True).returncode == 0
    validate = [*dpaas, *hooks["dpaas-validate"]["entry"].split()[1:]]
    for stack in ("shop", "billing"):
        for environment in ("staging", "production"):
            done = subprocess.run([*validate, "--env", environment], cwd=GITOPS / stack, capture_output=True)
            assert done.returncode == 0, done.stderr
