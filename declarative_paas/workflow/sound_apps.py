"""What is wrong with apps that can be read, while others of the same manifests cannot."""

from __future__ import annotations

from typing import Final

from declarative_paas.catalog.model import Catalog
from declarative_paas.core.diagnostic import Diagnostic
from declarative_paas.desired.build import desired_resources
from declarative_paas.desired.inputs import DesiredInputs
from declarative_paas.manifest.manifests import Manifests
from declarative_paas.workflow.sources import read_sources

_NOT_TELLING: Final = frozenset(
    {
        "missing-secret",  # no state is opened, so none is known
        "unknown-app",  # these may be of an app that cannot be read
        "unknown-attached-addon",
        "unknown-config-key",
        "unknown-trigger",
    }
)


def mistakes_of(sound: Manifests, catalog: Catalog) -> list[Diagnostic]:
    """The errors in these apps, as far as they hang on nothing else: neither on other apps nor on any state."""
    inputs = DesiredInputs(manifests=sound, catalog=catalog, sources=read_sources(sound), secrets={})
    _, diagnostics = desired_resources(inputs)
    return [item for item in diagnostics if item.is_error and item.code not in _NOT_TELLING]
