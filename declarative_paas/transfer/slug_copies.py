"""The provider of `slug_copy`: a slug brought to another region, so that it is not built there again.

Whatever stands in the way is no failure: the region then builds the slug itself, and the copy says why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from declarative_paas.core.diagnostic import Diagnostic
from declarative_paas.core.plan import Operation
from declarative_paas.core.provider import (
    Capabilities,
    Done,
    ErrorKind,
    InstanceKey,
    Pending,
    ProviderError,
    Reading,
    ReadQuery,
    StepContext,
    StepRequest,
)
from declarative_paas.core.resource import Resource
from declarative_paas.core.slugs import Readable, SlugLabel, SlugStock
from declarative_paas.transfer.facts import as_recorded

FindStock = Callable[[str], SlugStock]
"""Region -> its slugs. Raises ProviderError when they cannot be sent, or the region is not to be had."""

MEGABYTE: Final = 2**20


class SlugCopies:
    """Made for a slug of the source as it is; another slug is another copy."""

    def __init__(self, *, find: FindStock) -> None:
        self._find = find

    def capabilities(self) -> Capabilities:
        return Capabilities(parallelism=2)

    def validate(self, resources: Sequence[Resource]) -> Sequence[Diagnostic]:
        return ()

    def read(self, query: ReadQuery) -> Mapping[InstanceKey, Reading]:
        return as_recorded(query)

    def begin(self, request: StepRequest, context: StepContext) -> Done | Pending:
        if request.operation in (Operation.DELETE, Operation.FORGET):
            return Done(remote_id="")
        slug_id = str(request.attributes["slug"])
        between = request.attributes["between"]
        source, target = str(between["from"]["region"]), str(between["to"]["region"])
        outputs: dict[str, Any] = {"id": request.instance, "shipped": True, "why_not": ""}
        try:
            context.report(self._ship(slug_id, source, target, context))
        except (ProviderError, OSError) as problem:
            if isinstance(problem, ProviderError) and problem.kind is ErrorKind.CANCELLED:
                raise
            why = problem.summary if isinstance(problem, ProviderError) else str(problem.strerror or problem)
            context.report(f"slug {slug_id[:8]} will be built again in {target}: {why}")
            outputs |= {"shipped": False, "why_not": why}
        return Done(remote_id=slug_id, outputs=outputs)

    def poll(self, request: StepRequest, pending: Pending, context: StepContext) -> Done | Pending:
        return self.begin(request, context)

    def _ship(self, slug_id: str, source: str, target: str, context: StepContext) -> str:
        """What was done, in words. Raises ProviderError or OSError when the slug cannot be brought there."""
        theirs, mine = self._find(source), self._find(target)
        if mine.has(slug_id):
            return f"slug {slug_id[:8]} is in {target} already"
        label = theirs.label(slug_id)
        if label is None:
            raise ProviderError(ErrorKind.INVALID, f"{source} has it no more")
        if not mine.takes(label.form):
            raise ProviderError(ErrorKind.INVALID, f"it is a {label.form}, which {target} cannot run")
        context.report(f"sending slug {slug_id[:8]} ({label.size_bytes / MEGABYTE:.1f} MB) from {source} to {target}")
        with theirs.export(slug_id) as content:
            mine.import_(label, _Cancellable(content, context, label))
        return f"slug {slug_id[:8]} is in {target} as it was built in {source}"


@dataclass(frozen=True, slots=True)
class _Cancellable:
    """A stream that ends with an error when its step is to end."""

    content: Readable
    context: StepContext
    label: SlugLabel

    def read(self, size: int) -> bytes:
        if self.context.cancelled():
            raise ProviderError(ErrorKind.CANCELLED, f"sending slug {self.label.id[:8]} was stopped")
        return self.content.read(size)
