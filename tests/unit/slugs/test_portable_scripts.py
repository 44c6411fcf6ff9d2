"""Programs that pip installed name the build's Python; a slug's must not."""

from __future__ import annotations

import base64
import hashlib
import sys
from pathlib import Path

import pytest
from source_tree import write_tree

from declarative_paas.providers.slugs.scripts import make_scripts_portable

BODY = "import sys\nprint('ran')\n"
STACK = Path("/some where/stack/bin")


@pytest.mark.parametrize(
    "start",
    [
        f"#!{STACK}/python3\n",
        f"#!{STACK}/python\n",
        f"#!/bin/sh\n'''exec' \"{STACK}/python3\" \"$0\" \"$@\"\n' '''\n",
        f"#!/bin/sh\n'''exec' {STACK}/python3 \"$0\" \"$@\"\n' '''\n",
    ],
)
def test_every_form_that_pip_writes_becomes_portable_and_the_record_follows(start: str, tmp_path: Path) -> None:
    record = "../../bin/tool,sha256=old,3\npackage/tool,sha256=kept,4\npackage-1.dist-info/RECORD,,\n"
    app = write_tree(tmp_path, {"vendor/bin/tool": start + BODY, "vendor/package-1.dist-info/RECORD": record})
    (app / "vendor/bin/tool").chmod(0o755)
    make_scripts_portable(app, STACK)
    content = (app / "vendor/bin/tool").read_bytes()
    assert content == b"#!/usr/bin/env python3\n" + BODY.encode()
    assert (app / "vendor/bin/tool").stat().st_mode & 0o777 == 0o755
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
    assert (app / "vendor/package-1.dist-info/RECORD").read_text() == (
        f"../../bin/tool,sha256={digest},{len(content)}\npackage/tool,sha256=kept,4\npackage-1.dist-info/RECORD,,\n"
    )


@pytest.mark.parametrize(
    "content",
    [
        f"#!{sys.prefix}/elsewhere/python3\n{BODY}",
        "#!/usr/bin/env python3\n" + BODY,
        "#!/bin/sh\necho hello\n",
        b"\x7fELF\0\xff\xfe",
        "",
    ],
)
def test_any_other_program_stays_as_it_is(content: str | bytes, tmp_path: Path) -> None:
    app = write_tree(tmp_path, {"vendor/bin/tool": content})
    before = (app / "vendor/bin/tool").read_bytes()
    make_scripts_portable(app, STACK)
    assert (app / "vendor/bin/tool").read_bytes() == before


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text(f"#!{STACK}/python3\n")
    app = write_tree(tmp_path / "app", {"vendor/bin": None})
    (app / "vendor/bin/tool").symlink_to(outside)
    make_scripts_portable(app, STACK)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "vendor").symlink_to(app / "vendor")
    make_scripts_portable(tmp_path / "other", STACK)
    assert outside.read_text() == f"#!{STACK}/python3\n"


def test_an_app_without_installed_programs_is_left_alone(tmp_path: Path) -> None:
    app = write_tree(tmp_path, {"app.py": BODY})
    make_scripts_portable(app, STACK)
    assert [path.name for path in app.rglob("*")] == ["app.py"]
