"""`config`, `attachment` and `slug`: inputs of the next release. Nothing restarts here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.provider import Done, ErrorKind, ProviderError, StepContext, StepRequest
from declarative_paas.core.values import Sensitive, Value, encode
from declarative_paas.providers.hosting.host import DockerfileHost, RegionHost, StoredSlug
from declarative_paas.providers.hosting.records import Record
from declarative_paas.providers.hosting.view import RegionView
from declarative_paas.providers.slugs.docker_context import DockerBuild


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
    """Builds the source into a slug, or into its Dockerfile's image; the same is never built twice."""

    def __init__(self, region: RegionHost) -> None:
        self._region = region

    def apply(self, request: StepRequest, context: StepContext) -> Done:
        region = self._region
        source = (region.settings.base_directory / request.attributes["path"]).resolve()
        slug = (
            self._image(source, request, context)
            if "dockerfile" in request.attributes
            else region.slugs.build(
                source,
                expected_digest=request.attributes["source"],
                build=request.attributes.get("build"),
                stack=request.attributes.get("stack"),
                on_line=context.report,
            )
        )
        outputs = {"id": slug.id, "size_bytes": slug.size_bytes}
        region.records.put(
            str(request.scope),
            (request.address, request.instance),
            Record(attributes=encode(request.attributes), outputs=outputs),
        )
        return Done(remote_id=slug.id, outputs=outputs)

    def _image(self, source: Path, request: StepRequest, context: StepContext) -> StoredSlug:
        builder, attributes = self._region.slugs, request.attributes
        if not isinstance(builder, DockerfileHost):
            raise ProviderError(ErrorKind.INVALID, f"region {self._region.settings.region} builds no Dockerfiles")
        how = DockerBuild(
            dockerfile=str(attributes["dockerfile"]),
            target=attributes.get("target"),
            args=attributes.get("args") or {},
        )
        return builder.build_image(source, how, expected_digest=attributes["source"], on_line=context.report)

    def remove(self, request: StepRequest, context: StepContext) -> None:
        self._region.records.remove(str(request.scope), (request.address, request.instance))

    def problems(self, address: ResourceAddress, record: Record, view: RegionView) -> tuple[str, ...]:
        slug = record.outputs.get("id")
        return () if slug in view.slugs else (f"slug {slug} is missing",)


def _text(value: Value) -> str:
    return value.reveal() if isinstance(value, Sensitive) else str(value)
