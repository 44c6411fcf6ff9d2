"""Two regions of one platform: what they cannot share is told before anything is asked of an engine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

DPAAS = Path(sys.executable).parent / "dpaas"
MANIFEST = """\
kind: Platform
metadata: {{name: acme}}
spec:
  regions:
    eu: {{provider: docker, jurisdiction: EU, {eu}}}
    us: {{provider: docker, jurisdiction: US, {us}}}
"""


def validate(directory: Path, *, eu: str, us: str) -> tuple[int, str]:
    (directory / "dpaas.yaml").write_text(MANIFEST.format(eu=eu, us=us), encoding="utf-8")
    done = subprocess.run([DPAAS, "validate"], cwd=directory, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("eu", "us"),
    [
        ("port: 8080", "port: 8080, options: {app_ports: 9000-9010}"),
        ("port: 8080", "port: 8081"),  # the same ports for apps
        ("port: 8080", "port: 20050, options: {app_ports: 9000-9010}"),
        ("host: 'tcp://a:2376'", "host: 'tcp://a:2376'"),
        ("options: {context: a}", "options: {context: a}"),
    ],
)
def test_two_regions_on_one_engine_cannot_have_one_port(tmp_path: Path, eu: str, us: str):
    code, told = validate(tmp_path, eu=eu, us=us)
    assert code == 1
    assert "[port-clash]" in told
    assert "region us asks for port" in told


@pytest.mark.parametrize(
    ("eu", "us"),
    [
        ("host: 'tcp://a:2376'", "host: 'tcp://b:2376'"),
        ("options: {context: a}", "options: {context: b}"),
        ("port: 8080", "port: 8081, options: {app_ports: 9000-9010}"),
    ],
)
def test_regions_on_two_engines_or_with_ports_that_differ_do_not_meet(tmp_path: Path, eu: str, us: str):
    assert validate(tmp_path, eu=eu, us=us)[0] == 0
