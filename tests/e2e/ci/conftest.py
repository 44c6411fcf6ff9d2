from __future__ import annotations

from collections.abc import Iterator

import pytest
from ci_case import Workshop


@pytest.fixture(params=["github", "gitlab", "gitea"])
def workshop(request: pytest.FixtureRequest) -> Iterator[Workshop]:
    made = Workshop(request.param)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def on_github() -> Iterator[Workshop]:
    made = Workshop("github")
    try:
        yield made
    finally:
        made.close()
