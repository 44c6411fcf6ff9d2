"""An app whose image its Dockerfile makes, as resources."""

from __future__ import annotations

from pathlib import Path

from desired_case import app, attributes, codes, desire

from declarative_paas.core.values import Reference

SOURCE = "source: {path: ./src, dockerfile: Dockerfile, args: {VERSION: 2}}"


def with_dockerfile(directory: Path) -> Path:
    (directory / "src").mkdir()
    (directory / "src/Dockerfile").write_text("FROM scratch\n", encoding="utf-8")
    return directory


def test_a_dockerfile_is_part_of_what_makes_the_slug_and_the_release_uses_it_as_any_other(tmp_path: Path) -> None:
    resources, diagnostics = desire(with_dockerfile(tmp_path), app("shop", SOURCE))
    assert diagnostics == []
    slug = attributes(resources, "slug.shop")
    assert slug == {
        "source": "d1",
        "path": "src",
        "build": None,
        "dockerfile": "Dockerfile",
        "args": {"VERSION": "2"},
    }
    assert isinstance(attributes(resources, "release.shop")["slug"], Reference)


def test_without_a_formation_it_serves_by_the_image_s_own_command(tmp_path: Path) -> None:
    resources, _ = desire(with_dockerfile(tmp_path), app("shop", SOURCE))
    processes = attributes(resources, "formation.shop")["processes"]
    assert processes == {"web": {"command": None, "size": "standard-1x", "quantity": 1, "health": None}}


def test_a_process_type_may_leave_its_command_to_the_image_only_where_there_is_one(tmp_path: Path) -> None:
    formation = "formation: {worker: {quantity: 1}}"
    _, diagnostics = desire(with_dockerfile(tmp_path), app("shop", SOURCE, formation), app("plain", formation))
    assert codes(diagnostics) == ["no-command"]
