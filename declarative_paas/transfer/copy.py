"""One verified copy of an add-on's data into another instance: refuse, mark, copy, verify, in this order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from declarative_paas.core.clock import Clock
from declarative_paas.core.copy_result import CopyIdentity, CopyNotVerified, CopyResult, Fingerprint, Verification
from declarative_paas.core.data import CopyRefused, DataMissing, DataPort, Intake, Part, Snapshot
from declarative_paas.core.diagnostic import error, has_errors
from declarative_paas.transfer.crew import Crew
from declarative_paas.transfer.meter import CopyProgress, Meter
from declarative_paas.transfer.verify import compare

CHUNK: Final = 256 * 1024
REPORT_EVERY_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyRequest:
    """`fresh` makes the target's database anew, empty, and is only called for one that is missing or that a copy of
    the same identity left unfinished. `parallelism` bounds the streams, beside what both sides allow.
    """

    identity: CopyIdentity
    source: DataPort
    target: DataPort
    fresh: Callable[[], None]
    parallelism: int
    clock: Clock
    verify: bool = True
    report: Callable[[CopyProgress], None] = field(default=lambda progress: None)
    cancelled: Callable[[], bool] = field(default=lambda: False)


def copy_data(request: CopyRequest) -> CopyResult:
    """Idempotent by the request's identity: a verified copy is answered for, an unfinished one begun anew.

    The target stays marked until the caller, who has stored the result, calls its `settle`. Raises CopyRefused
    before anything was moved, CopyNotVerified when the sides differ, ProviderError for anything that broke.
    """
    recorded = _recorded(request)
    if recorded is not None:
        return recorded
    found = request.target.objections(request.source.facts())
    if has_errors(found):
        raise CopyRefused([objection for objection in found if objection.is_error])
    warnings = [warning.summary for warning in found]
    allowed = min(request.parallelism, request.target.facts().streams)
    with request.source.snapshot() as snapshot, request.target.intake(request.identity) as intake:
        streams = max(1, min(allowed, snapshot.facts.streams))
        return _Copy(request=request, snapshot=snapshot, intake=intake, streams=streams).run(warnings)


def _recorded(request: CopyRequest) -> CopyResult | None:
    """The result of an earlier try; what a try left unfinished is replaced by a fresh database."""
    try:
        mark = request.target.mark()
    except DataMissing:
        # A try was killed between dropping and making it, and its caller knows that the instance is new.
        request.fresh()
        return None
    if mark is None:
        return None
    if mark.identity != request.identity:
        summary = f"the target holds an unfinished copy of {mark.identity.source_instance}, which is another one"
        raise CopyRefused([error("copy-of-another-source", summary)])
    if mark.result is not None:
        return mark.result
    request.fresh()
    return None


@dataclass(slots=True, kw_only=True)
class _Copy:
    request: CopyRequest
    snapshot: Snapshot
    intake: Intake
    streams: int
    reported_at: float = 0.0

    def run(self, warnings: list[str]) -> CopyResult:
        request, now = self.request, self.request.clock.monotonic
        started = now()
        request.report(CopyProgress(phase="schema"))
        left_out: list[str] = [] if request.verify else ["the copy was not verified, as it was asked for"]
        self._crew().run([lambda: left_out.extend(self.intake.begin(self.snapshot.schema))])
        meter = self._move()
        request.report(CopyProgress(phase="indexes"))
        for stage in self.intake.completion(self.snapshot.schema):
            self._crew().run(stage)
        copied = now()
        request.report(CopyProgress(phase="verification"))
        verification = self._verify() if request.verify else Verification(rows=())
        if not verification.ok:
            raise CopyNotVerified(verification)
        result = CopyResult(
            identity=request.identity,
            snapshot=self.snapshot.id,
            source_version=self.snapshot.facts.version,
            target_version=request.target.facts().version,
            bytes_copied=meter.bytes,
            rows_copied=meter.rows,
            copy_seconds=round(copied - started, 3),
            verify_seconds=round(now() - copied, 3),
            notes=(*warnings, *self.snapshot.notes, *left_out),
            verification=verification,
        )
        self.intake.verified(result)
        request.report(CopyProgress(phase="done", bytes=meter.bytes, rows=meter.rows))
        return result

    def _crew(self, tick: Callable[[], None] = lambda: None, *, workers: int | None = None) -> Crew:
        def stop() -> None:
            self.snapshot.stop()
            self.intake.stop()

        return Crew(workers=workers or self.streams, cancelled=self.request.cancelled, stop=stop, tick=tick)

    def _move(self) -> Meter:
        parts = self.snapshot.parts
        meter = Meter(total_weight=sum(part.weight for part in parts), parts=len(parts))
        now = self.request.clock.monotonic
        started = now()

        def tick() -> None:
            if now() - self.reported_at >= REPORT_EVERY_S:
                self.reported_at = now()
                self.request.report(meter.progress(now() - started))

        self._crew(tick).run([partial(self._pump, number, part, meter) for number, part in enumerate(parts)])
        self.request.report(meter.progress(now() - started))
        return meter

    def _pump(self, number: int, part: Part, meter: Meter) -> None:
        """One chunk in memory at a time: whoever is slower sets the pace."""
        source = self.snapshot.export(part)
        sink = self.intake.import_(part)
        while chunk := source.read(CHUNK):
            sink.write(chunk)
            meter.moved(number, part.weight, len(chunk))
        meter.finished(number, part.weight, sink.finish())

    def _verify(self) -> Verification:
        source: list[Fingerprint] = []
        target: list[Fingerprint] = []
        jobs: list[Callable[[], None]] = []
        for check in self.snapshot.checks:
            # Side by side: the two servers are two machines as often as not.
            jobs.append(partial(_collect, source, self.snapshot.fingerprint, check))
            jobs.append(partial(_collect, target, self.intake.fingerprint, check))
        self._crew(workers=2 * self.streams).run(jobs)
        return compare(source, target)


def _collect(into: list[Fingerprint], read: Callable[[Part], Sequence[Fingerprint]], check: Part) -> None:
    into.extend(read(check))
