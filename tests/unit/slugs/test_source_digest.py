"""A source's digest: the same for the same tree anywhere, another for any other tree."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from source_tree import write_tree

from declarative_paas.providers.slugs.source import ALWAYS_IGNORED, list_files, source_digest

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1).filter(
    lambda name: name not in {".", "..", ".slugignore", *ALWAYS_IGNORED} and len(name.encode()) < 100
)
FILES = st.dictionaries(NAMES, st.binary(max_size=40), min_size=1, max_size=6)


def digest_of_files(files: Mapping[str, bytes]) -> str:
    with tempfile.TemporaryDirectory() as place:
        return source_digest(write_tree(Path(place), files))


@given(FILES, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_neither_the_place_nor_the_order_of_writing_changes_the_digest(
    files: dict[str, bytes], random: st.DataObject
) -> None:
    names = list(files)
    random.shuffle(names)
    assert digest_of_files(files) == digest_of_files({name: files[name] for name in names})


@given(FILES, FILES)
@settings(max_examples=100, deadline=None)
def test_two_different_trees_have_two_digests(one: dict[str, bytes], other: dict[str, bytes]) -> None:
    assume(one != other)
    assert digest_of_files(one) != digest_of_files(other)


@given(FILES, st.data())
@settings(max_examples=60, deadline=None)
def test_any_changed_content_changes_the_digest(files: dict[str, bytes], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(files)))
    content = data.draw(st.binary(max_size=40).filter(lambda content: content != files[name]))
    assert digest_of_files(files) != digest_of_files({**files, name: content})


def test_text_that_moves_from_one_file_to_the_next_changes_the_digest() -> None:
    assert digest_of_files({"a": b"xy", "b": b""}) != digest_of_files({"a": b"x", "b": b"y"})


def test_only_the_executable_bit_of_the_mode_counts(tmp_path: Path) -> None:
    source = write_tree(tmp_path, {"run.sh": "echo"})
    digests: dict[int, str] = {}
    for mode in (0o644, 0o600, 0o664, 0o755, 0o700):
        (source / "run.sh").chmod(mode)
        digests[mode] = source_digest(source)
    assert digests[0o644] == digests[0o600] == digests[0o664] != digests[0o755] == digests[0o700]


def test_times_do_not_count(tmp_path: Path) -> None:
    source = write_tree(tmp_path, {"a": "a"})
    before = source_digest(source)
    os.utime(source / "a", (0, 0))
    assert source_digest(source) == before


def test_a_link_is_not_the_file_it_points_to_and_its_target_counts(tmp_path: Path) -> None:
    linked = write_tree(tmp_path / "linked", {"a": "text", "b": "text"})
    (linked / "link").symlink_to("a")
    copied = write_tree(tmp_path / "copied", {"a": "text", "b": "text", "link": "text"})
    elsewhere = write_tree(tmp_path / "elsewhere", {"a": "text", "b": "text"})
    (elsewhere / "link").symlink_to("b")
    assert len({source_digest(linked), source_digest(copied), source_digest(elsewhere)}) == 3


def test_an_empty_directory_is_nothing_as_in_git(tmp_path: Path) -> None:
    source = write_tree(tmp_path, {"a": "a"})
    before = source_digest(source)
    (source / "empty" / "deeper").mkdir(parents=True)
    assert source_digest(source) == before


@pytest.mark.parametrize("name", sorted(ALWAYS_IGNORED))
def test_what_no_slug_ever_holds_does_not_count_at_any_depth(name: str, tmp_path: Path) -> None:
    source = write_tree(tmp_path, {"a": "a", "sub/b": "b"})
    before = source_digest(source)
    write_tree(source, {f"{name}/x": "x", f"sub/{name}/y": "y"})
    assert source_digest(source) == before


def test_a_name_that_is_not_utf8_is_a_name_like_others(tmp_path: Path) -> None:
    source = write_tree(tmp_path / "source", {"a": "a"})
    before = source_digest(source)
    (source / os.fsdecode(b"\xff\xfe")).write_text("x")
    shutil.copytree(source, tmp_path / "copy")
    assert before != source_digest(source) == source_digest(tmp_path / "copy")


def test_files_are_listed_by_path_without_the_source_directory(tmp_path: Path) -> None:
    source = write_tree(tmp_path, {"b/c": "1", "a": "22", "b.txt": ""})
    assert [(file.path, file.size) for file in list_files(source)] == [("a", 2), ("b.txt", 0), ("b/c", 1)]
