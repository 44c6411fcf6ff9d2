"""`dpaas init` and `dpaas fmt` on real files."""

from __future__ import annotations

import json
from pathlib import Path

from cli_case import Stage

UNTIDY = "spec: {regions: {us: {provider: memory}}}\nkind:   Platform\n# the name\nmetadata:\n    name: acme\n"


def test_what_init_writes_is_valid_and_formatted(stage: Stage) -> None:
    done = stage.run("init", "new/shop")
    assert "wrote new/shop/dpaas.yaml" in done.stdout
    where = stage.directory / "new" / "shop"
    (where / "Procfile").write_text("web: ./serve\n")
    assert (where / ".gitignore").read_text() == ".dpaas/\n"
    stage.run("validate", "-f", "new/shop")
    stage.run("fmt", "--check", "new/shop")


def test_init_makes_an_app_of_what_another_tool_was_told(stage: Stage) -> None:
    where = stage.directory / "old"
    where.mkdir()
    (where / "app.json").write_text(json.dumps({"name": "storefront", "env": {"LOG_LEVEL": "debug"}}))
    (where / "Procfile").write_text("web: ./serve\nrelease: ./migrate\n")
    stage.run("init", "--from", "old/app.json", "--from", "old/Procfile", "old")
    text = (where / "dpaas.yaml").read_text()
    assert "LOG_LEVEL: debug" in text
    assert "release: ./migrate" in text
    stage.run("validate", "-f", "old")


def test_init_reads_sources_from_where_the_old_description_lies(stage: Stage) -> None:
    (stage.directory / "src" / "Procfile").write_text("web: ./serve\n")
    stage.run("init", "--from", "src/Procfile", "deploy")
    assert "path: ../src" in (stage.directory / "deploy" / "dpaas.yaml").read_text()
    stage.run("validate", "-f", "deploy")


def test_init_never_overwrites(stage: Stage) -> None:
    before = (stage.directory / "dpaas.yaml").read_bytes()
    stage.run("init", expect=1)
    assert (stage.directory / "dpaas.yaml").read_bytes() == before


def make_untidy(stage: Stage) -> Path:
    where = stage.directory / "untidy"
    (where / "overlays" / "production").mkdir(parents=True)
    (where / "dpaas.yaml").write_text(UNTIDY)
    (where / "overlays" / "production" / "all.yaml").write_text(UNTIDY)
    (where / "compose.yaml").write_text("services:   {}\n")
    return where


def test_fmt_rewrites_manifests_and_overlays_and_nothing_else(stage: Stage) -> None:
    where = make_untidy(stage)
    (where / "dpaas.yaml").chmod(0o640)
    changed = stage.run("fmt", "untidy").stdout.splitlines()
    assert changed == ["untidy/dpaas.yaml", "untidy/overlays/production/all.yaml"]
    text = (where / "dpaas.yaml").read_text()
    assert text.startswith("kind: Platform\n")
    assert "# the name" in text
    assert (where / "dpaas.yaml").stat().st_mode & 0o777 == 0o640
    assert (where / "compose.yaml").read_text() == "services:   {}\n"
    assert stage.run("fmt", "untidy").stdout == ""


def test_fmt_check_writes_nothing_and_ends_with_1(stage: Stage) -> None:
    where = make_untidy(stage)
    assert "untidy/dpaas.yaml" in stage.run("fmt", "--check", "untidy", expect=1).stdout
    assert (where / "dpaas.yaml").read_text() == UNTIDY


def test_fmt_leaves_a_file_that_it_cannot_read_as_it_is(stage: Stage) -> None:
    where = make_untidy(stage)
    broken = b"kind: App\nmetadata: [\n"
    (where / "app.yaml").write_bytes(broken)
    told = stage.run("fmt", "untidy", expect=1)
    assert "untidy/app.yaml:" in told.stderr
    assert (where / "app.yaml").read_bytes() == broken
    assert "untidy/dpaas.yaml" in told.stdout
