from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# The projects of the local provider's tests, and the stage of the command line's.
sys.path.append(str(Path(__file__).parents[1] / "local"))
sys.path.append(str(Path(__file__).parents[1] / "cli"))


@pytest.fixture
def project() -> Iterator[object]:
    from project import Project

    found = Project()
    try:
        yield found
    finally:
        found.close()


@pytest.fixture
def stage() -> Iterator[object]:
    from secret_stage import SecretStage

    made = SecretStage()
    try:
        yield made
    finally:
        made.close()
