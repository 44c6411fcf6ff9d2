from __future__ import annotations

from collections.abc import Iterator

import pytest
from project import Project


@pytest.fixture
def project() -> Iterator[Project]:
    found = Project()
    try:
        yield found
    finally:
        found.close()


@pytest.fixture
def echo(project: Project) -> Project:
    """A project with the echo app: two web dynos, a config var; not applied yet."""
    project.copy_source("echo")
    web = {"command": "exec python3 server.py", "size": "standard-1x", "quantity": 2, "health": "/healthz"}
    project.app("echo", source={"path": "./echo"}, config={"GREETING": "hello"}, formation={"web": web})
    return project
