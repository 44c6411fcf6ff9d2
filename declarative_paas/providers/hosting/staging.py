"""`config`, `attachment` and `slug`: inputs of the next release. Nothing restarts here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import cast

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.provider import Done, StepContext, StepRequest
from declarative_paas.core.values import Sensitive, Value, encode
from declarative_paas.providers.hosting.host import RegionHost
from declarative_paas.providers.hosting.records import Record
from declarative_paas.providers.hosting.view import RegionView


class StagedVars:
    """The vars of a `config` or an `attachment`, sealed; their revision is a keyed digest of them all."""

    def __init__(self, region: RegionHost) -> None:
        self._region = region

    def apply(self, request: StepRequest, context: StepContext) -> Done:
        plain = {name: _text(value) for name, value in cast("Mapping[str, Value]", request.attributes["vars"]).items()}
        text = json.dumps(plain, sort_keys=True)
        revision = self._region.keyring.digest(text)
        self._region.records.put(
            str(request.scope),
            (request.address, request.instance),
            Record(
                attributes=encode(request.attributes),
                outputs={"revision": revision},
                sealed=self._region.keyring.seal(text),
            ),
        )
        return Done(remote_id=request.instance, outputs={"revision": revision})

    def remove(self, request: StepRequest, context: StepContext) -> None:
        self._region.records.remove(str(request.scope), (request.address, request.instance))

    def problems(self, address: ResourceAddress, record: Record, view: RegionView) -> tuple[str, ...]:
        return ()


class SlugStep:
    """Builds the source into a slug; the same source, recipe and stack are never built twice."""

    def __init__(self, region: RegionHost) -> None:
        self._region = region

    def apply(self, request: StepRequest, context: StepContext) -> Done:
        region = self._region
        source = (region.settings.base_directory / request.attributes["path"]).resolve()
        slug = region.slugs.build(
            source,
            expected_digest=request.attributes["source"],
            build=request.attributes.get("build"),
            stack=request.attributes.get("stack"),
            on_line=context.report,
        )
        outputs = {"id": slug.id, "size_bytes": slug.size_bytes}
        region.records.put(
            str(request.scope),
            (request.address, request.instance),
            Record(attributes=encode(request.attributes), outputs=outputs),
        )
        return Done(remote_id=slug.id, outputs=outputs)

    def remove(self, request: StepRequest, context: StepContext) -> None:
        self._region.records.remove(str(request.scope), (request.address, request.instance))

    def problems(self, address: ResourceAddress, record: Record, view: RegionView) -> tuple[str, ...]:
        slug = record.outputs.get("id")
        return () if slug in view.slugs else (f"slug {slug} is missing",)


def _text(value: Value) -> str:
    return value.reveal() if isinstance(value, Sensitive) else str(value)
