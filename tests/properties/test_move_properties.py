"""Any sequence of moves, ways back, finishes, deploys and crashes: the data is where the plans said it would be."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

sys.path.append(str(Path(__file__).parents[1] / "unit" / "workflow"))

from fork_case import ForkCase
from move_case import ADDONS, DATABASE, killed, records, regions, settled, to

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["write", "move", "move", "back", "finish", "deploy"]),
        st.one_of(st.none(), st.integers(0, 18)),
        st.booleans(),
    ),
    min_size=2,
    max_size=6,
)


class Model:
    """What a reader of docs/moves.md expects: which side serves, which is kept, what each holds."""

    def __init__(self, case: ForkCase) -> None:
        self.case = case
        self.side = "us"
        self.kept: str | None = None
        self.is_back = False
        self.rows: dict[str, dict[str, str]] = {"us": {}, "eu": {}}
        self.number = 0

    def take(self, step: str, crash_at: int | None, durable: bool) -> None:
        other = "eu" if self.side == "us" else "us"
        match step:
            case "write":
                self.number += 1
                self.case.write_row(self.side, DATABASE, f"order-{self.number}", "a mug")
                self.rows[self.side][f"order-{self.number}"] = "a mug"
            case "deploy":
                self.number += 1
                self.case.apps["shop"]["config"] = {"LOG": str(self.number)}
                self._apply({}, crash_at, durable)
            case "move" if self.kept is None:
                to(self.case, other)
                self._apply({}, crash_at, durable)
                self.rows[other] = dict(self.rows[self.side])
                self.side, self.kept, self.is_back = other, self.side, False
            case "back" if self.kept is not None and not self.is_back:
                self._apply({"back": ["shop"]}, crash_at, durable)
                to(self.case, self.kept)
                self.side, self.kept, self.is_back = self.kept, self.side, True
            case "finish" if self.kept is not None:
                self._apply({"finish": ["shop"], "confirmed": ADDONS}, crash_at, durable)
                self.rows[self.kept] = {}
                self.kept, self.is_back = None, False
            case _:
                return
        event(step)
        self.check()

    def _apply(self, request: dict[str, Any], crash_at: int | None, durable: bool) -> None:
        planned = self.case.plan(**request)
        assert planned.ok, [str(one) for one in planned.diagnostics]
        if crash_at is not None and killed(self.case, planned, crash_at, durable=durable):
            event("killed")
            again = self.case.plan(**request)
            # A finish that was killed behind its last step has nothing left to finish.
            if again.ok:
                assert self.case.apply(again).ok
            else:
                assert [one.code for one in again.diagnostics if one.is_error] == ["no-open-move"]
        elif crash_at is None:
            assert self.case.apply(planned).ok

    def check(self) -> None:
        settled(self.case, self.side, set() if self.kept is None else {self.kept})
        for region in (self.side, self.kept):
            if region is not None:
                assert self.case.rows(region, DATABASE) == self.rows[region]
        assert regions(self.case) == {self.side}
        if self.kept is None:
            assert not [item for item in records(self.case) if item.region == "transfers"]


@contextmanager
def running(move: dict[str, str]) -> Iterator[ForkCase]:
    with tempfile.TemporaryDirectory() as directory:
        case = ForkCase(Path(directory))
        try:
            case.apps["shop"]["move"] = move
            case.must_apply()
            yield case
        finally:
            case.close()


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from([{}, {"DATABASE": "follow"}]), STEPS)
def test_whatever_was_done_the_data_is_where_it_was_told_to_be(
    move: dict[str, str], steps: list[tuple[str, int | None, bool]]
) -> None:
    with running(move) as case:
        model = Model(case)
        for step, crash_at, durable in steps:
            model.take(step, crash_at, durable)
