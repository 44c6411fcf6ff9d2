"""`dpaas state push`: a whole record goes back where it came from, and never over a later one unseen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_case import Stage
from postgres_stage import PASSWORD, location_for
from test_postgres_projects import TeamStage


@pytest.fixture(params=["sqlite", "postgresql"])
def stage(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    if request.param == "postgresql":
        monkeypatch.setenv("PGPASSWORD", PASSWORD)
        made: Stage = TeamStage(location_for(tmp_path))
    else:
        made = Stage()
    made.apply()
    try:
        yield made
    finally:
        made.close()


def pulled(stage: Stage) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(stage.run("state", "pull").stdout)
    return document


def push(stage: Stage, document: object, *arguments: str, expect: int = 0) -> Any:
    return stage.run("state", "push", "-", *arguments, stdin=json.dumps(document), expect=expect)


def test_what_was_pulled_and_edited_is_what_is_recorded(stage: Stage) -> None:
    document = pulled(stage)
    forgotten = [item for item in document["resources"] if item["address"] != "config.shop"]
    done = push(stage, {**document, "serial": document["serial"] + 4, "resources": forgotten})
    after = pulled(stage)
    assert after["resources"] == forgotten
    assert after["lineage"] == document["lineage"]
    assert after["serial"] == document["serial"] + 4
    assert f"Recorded {len(forgotten)}, at serial {after['serial']}" in done.stdout
    copy = Path(done.stdout.strip().splitlines()[-1].partition(": ")[2])
    assert copy.exists()
    assert stage.run("state", "backups").stdout.splitlines() == [str(copy)]
    # And back: the record is whole again, secrets too, which were stored all along.
    done = push(stage, {**document, "serial": after["serial"] + 1})
    assert "not stored" not in done.stderr
    assert "No changes" in stage.run("plan", "--detailed-exitcode").stdout


def test_an_older_record_and_another_lineage_are_refused_unless_forced(stage: Stage) -> None:
    document = pulled(stage)
    for changed, told in (
        ({}, f"give an edited one serial {document['serial'] + 1}"),
        ({"serial": 0}, "is not later"),
        ({"serial": document["serial"] + 1, "lineage": "another"}, "another lineage (another)"),
    ):
        refused = push(stage, {**document, "resources": [], **changed}, expect=1)
        assert told in refused.stderr
        assert pulled(stage) == document
    push(stage, {**document, "resources": [], "lineage": "another"}, "--force")
    after = pulled(stage)
    assert after["resources"] == []
    assert (after["lineage"], after["serial"]) == (document["lineage"], document["serial"] + 1)


def test_no_backups_are_listed_where_none_was_made(stage: Stage) -> None:
    assert stage.run("state", "backups").stdout == ""


def test_a_document_that_is_no_state_is_refused_before_anything_is_written(stage: Stage) -> None:
    document = pulled(stage)
    other = {**document, "serial": document["serial"] + 1, "scope": ["acme", "staging", "main"]}
    assert "that of acme/staging/main, not of acme/default/main" in push(stage, other, expect=1).stderr
    assert "is no state" in push(stage, [], expect=1).stderr
    assert "is not JSON" in stage.run("state", "push", "-", stdin=b"\xff{", expect=1).stderr
    assert "missing.json" in stage.run("state", "push", "missing.json", expect=1).stderr
    assert pulled(stage) == document
    assert not list(stage.directory.rglob("backups"))


def test_a_document_of_other_types_is_damaged_and_nothing_of_it_is_recorded() -> None:
    stage = Stage()
    try:
        stage.apply()
        document = pulled(stage)
        newer = {**document, "serial": document["serial"] + 1}
        assert "damaged: its head" in push(stage, {**newer, "serial": 10**30}, expect=1).stderr
        first, *others = document["resources"]
        for changed in (
            {"price_cents": {"a": 1}},
            {"price_cents": True},
            {"price_cents": 10**30},
            {"type_version": "1"},
            {"declared_in": 1},
            {"dependencies": {}},
            {"outputs": {"url": {"$secret": [{"$ref": [1]}, 1, "d"]}}},
            {"outputs": {"url": {"$secret": ["name", "1", "d"]}}},
            {"attributes": {"a": {"$ref": ["app.shop", 1]}}},
        ):
            refused = push(stage, {**newer, "resources": [*others, {**first, **changed}]}, expect=1)
            assert f"damaged: resource {len(others) + 1} makes no sense" in refused.stderr, (changed, refused.stderr)
            assert "Traceback" not in refused.stderr
        assert "is not JSON" in push(stage, {**newer, "resources": [{**first, "region": "\ud800"}]}, expect=1).stderr
        assert pulled(stage) == document
    finally:
        stage.close()


def test_a_lost_state_takes_a_copy_and_tells_which_secrets_are_not_stored_any_more() -> None:
    stage = Stage()
    try:
        stage.run("secrets", "set", "shop/token", stdin="t0ken")
        stage.apps["shop"]["config"]["TOKEN"] = {"secret": "shop/token"}
        stage.write()
        stage.apply()
        document = pulled(stage)
        (stage.directory / "state.json").write_text(json.dumps(document))
        for path in (stage.directory / ".dpaas").glob("state.db*"):
            path.unlink()
        done = stage.run("state", "push", "state.json")
        assert pulled(stage)["resources"] == document["resources"]
        assert pulled(stage)["serial"] == document["serial"]
        assert "shop/token version 1 is not stored here: `dpaas secrets set shop/token` stores it" in done.stderr
        assert "`dpaas import addon.shop/DATABASE`" in done.stderr
        assert "t0ken" not in done.stderr + done.stdout
        # As it says: what a person stores, and what the region tells, is there again.
        stage.run("secrets", "set", "shop/token", stdin="t0ken")
        stage.run("state", "rm", "addon.shop/DATABASE", "--auto-approve")
        stage.run("import", "addon.shop/DATABASE", "--auto-approve")
        plan = stage.run("plan", "--detailed-exitcode").stdout
        assert "No changes" in plan
    finally:
        stage.close()


def test_steps_that_were_never_finished_are_put_back_and_those_here_stay() -> None:
    stage = Stage()
    try:
        stage.apply()
        document = pulled(stage)
        step = {
            "step": "create:app.blog#i1",
            "operation": "create",
            "address": "app.blog",
            "instance": "i1",
            "region": "us",
        }
        push(stage, {**document, "serial": 100, "unfinished_steps": [step]})
        assert pulled(stage)["unfinished_steps"] == [step]
        push(stage, {**document, "serial": 101})
        assert pulled(stage)["unfinished_steps"] == [step]
        assert pulled(stage)["serial"] == 101
    finally:
        stage.close()
