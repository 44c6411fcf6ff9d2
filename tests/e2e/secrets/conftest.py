from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# The projects of the local provider's tests.
sys.path.append(str(Path(__file__).parents[1] / "local"))


@pytest.fixture
def project() -> Iterator[object]:
    from project import Project

    found = Project()
    try:
        yield found
    finally:
        found.close()
