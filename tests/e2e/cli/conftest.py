from __future__ import annotations

from collections.abc import Iterator

import pytest
from cli_case import Stage


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage()
    try:
        yield made
    finally:
        made.close()
