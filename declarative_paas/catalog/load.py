"""The packaged catalog. The only module of this room that reads files, and only the package's own."""

from __future__ import annotations

from functools import cache
from typing import Any

from declarative_paas.catalog.extension import NOTHING, extended
from declarative_paas.catalog.model import Catalog

__all__ = ["extended", "packaged"]

# Regions first: a plan may only name regions that are known by then.
FILES = ("regions.yaml", "sizes.yaml", "postgres.yaml", "redis.yaml", "external.yaml")


@cache
def packaged() -> Catalog:
    """What comes with this package; read once a process. Raises ValueError when the package's own data is wrong."""
    catalog = NOTHING
    for name in FILES:
        catalog, problems = extended(catalog, _read(name))
        if problems:
            raise ValueError(f"catalog/data/{name}: " + "; ".join(problem.summary for problem in problems))
    return catalog


def _read(name: str) -> dict[str, Any]:
    # pkgutil asks the package's loader, as importlib.resources does, without importing tempfile and shutil:
    # every command pays for them at start-up.
    import pkgutil

    import yaml

    content = pkgutil.get_data("declarative_paas.catalog", f"data/{name}")
    if content is None:
        raise ValueError(f"catalog/data/{name}: the package was installed without it")
    loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    read: dict[str, Any] = yaml.load(content, Loader=loader)
    return read
