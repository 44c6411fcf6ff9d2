"""The scanner can fail: what is planted is found, in each form and each place."""

from __future__ import annotations

import base64
import gzip
import json
import os
import subprocess
import sys
import urllib.parse
from pathlib import Path

import pytest
from leak_scan import Scanner, Watching, forms, marker

VALUE = marker('S"e\\c /', "+é&%=")


@pytest.fixture
def scanner() -> Scanner:
    found = Scanner()
    found.know("the secret", VALUE)
    return found


@pytest.mark.parametrize("form", forms(VALUE))
def test_each_form_is_found_in_a_log(scanner: Scanner, tmp_path: Path, form: str) -> None:
    (tmp_path / "app.log").write_bytes(b"at=info " + forms(VALUE)[form] + b" status=200\n")
    assert scanner.search_files([tmp_path]) == 1
    assert any("app.log" in finding for finding in scanner.findings)
    assert all(VALUE not in finding for finding in scanner.findings)


@pytest.mark.parametrize("before", range(6))
def test_what_encoders_really_write_is_found(scanner: Scanner, before: int) -> None:
    text = "x" * before + VALUE + "after"
    encoded = {
        "base64": base64.b64encode(text.encode()),
        "base64 for URLs": base64.urlsafe_b64encode(text.encode()),
        "JSON": json.dumps({"key": text}).encode(),
        "JSON, UTF-8": json.dumps(text, ensure_ascii=False).encode(),
        "URL": urllib.parse.quote(text, safe="").encode(),
        "URL, form": urllib.parse.urlencode({"a": text}).encode(),
        "hex": text.encode().hex().encode(),
    }
    for name, content in encoded.items():
        scanner.findings.clear()
        scanner.search(name, content)
        assert any(f"({name.split()[0].rstrip(',')}" in finding for finding in scanner.findings), (
            name,
            scanner.findings,
        )


def test_packed_files_and_file_names_are_searched(scanner: Scanner, tmp_path: Path) -> None:
    (tmp_path / "slug.tar.gz").write_bytes(gzip.compress(VALUE.encode()))
    (tmp_path / forms(VALUE)["hex"].decode()).write_text("")
    scanner.search_files([tmp_path])
    assert any(finding.endswith("slug.tar.gz") for finding in scanner.findings)
    assert any("name" in finding for finding in scanner.findings)


@pytest.mark.parametrize("place", ["arguments", "environment"])
def test_a_process_that_lives_for_a_moment_is_seen(scanner: Scanner, place: str) -> None:
    arguments = [VALUE] if place == "arguments" else []
    environment = {**os.environ, **({"TOKEN": VALUE} if place == "environment" else {})}
    with Watching(scanner):
        subprocess.run([sys.executable, "-c", "import time; time.sleep(0.5)", *arguments], env=environment, check=True)
    assert any(finding.startswith("the secret (plain) in " + place) for finding in scanner.findings)


def test_a_dyno_s_own_environment_is_where_a_secret_belongs(scanner: Scanner) -> None:
    environment = {**os.environ, "TOKEN": VALUE, "DYNO": "web.1"}
    with Watching(scanner):
        subprocess.run([sys.executable, "-c", "import time; time.sleep(0.3)"], env=environment, check=True)
    assert scanner.findings == set()


def test_a_value_given_to_one_program_is_found_in_the_environment_of_what_that_starts(
    scanner: Scanner, tmp_path: Path
) -> None:
    program = tmp_path / "program.py"
    program.write_text("import subprocess, sys, time\nsubprocess.run(sys.argv[1:])\ntime.sleep(0.3)\n")
    scanner.given["the secret"] = str(program)
    environment = {**os.environ, "TOKEN": VALUE}
    with Watching(scanner):
        subprocess.run([sys.executable, program, "env", "-i", "sleep", "0.3"], env=environment, check=True)
    assert {finding for finding in scanner.findings if "(env -i" not in finding} == set()
    scanner.findings.clear()
    with Watching(scanner):
        subprocess.run([sys.executable, program, "sleep", "0.3"], env=environment, check=True)
    assert any(finding.startswith("the secret (plain) in environment of") for finding in scanner.findings)


def test_nothing_is_found_where_nothing_is(scanner: Scanner, tmp_path: Path) -> None:
    (tmp_path / "app.log").write_text("at=info\n" * 1000)
    scanner.search_files([tmp_path])
    scanner.search_processes()
    assert scanner.findings == set()
