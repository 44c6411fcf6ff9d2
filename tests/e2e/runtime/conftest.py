from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from region_case import Region


def read(path: Path) -> str:
    return path.read_text()


@pytest.fixture
def region() -> Iterator[Region]:
    made = Region()
    try:
        yield made
        # A runner that fails is restarted by supervisord, which could hide the failure.
        logs = (made.home / "supervisor" / "log").glob("storefront-*.log")
        assert [text for text in map(read, logs) if text] == []
    finally:
        made.close()
