"""`release`: the numbered snapshot of slug, config and attachments, and its release phase."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.provider import Done, ErrorKind, ProviderError, StepContext, StepRequest
from declarative_paas.core.values import encode
from declarative_paas.providers.hosting.app_names import AppNames
from declarative_paas.providers.hosting.host import OneOff, RegionHost
from declarative_paas.providers.hosting.records import Record, ReleaseRecord
from declarative_paas.providers.hosting.view import RegionView

SUCCEEDED, FAILED, PENDING = "succeeded", "failed", "pending"
KEPT_LINES = 30
PROCESS_TYPE = "release"
"""Of the one-off dyno that runs the release phase; no formation may have one of this name."""


class ReleaseStep:
    def __init__(self, region: RegionHost, names: AppNames) -> None:
        self._region = region
        self._names = names

    def apply(self, request: StepRequest, context: StepContext) -> Done:
        region = self._region
        app = self._names.name(request.scope, request.address.app)
        earlier = region.records.releases(app)
        release = _finished(earlier, request.key)
        if release is None:
            # An app has one release phase at a time: what is there of one was a killed apply's.
            region.dynos.clear_one_offs(app, PROCESS_TYPE)
            release = self._begin(request, app, earlier, context)
            command = request.attributes.get("command")
            if command:
                context.report(f"v{release.version}: release phase: {command}")
                self._release_phase(release, str(command), context)
            release = replace(release, status=SUCCEEDED)
            region.records.put_release(release)
        outputs = {"version": release.version}
        region.records.put(
            str(request.scope),
            (request.address, request.instance),
            Record(attributes=encode(request.attributes), outputs=outputs),
        )
        return Done(remote_id=f"{app}-v{release.version}", outputs=outputs)

    def remove(self, request: StepRequest, context: StepContext) -> None:
        region = self._region
        app = self._names.name(request.scope, request.address.app)
        region.dynos.clear_one_offs(app, PROCESS_TYPE)
        region.records.remove(str(request.scope), (request.address, request.instance))
        region.records.remove_releases(app)

    def problems(self, address: ResourceAddress, record: Record, view: RegionView) -> tuple[str, ...]:
        return ()

    def _begin(
        self, request: StepRequest, app: str, earlier: list[ReleaseRecord], context: StepContext
    ) -> ReleaseRecord:
        """Takes the snapshot. A failed release keeps its number, as on Heroku."""
        version = earlier[-1].version + 1 if earlier else 1
        rollback_to = request.attributes.get("rollback_to")
        if rollback_to is not None:
            source = next((item for item in earlier if item.version == rollback_to), None)
            if source is None:
                raise ProviderError(ErrorKind.INVALID, f"{app} has no release v{rollback_to} to go back to")
            slug, environment = source.slug, source.environment
        else:
            image = request.attributes.get("image")
            slug = (
                str(request.attributes["slug"])
                if image is None
                else self._region.slugs.image(str(image), on_line=context.report)
            )
            environment = self._region.keyring.seal(json.dumps(self._environment(request), sort_keys=True))
        inputs = cast("Mapping[str, Any]", encode(request.attributes))
        release = ReleaseRecord(
            app=app,
            version=version,
            slug=slug,
            environment=environment,
            inputs=inputs,
            status=PENDING,
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            description=_description(inputs, earlier[-1].inputs if earlier else None, slug),
            key=request.key,
        )
        self._region.records.put_release(release)
        return release

    def _environment(self, request: StepRequest) -> dict[str, str]:
        """Config and exactly the attachments that the release lists, in clear, in memory."""
        app = request.address.app
        found: dict[str, str] = {}
        for alias in sorted(request.attributes["attachments"]):
            found.update(self._staged(request.scope, ResourceAddress("attachment", app, alias)))
        found.update(self._staged(request.scope, ResourceAddress("config", app)))
        return found

    def _staged(self, scope: Scope, address: ResourceAddress) -> dict[str, str]:
        record = self._region.records.current(str(scope), address)
        if record is None:
            raise ProviderError(ErrorKind.INVALID, f"{address} was not staged before the release")
        return cast("dict[str, str]", json.loads(self._region.keyring.open(record.sealed)))

    def _release_phase(self, release: ReleaseRecord, command: str, context: StepContext) -> None:
        """A one-off dyno; its failure fails the release, and the release before goes on serving."""
        region = self._region
        last: deque[str] = deque(maxlen=KEPT_LINES)

        def on_line(line: str) -> None:
            last.append(line)
            context.report(line)

        one_off = OneOff(release=release, command=command, type=PROCESS_TYPE)
        status = region.dynos.run_captured(one_off, on_line, timeout_s=region.settings.seconds("release_timeout_s"))
        if status != 0:
            region.records.put_release(replace(release, status=FAILED))
            raise ProviderError(
                ErrorKind.FAILED,
                f"release command failed with exit status {status}; the release before goes on serving",
                detail=list(last),
            )


def _finished(earlier: list[ReleaseRecord], key: str) -> ReleaseRecord | None:
    """The newest release, when it was made by this very step and only its record was lost."""
    newest = earlier[-1] if earlier else None
    return newest if newest is not None and newest.key == key and newest.status == SUCCEEDED else None


def _description(inputs: Mapping[str, Any], before: Mapping[str, Any] | None, slug: str) -> str:
    """In Heroku's words."""
    if inputs.get("rollback_to") is not None:
        return f"Rollback to v{inputs['rollback_to']}"
    if before is None:
        return "Initial release"
    if any(inputs.get(name) != before.get(name) for name in ("slug", "image")):
        return f"Deploy {inputs.get('image') or slug[:8]}"
    if inputs.get("attachments") != before.get("attachments"):
        return "Update add-ons"
    return "Set config vars"
