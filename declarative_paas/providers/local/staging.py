"""`config`, `attachment` and `slug`: inputs of the next release. Nothing restarts here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import cast

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.provider import Done, ErrorKind, ProviderError, StepContext, StepRequest
from declarative_paas.core.values import Sensitive, Value, encode
from declarative_paas.providers.local.records import Record
from declarative_paas.providers.local.region import LocalRegion
from declarative_paas.providers.local.view import RegionView


class StagedVars:
    """The vars of a `config` or an `attachment`, sealed; their revision is a keyed digest of them all."""

    def __init__(self, region: LocalRegion) -> None:
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

    def __init__(self, region: LocalRegion) -> None:
        self._region = region

    def apply(self, request: StepRequest, context: StepContext) -> Done:
        from declarative_paas.providers.slugs.build import BuildFailed, build_source
        from declarative_paas.providers.slugs.source import SourceError

        region = self._region
        source = (region.settings.base_directory / request.attributes["path"]).resolve()
        try:
            slug = build_source(
                source,
                expected_digest=request.attributes["source"],
                build=request.attributes.get("build"),
                stack=region.stack,
                store=region.slugs,
                user=region.home.user,
                on_line=context.report,
                timeout_s=region.settings.seconds("build_timeout_s"),
            )
        except SourceError as problem:
            raise ProviderError(ErrorKind.INVALID, str(problem)) from None
        except BuildFailed as failure:
            raise ProviderError(ErrorKind.FAILED, str(failure), detail=failure.lines) from None
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
