"""Makes the programs that pip installed run wherever the slug is: their first line names the build's Python."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import re
from collections.abc import Mapping
from pathlib import Path

from declarative_paas.providers.slugs.recipe import VENDOR

_PORTABLE = b"#!/usr/bin/env python3\n"
_FIRST_LINES = re.compile(
    # Long paths and paths with blanks do not fit the kernel's first line: pip writes a shell's way around it.
    rb"\A#!(?:/bin/sh\n'''exec' )?\"?(?P<python>/[^\n\"]*?)\"?(?: \"\$0\" \"\$@\"\n' ''')?\n"
)


def make_scripts_portable(app: Path, stack_bin: Path) -> None:
    """Rewrites the installed scripts of a Python app, and their checksums in the packages' records."""
    vendor = app / VENDOR
    if vendor.is_symlink() or not (vendor / "bin").is_dir() or (vendor / "bin").is_symlink():
        return
    changed: dict[str, bytes] = {}
    for script in sorted((vendor / "bin").iterdir()):
        if script.is_symlink() or not script.is_file():
            continue
        content = script.read_bytes()
        start = _FIRST_LINES.match(content)
        if start is None or Path(start["python"].decode("utf-8", "surrogateescape")).parent != stack_bin:
            continue
        changed[script.name] = _PORTABLE + content[start.end() :]
        script.write_bytes(changed[script.name])
    if changed:
        for record in sorted(vendor.glob("*.dist-info/RECORD")):
            if not (record.is_symlink() or record.parent.is_symlink()):
                _correct(record, changed)


def _correct(record: Path, changed: Mapping[str, bytes]) -> None:
    rows = list(csv.reader(record.read_text(encoding="utf-8").splitlines()))
    is_new = False
    for row in rows:
        place, _, name = row[0].rpartition("/") if row else ("", "", "")
        if name in changed and Path(place).name == "bin" and place.startswith(".."):
            digest = base64.urlsafe_b64encode(hashlib.sha256(changed[name]).digest()).rstrip(b"=").decode("ascii")
            row[1:] = [f"sha256={digest}", str(len(changed[name]))]
            is_new = True
    if is_new:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        record.write_text(text.getvalue(), encoding="utf-8")
