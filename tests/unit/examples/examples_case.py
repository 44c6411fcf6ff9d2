"""The examples, read as the workflow reads them."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

from declarative_paas.catalog.load import packaged
from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.diagnostic import Diagnostic
from declarative_paas.core.resource import Resource
from declarative_paas.desired.build import desired_resources
from declarative_paas.desired.inputs import DesiredInputs
from declarative_paas.manifest.load import LoadResult, load
from declarative_paas.manifest.manifests import Manifests
from declarative_paas.manifest.variables import VariableInputs
from declarative_paas.workflow.sources import read_sources

EXAMPLES = Path(__file__).parents[3] / "examples"
STOREFRONT = EXAMPLES / "storefront"
MONOREPO = EXAMPLES / "monorepo"

PROJECTS = sorted(path.parent for path in EXAMPLES.glob("*/dpaas.yaml"))


def shop_module(name: str) -> ModuleType:
    """A module of the storefront's, which is an app's source and no package."""
    spec = importlib.util.spec_from_file_location(f"storefront_{name}", STOREFRONT / "shop" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def load_example(directory: Path, environment: str | None = None) -> LoadResult:
    return load([directory], environment=environment, variables=VariableInputs())


def desire(manifests: Manifests) -> tuple[dict[ResourceAddress, Resource], list[Diagnostic]]:
    """As `dpaas plan` does it, before any region is asked."""
    return desired_resources(
        DesiredInputs(manifests=manifests, catalog=packaged(), sources=read_sources(manifests), secrets={})
    )
