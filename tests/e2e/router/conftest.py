from __future__ import annotations

from collections.abc import Iterator

import pytest
from router_stage import Stage


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    try:
        yield stage
    finally:
        stage.close()
