"""A slug's archive: the same bytes for the same content, and everything of it."""

from __future__ import annotations

import os
import socket
import subprocess
import tarfile
from pathlib import Path

from source_tree import write_tree

from declarative_paas.providers.slugs.archive import FIXED_TIME, write_archive
from declarative_paas.providers.slugs.store import file_digest

FILES = {"app.py": "print()", "sub/deep/x": "x", "z": b"\0" * 100_000, "empty": None, "ü/ß": "unicode"}


def archive(directory: Path, target: Path) -> str:
    write_archive(directory, target)
    return file_digest(target)


def test_the_bytes_depend_on_the_content_alone(tmp_path: Path) -> None:
    first = write_tree(tmp_path / "first", FILES)
    second = write_tree(tmp_path / "second", dict(reversed(FILES.items())))
    for path in second.rglob("*"):
        os.utime(path, (1, 1))
        path.chmod(0o700 if path.is_dir() else 0o600)
    assert archive(first, tmp_path / "1") == archive(second, tmp_path / "other-name")
    (second / "app.py").chmod(0o700)
    assert archive(second, tmp_path / "3") != archive(first, tmp_path / "1")


def test_entries_are_in_order_whatever_order_the_disk_has(tmp_path: Path) -> None:
    names = [f"{number * 7919 % 211:03}" for number in range(211)]
    directory = write_tree(tmp_path / "app", {f"{name}/x": name for name in names})
    write_archive(directory, tmp_path / "slug.tar.gz")
    with tarfile.open(tmp_path / "slug.tar.gz") as opened:
        found = opened.getnames()
    assert found == sorted(found)
    assert len(found) == 2 * len(names)


def test_tar_extracts_what_was_archived(tmp_path: Path) -> None:
    directory = write_tree(tmp_path / "app", FILES)
    (directory / "app.py").chmod(0o755)
    (directory / "link").symlink_to("sub/deep/x")
    (directory / "absolute").symlink_to("/usr/bin/env")
    os.link(directory / "z", directory / "z-again")
    (directory / os.fsdecode(b"\xff")).write_text("x")
    write_archive(directory, tmp_path / "slug.tar.gz")
    copy = tmp_path / "copy"
    copy.mkdir()
    subprocess.run(["tar", "-xozf", str(tmp_path / "slug.tar.gz")], cwd=copy, check=True)
    assert sorted(path.relative_to(copy) for path in copy.rglob("*")) == sorted(
        path.relative_to(directory) for path in directory.rglob("*")
    )
    assert (copy / "z-again").read_bytes() == FILES["z"]
    assert (copy / "z-again").stat().st_nlink == 1
    assert (copy / "link").readlink() == Path("sub/deep/x")
    assert (copy / "absolute").readlink() == Path("/usr/bin/env")
    assert os.access(copy / "app.py", os.X_OK)
    assert not (copy / "sub" / "deep" / "x").stat().st_mode & 0o111


def test_no_owner_no_time_and_no_special_bit_get_in(tmp_path: Path) -> None:
    directory = write_tree(tmp_path / "app", {"tool": "x"})
    (directory / "tool").chmod(0o6755)
    write_archive(directory, tmp_path / "slug.tar.gz")
    with tarfile.open(tmp_path / "slug.tar.gz") as opened:
        (entry,) = opened.getmembers()
    assert (entry.uid, entry.gid, entry.uname, entry.gname) == (0, 0, "", "")
    assert (entry.mode, entry.mtime) == (0o755, FIXED_TIME)


def test_pipes_and_sockets_that_a_build_left_are_left_out(tmp_path: Path) -> None:
    directory = write_tree(tmp_path / "app", {"a": "a"})
    os.mkfifo(directory / "pipe")
    here = Path.cwd()
    os.chdir(directory)
    try:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind("s")
    finally:
        os.chdir(here)
    write_archive(directory, tmp_path / "slug.tar.gz")
    with tarfile.open(tmp_path / "slug.tar.gz") as opened:
        assert opened.getnames() == ["a"]
