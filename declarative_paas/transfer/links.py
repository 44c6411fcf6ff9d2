"""The provider of `link`, and the routes through links: where a follower's server dials its source's server.

Both ends are opened with keys of one making, or none of them counts: whatever is killed between, the next try makes
keys anew and gives them to both.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.clock import Clock
from declarative_paas.core.copy_result import CopyIdentity
from declarative_paas.core.diagnostic import Diagnostic, error
from declarative_paas.core.follow import Endpoint
from declarative_paas.core.links import (
    ADDRESS_WANTED,
    LinkAddress,
    LinkEnd,
    LinkHost,
    LinkReading,
    LinkSpec,
    route_name,
)
from declarative_paas.core.plan import Operation
from declarative_paas.core.provider import (
    Absent,
    Capabilities,
    Done,
    ErrorKind,
    InstanceKey,
    Pending,
    Present,
    Provider,
    ProviderError,
    Reading,
    ReadQuery,
    StepContext,
    StepRequest,
    Unreachable,
)
from declarative_paas.core.resource import Resource, ResourceState
from declarative_paas.core.values import Attributes

OLD_KEYS: Final = "its keys are too old"
NOT_OPENED: Final = "opening it was interrupted"

REACHED_WITHIN_S: Final = 30.0
POLL_S: Final = 0.2


class Links:
    """Links between these regions, by their providers. `pause` waits so many seconds."""

    def __init__(
        self, providers: Mapping[str, Provider], clock: Clock, *, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._hosts = {region: host for region, host in providers.items() if isinstance(host, LinkHost)}
        self._clock = clock
        self._pause = pause

    def capabilities(self) -> Capabilities:
        return Capabilities(parallelism=2)

    def validate(self, resources: Sequence[Resource]) -> Sequence[Diagnostic]:
        return [found for resource in resources for found in self._impossible(resource)]

    def _impossible(self, resource: Resource) -> Iterator[Diagnostic]:
        source, target = str(resource.attributes["from"]), str(resource.attributes["to"])
        unable = [region for region in (source, target) if region not in self._hosts]
        for region in unable:
            yield error(
                "link-impossible",
                f"nothing of region {source} can be followed in {target}: the provider of {region} has no links",
                resource.position,
                expected="`copy` in the place of `follow`, or regions whose providers have links",
            )
        if not unable and not self._near(source, target) and self._hosts[source].link_address() is None:
            yield error(
                "link-impossible",
                f"nothing of region {source} can be followed in {target}: {source} does not say where {target} reaches "
                "its database servers",
                resource.position,
                expected=f"spec.regions.{source}.options.link_address: {ADDRESS_WANTED}",
            )

    def read(self, query: ReadQuery) -> Mapping[InstanceKey, Reading]:
        begun = {key: self._begun(query.scope, key[1]) for key in query.pending}
        return {**begun, **{record.key: self._reading(query.scope, record) for record in query.known}}

    def _begun(self, scope: Scope, instance: str) -> Reading:
        """One that was being opened when the apply was killed: whatever end it has must not be lost."""
        silent: str | None = None
        for region in sorted(self._hosts):
            try:
                found = self._end(region).find(scope, instance)
            except ProviderError as problem:
                silent = problem.summary
                continue
            if found is not None:
                attributes = {"from": found.source, "to": found.target}
                return Present(
                    remote_id=instance, attributes=attributes, outputs={"id": instance}, problems=(NOT_OPENED,)
                )
        return Absent() if silent is None else Unreachable(silent)

    def _reading(self, scope: Scope, record: ResourceState) -> Reading:
        link = _spec(scope, record.instance, record.attributes)
        problems: tuple[str, ...] = ()
        if not self._near(link.source, link.target):
            try:
                problems = self._problems(link, record)
            except ProviderError as problem:
                return Unreachable(problem.summary)
        return Present(
            remote_id=record.remote_id, attributes=record.attributes, outputs=record.outputs, problems=problems
        )

    def _problems(self, link: LinkSpec, record: ResourceState) -> tuple[str, ...]:
        source, target = self._end(link.source).read(link), self._end(link.target).read(link)
        if source is None or target is None:
            closed = [region for region, end in ((link.source, source), (link.target, target)) if end is None]
            return tuple(f"it has no end in {region}" for region in closed)
        old = _is_old(str(record.outputs.get("expires", "")), self._clock.now())
        return (*self._mismatches(link, source, target), *((OLD_KEYS,) if old else ()))

    def _mismatches(self, link: LinkSpec, source: LinkReading, target: LinkReading) -> Iterator[str]:
        if source.generation != target.generation:
            yield "its ends have keys of different making"
        wanted = self._hosts[link.source].link_address()
        for region, end in ((link.source, source), (link.target, target)):
            if wanted is not None and end.address != wanted:
                yield f"its end in {region} is for {end.address}, and {link.source} is at {wanted} now"
        # A listener that is down is what the other end sees, too: told once.
        yield from source.problems or target.problems

    def begin(self, request: StepRequest, context: StepContext) -> Done | Pending:
        if request.operation in (Operation.DELETE, Operation.FORGET):
            self._close(_spec(request.scope, request.instance, request.attributes))
            return Done(remote_id="")
        link = _spec(request.scope, request.instance, request.attributes)
        outputs: dict[str, Any] = {"id": request.instance}
        if not self._near(link.source, link.target):
            outputs["expires"] = self._open(link, request.prior, context)
        return Done(remote_id=request.instance, outputs=outputs)

    def poll(self, request: StepRequest, pending: Pending, context: StepContext) -> Done | Pending:
        return self.begin(request, context)

    def endpoint(
        self,
        scope: Scope,
        link_id: str | None,
        identity: CopyIdentity,
        *,
        source_region: str,
        source_addon: ResourceAddress,
        target_region: str,
        target_addon: ResourceAddress,
    ) -> Endpoint:
        """Where the target's server dials the source's, from now on; idempotent. Raises ProviderError.

        `link_id` is None exactly where both are of one region.
        """
        route = route_name(identity)
        if link_id is None:
            return self._end(source_region).beside(scope, route, source_addon, target_addon)
        if self._near(source_region, target_region):
            return self._end(source_region).server(scope, source_addon)
        link = LinkSpec(scope=scope, id=link_id, source=source_region, target=target_region)
        # The source first: a route that can be dialled leads somewhere.
        self._end(source_region).serve(link, route, source_addon)
        return self._end(target_region).lead(link, route, target_addon)

    def part(
        self, scope: Scope, link_id: str | None, identity: CopyIdentity, *, source_region: str, target_region: str
    ) -> None:
        """Takes the way away that `endpoint` made; a no-op when it is gone. Raises ProviderError."""
        route = route_name(identity)
        if link_id is None:
            self._end(source_region).apart(scope, route)
        elif not self._near(source_region, target_region):
            link = LinkSpec(scope=scope, id=link_id, source=source_region, target=target_region)
            # Both, also when one of them cannot be had: what is left leads nowhere.
            self._at_both(link, lambda end: end.end_route(link, route))

    def _open(self, link: LinkSpec, prior: ResourceState | None, context: StepContext) -> str:
        """Both ends run and reach each other; when their keys expire. Raises ProviderError."""
        from declarative_paas.transfer.link_keys import LIFETIME, make_link_keys

        address = self._address(link)
        source, target = self._end(link.source), self._end(link.target)
        expires = "" if prior is None else str(prior.outputs.get("expires", ""))
        theirs = ours = None
        if not _of_one_making(source.read(link), target.read(link)) or _is_old(expires, self._clock.now()):
            context.report(f"making keys for {link}")
            now = self._clock.now()
            theirs, ours = make_link_keys(link, now)
            expires = (now + LIFETIME).isoformat(timespec="seconds")
        context.report(f"opening {link} at {address}")
        source.open(link, address, theirs)
        target.open(link, address, ours)
        self._wait(link, target, context)
        return expires

    def _wait(self, link: LinkSpec, target: LinkEnd, context: StepContext) -> None:
        """Until the target's end reaches the source's, by its certificate. Raises ProviderError."""
        deadline = self._clock.monotonic() + REACHED_WITHIN_S
        while True:
            reading = target.read(link)
            problems = ("its end is gone",) if reading is None else reading.problems
            if not problems:
                return
            if context.cancelled():
                raise ProviderError(ErrorKind.CANCELLED, f"{link} was not waited for any longer")
            if self._clock.monotonic() > deadline:
                raise ProviderError(
                    ErrorKind.FAILED,
                    f"{link} is not up: {problems[0]}",
                    detail=[
                        *problems[1:],
                        f"{self._address(link)} must lead from {link.target} to the engine or machine of {link.source}",
                        "through every firewall and address translation between.",
                    ],
                )
            self._pause(POLL_S)

    def _close(self, link: LinkSpec) -> None:
        if not self._near(link.source, link.target):
            self._at_both(link, lambda end: end.close(link))

    def _at_both(self, link: LinkSpec, action: Callable[[LinkEnd], None]) -> None:
        """At each end, also when the other one cannot be had; then the first failure is raised."""
        problems: list[ProviderError] = []
        for region in (link.target, link.source):
            try:
                action(self._end(region))
            except ProviderError as problem:
                problems.append(problem)
        if problems:
            raise problems[0]

    def _address(self, link: LinkSpec) -> LinkAddress:
        host = self._hosts.get(link.source)
        address = None if host is None else host.link_address()
        if address is None:
            raise ProviderError(ErrorKind.INVALID, f"region {link.source} has no `link_address`")
        return address

    def _near(self, source: str, target: str) -> bool:
        one, other = self._hosts.get(source), self._hosts.get(target)
        return one is not None and other is not None and one.near(other)

    def _end(self, region: str) -> LinkEnd:
        host = self._hosts.get(region)
        if host is None:
            raise ProviderError(ErrorKind.INVALID, f"the provider of region {region} has no links")
        return host.link_end()


def _spec(scope: Scope, instance: str, attributes: Attributes) -> LinkSpec:
    return LinkSpec(scope=scope, id=instance, source=str(attributes["from"]), target=str(attributes["to"]))


def _of_one_making(source: LinkReading | None, target: LinkReading | None) -> bool:
    return source is not None and target is not None and source.generation == target.generation


def _is_old(expires: str, now: datetime) -> bool:
    """Whether keys that expire then are to be made anew by now; those of which nothing is known are."""
    from declarative_paas.transfer.link_keys import RENEWED_BEFORE

    return not expires or now > datetime.fromisoformat(expires) - RENEWED_BEFORE
