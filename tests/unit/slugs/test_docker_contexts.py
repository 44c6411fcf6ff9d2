"""What a Dockerfile's build gets of a source, and what makes it another image."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from declarative_paas.providers.slugs.docker_context import DockerBuild, inspect_context
from declarative_paas.providers.slugs.source import SourceError

PLAIN = DockerBuild(dockerfile="Dockerfile")


def tree(root: Path, names: Iterable[str], **texts: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(texts.get(name, name), encoding="utf-8")
    return root


def names(source: Path, build: DockerBuild = PLAIN) -> list[str]:
    return [file.path for file in inspect_context(source, build).files]


FILES = ("Dockerfile", "app.py", "notes.md", "docs/a.md", "docs/b.txt", "src/keep.py", "src/deep/drop.log")


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ("", ["Dockerfile", "app.py", "docs/a.md", "docs/b.txt", "notes.md", "src/deep/drop.log", "src/keep.py"]),
        # Unlike git's rules these begin at the root.
        ("*.md", ["Dockerfile", "app.py", "docs/a.md", "docs/b.txt", "src/deep/drop.log", "src/keep.py"]),
        ("**/*.md\n# a remark\n\n**/*.log", ["Dockerfile", "app.py", "docs/b.txt", "src/keep.py"]),
        # Unlike git's they take back in what is below a directory that is left out.
        ("*\n!src/keep.py", ["Dockerfile", "src/keep.py"]),
        ("docs\n!docs/a.md\nsrc", ["Dockerfile", "app.py", "docs/a.md", "notes.md"]),
        # The builder needs the Dockerfile, whatever they say.
        ("Dockerfile\nsrc\ndocs\n*.md", ["Dockerfile", "app.py"]),
    ],
)
def test_dockerignore_is_read_by_docker_s_rules(tmp_path: Path, rules: str, expected: list[str]) -> None:
    tree(tmp_path, FILES)
    (tmp_path / ".dockerignore").write_text(rules, encoding="utf-8")
    assert names(tmp_path) == [".dockerignore", *expected]


def test_a_dockerfile_s_own_rules_take_the_place_of_the_usual_ones(tmp_path: Path) -> None:
    tree(tmp_path, ["docker/web", "a.txt", "b.txt"])
    (tmp_path / ".dockerignore").write_text("a.txt", encoding="utf-8")
    assert "a.txt" not in names(tmp_path, DockerBuild(dockerfile="docker/web"))
    (tmp_path / "docker/web.dockerignore").write_text("b.txt\ndocker", encoding="utf-8")
    found = names(tmp_path, DockerBuild(dockerfile="docker/web"))
    assert "a.txt" in found and "docker/web" in found and "b.txt" not in found


def test_what_never_belongs_to_a_source_does_not_get_into_a_build(tmp_path: Path) -> None:
    tree(tmp_path, ["Dockerfile", ".git/HEAD", "node_modules/x/index.js", ".dpaas/state.db", "dpaas.yaml"])
    assert names(tmp_path) == ["Dockerfile"]


def test_the_same_content_and_use_is_the_same_image_and_anything_else_another(tmp_path: Path) -> None:
    one, two = (tree(tmp_path / place, ["Dockerfile", "other", "app.py"]) for place in ("one", "two"))
    usual = inspect_context(one, PLAIN).digest
    assert inspect_context(two, PLAIN).digest == usual
    assert inspect_context(one, DockerBuild(dockerfile="./Dockerfile")).digest == usual
    changed = [
        replace(PLAIN, dockerfile="other"),
        replace(PLAIN, target="builder"),
        replace(PLAIN, args={"A": "1"}),
        replace(PLAIN, args={"A": "2"}),
    ]
    digests = {inspect_context(one, build).digest for build in changed}
    assert len(digests) == len(changed) and usual not in digests
    (two / "app.py").write_text("changed", encoding="utf-8")
    assert inspect_context(two, PLAIN).digest != usual


def test_a_left_out_file_makes_no_other_image(tmp_path: Path) -> None:
    tree(tmp_path, ["Dockerfile", "debug.log"])
    (tmp_path / ".dockerignore").write_text("*.log", encoding="utf-8")
    before = inspect_context(tmp_path, PLAIN).digest
    (tmp_path / "debug.log").write_text("more", encoding="utf-8")
    assert inspect_context(tmp_path, PLAIN).digest == before


def test_a_source_without_its_dockerfile_is_told(tmp_path: Path) -> None:
    tree(tmp_path, ["app.py"])
    with pytest.raises(SourceError, match="has no Dockerfile build/Dockerfile"):
        inspect_context(tmp_path, DockerBuild(dockerfile="build/Dockerfile"))
