"""Manifests as text to desired resources, as the workflow does it."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path

from declarative_paas.catalog.load import packaged
from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.diagnostic import Diagnostic
from declarative_paas.core.resource import Resource
from declarative_paas.core.state import Hold
from declarative_paas.core.values import SecretRef
from declarative_paas.desired.build import desired_resources
from declarative_paas.desired.inputs import DesiredInputs, SourceFacts
from declarative_paas.manifest.load import load
from declarative_paas.manifest.variables import VariableInputs

PLATFORM = """\
kind: Platform
metadata: {name: acme}
spec:
  regions:
    us: {provider: memory, jurisdiction: US}
    eu: {provider: memory, jurisdiction: EU}
"""


def app(name: str = "shop", *lines: str) -> str:
    """An app in `us` with the given lines of its spec."""
    body = "".join(f"  {line}\n" for text in lines for line in textwrap.dedent(text).strip("\n").splitlines())
    region = "" if any(line.startswith("region:") for line in lines) else "  region: us\n"
    source = "" if any(line.startswith("source:") for line in lines) else "  source: {path: ./src}\n"
    return f"kind: App\nmetadata: {{name: {name}}}\nspec:\n{region}{source}{body}"


def desire(
    directory: Path,
    *apps: str,
    platform: str = PLATFORM,
    commands: Mapping[str, str] | None = None,
    secrets: Mapping[str, SecretRef] | None = None,
    holds: Mapping[str, Hold] | None = None,
    problem: str | None = None,
) -> tuple[dict[ResourceAddress, Resource], list[Diagnostic]]:
    (directory / "src").mkdir(exist_ok=True)
    (directory / "dpaas.yaml").write_text("---\n".join([platform, *apps]), encoding="utf-8")
    loaded = load([directory], variables=VariableInputs())
    assert loaded.manifests is not None, [str(item) for item in loaded.diagnostics]
    facts = SourceFacts(digest="d1", process_types=commands or {}, problem=problem)
    return desired_resources(
        DesiredInputs(
            manifests=loaded.manifests,
            catalog=packaged(),
            sources={found.name: facts for found in loaded.manifests.apps},
            secrets=secrets or {},
            holds=holds or {},
        )
    )


def codes(diagnostics: list[Diagnostic]) -> list[str]:
    return [item.code for item in diagnostics]


def attributes(resources: Mapping[ResourceAddress, Resource], address: str) -> Mapping[str, object]:
    return resources[ResourceAddress.parse(address)].attributes
