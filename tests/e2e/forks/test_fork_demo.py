"""`make demo-fork` does what it says."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from project import Project

EXAMPLE = Path(__file__).parents[3] / "examples" / "storefront"


@pytest.fixture
def storefront() -> Iterator[Project]:
    found = Project()
    left_out = shutil.ignore_patterns(".dpaas", "__pycache__", "storefront-eu.dpaas.yaml")
    shutil.copytree(EXAMPLE, found.directory, dirs_exist_ok=True, ignore=left_out)
    try:
        yield found
    finally:
        found.close()


@pytest.mark.timeout(300)
def test_the_demo_forks_checks_and_undoes(storefront: Project) -> None:
    done = subprocess.run(
        [sys.executable, "demo_fork.py"],
        cwd=storefront.directory,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for sentence in (
        "are read through the router of eu, as they were in us.",
        "each has its own database from now on.",
        "which lead to the fork's own add-ons.",
        "and shop.example.com to the storefront alone.",
        "public.orders",
        "A second plan is empty: the data is copied once.",
        "the storefront is as it was.",
    ):
        assert sentence in done.stdout
    assert not (storefront.directory / "storefront-eu.dpaas.yaml").exists()
