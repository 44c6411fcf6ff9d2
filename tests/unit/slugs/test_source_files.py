"""Which files belong to a source, and what makes a source unusable."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from source_tree import write_tree

from declarative_paas.providers.slugs import source as source_module
from declarative_paas.providers.slugs.source import SourceError, list_files, source_digest

TREE = {
    "app.py": "",
    "notes.log": "",
    "keep.log": "",
    "build/out": "",
    "build/keep": "",
    "docs/a.md": "",
    "docs/deep/b.md": "",
    "docs/deep/build/c": "",
    "a b.txt": "",
    "#hash": "",
    "!bang": "",
    "vendor/x.py": "",
}

RULES = {
    "a suffix": ["*.log"],
    "taken back in": ["*.log", "!keep.log"],
    "a directory anywhere": ["build/"],
    "a directory at the top": ["/build/"],
    "a directory and all below, but for one": ["build/*", "!build/keep"],
    "no way back below what is out": ["build/", "!build/keep"],
    "two stars before": ["**/b.md"],
    "two stars after": ["docs/**"],
    "two stars between": ["docs/**/c"],
    "a path is from the top": ["docs/a.md", "deep/b.md"],
    "one character": ["?pp.py"],
    "a set": ["[ak]*"],
    "comment and blank": ["# *.log", "", "   "],
    "escaped hash and bang": ["\\#hash", "\\!bang"],
    "a blank in a name": ["a b.txt"],
    "everything but": ["/*", "!/docs", "!/app.py"],
    "order counts": ["!keep.log", "*.log"],
    "trailing blanks": ["*.log   "],
}


@pytest.mark.parametrize("rules", RULES.values(), ids=RULES.keys())
def test_slugignore_leaves_out_what_git_would_ignore(rules: list[str], tmp_path: Path) -> None:
    if shutil.which("git") is None:
        pytest.skip("git is not installed: nothing to compare with")
    source = write_tree(tmp_path / "source", {**TREE, ".slugignore": "\n".join(rules) + "\n"})
    excludes = tmp_path / "excludes"
    excludes.write_text("\n".join(rules) + "\n")
    subprocess.run(["git", "init", "--quiet", str(source)], check=True)
    listed = subprocess.run(
        ["git", "-C", str(source), "ls-files", "--others", "-z", f"--exclude-from={excludes}"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    expected = sorted(name for name in listed.split("\0") if name)
    assert expected, "the case leaves nothing to compare"
    assert [file.path for file in list_files(source)] == expected


def test_a_changed_slugignore_is_a_changed_source(tmp_path: Path) -> None:
    source = write_tree(tmp_path, {"a": "a", ".slugignore": "nothing\n"})
    before = source_digest(source)
    (source / ".slugignore").write_text("nothing-else\n")
    assert source_digest(source) != before


def test_what_is_ignored_may_be_anything(tmp_path: Path) -> None:
    source = write_tree(tmp_path, {"a": "a", ".slugignore": "pipe\nout\n"})
    os.mkfifo(source / "pipe")
    (source / "out").symlink_to("/etc/passwd")
    assert [file.path for file in list_files(source)] == [".slugignore", "a"]


def _bind_socket(source: Path) -> None:
    # Bound by a relative name: a socket's path must be short.
    here = Path.cwd()
    os.chdir(source)
    try:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind("s")
    finally:
        os.chdir(here)


def _link(target: str) -> Callable[[Path], None]:
    return lambda source: (source / "link").symlink_to(target)


def _link_by_way_of_a_directory(source: Path) -> None:
    (source / "one" / "two").mkdir(parents=True)
    (source / "one" / "two" / "top").symlink_to("../..")
    # By its text it stays inside; followed, it does not.
    (source / "link").symlink_to("one/two/top/../outside")


UNUSABLE: dict[str, tuple[Callable[[Path], None], str]] = {
    "absolute link": (_link("/etc/passwd"), "absolute path /etc/passwd"),
    "link out": (_link("../outside"), "leads out of the source"),
    "link far out": (_link("sub/../../outside"), "leads out of the source"),
    "link out, hidden": (_link_by_way_of_a_directory, "leads out of the source"),
    "pipe": (lambda source: os.mkfifo(source / "pipe"), "neither a file"),
    "socket": (_bind_socket, "neither a file"),
    "no pattern": (lambda source: (source / ".slugignore").write_text("a\n!\n") and None, ".slugignore:2"),
    "not text": (lambda source: (source / ".slugignore").write_bytes(b"\xff\n") and None, "not UTF-8"),
}


@pytest.mark.parametrize(("spoil", "says"), UNUSABLE.values(), ids=UNUSABLE.keys())
def test_what_cannot_be_in_a_slug_is_refused_by_name(spoil: Callable[[Path], None], says: str, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("secret")
    source = write_tree(tmp_path / "source", {"a": "a", "sub/b": "b"})
    spoil(source)
    with pytest.raises(SourceError, match=says):
        source_digest(source)


def test_links_that_stay_inside_are_welcome_even_to_nothing(tmp_path: Path) -> None:
    source = write_tree(tmp_path, {"sub/b": "b"})
    (source / "sub" / "up").symlink_to("../sub/b")
    (source / "dangling").symlink_to("made-by-the-build")
    (source / "directory").symlink_to("sub")
    found = {file.path: file.target for file in list_files(source)}
    assert found == {"dangling": "made-by-the-build", "directory": "sub", "sub/b": None, "sub/up": "../sub/b"}


def test_no_source_a_file_and_a_source_that_is_a_link(tmp_path: Path) -> None:
    source = write_tree(tmp_path / "source", {"a": "a"})
    with pytest.raises(SourceError, match="does not exist"):
        source_digest(tmp_path / "missing")
    with pytest.raises(SourceError, match="is not a directory"):
        source_digest(source / "a")
    (tmp_path / "link").symlink_to(source)
    assert source_digest(tmp_path / "link") == source_digest(source)


def test_a_source_that_is_too_large_is_told_how_to_be_smaller(tmp_path: Path) -> None:
    source = write_tree(tmp_path, {"a": "a"})
    with (source / "core").open("wb") as sparse:
        sparse.truncate(source_module.MAX_SOURCE_BYTES + 1)
    with pytest.raises(SourceError, match=r"more than 500: leave files out with \.slugignore"):
        list_files(source)
    (source / ".slugignore").write_text("core\n")
    assert [file.path for file in list_files(source)] == [".slugignore", "a"]


@contextmanager
def _without_privileges() -> Iterator[None]:
    """Root may read everything; for this while we are not root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("unreadable", ["a", "sub", "."])
def test_what_cannot_be_read_is_named(unreadable: str, open_directory: Path) -> None:
    source = write_tree(open_directory / "source", {"a": "a", "sub/b": "b"})
    (source / unreadable).chmod(0)
    try:
        with _without_privileges(), pytest.raises(SourceError, match="cannot be read: Permission denied"):
            source_digest(source)
    finally:
        (source / unreadable).chmod(0o755)
