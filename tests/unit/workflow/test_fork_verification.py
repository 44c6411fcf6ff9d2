"""A copy that is not what its source is fails the apply: the table is shown, and nothing of the fork serves."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from fork_case import FORK, ForkCase

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.copy_result import CopyIdentity, Fingerprint
from declarative_paas.core.data import DataSide, Intake, Part
from declarative_paas.transfer.provider import DataCopies
from declarative_paas.transfer.transfers import Transfers
from declarative_paas.workflow.copies import data_side

TARGET = "addon.shop-eu/DATABASE"


@dataclass
class Tampering:
    """The real port, whose rows something else changes between the copy and its verification."""

    port: Any
    tamper: Callable[[], None]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.port, name)

    @contextmanager
    def intake(self, identity: CopyIdentity) -> Generator[Intake]:
        with self.port.intake(identity) as intake:
            yield TamperedIntake(intake, self.tamper)  # type: ignore[misc]


@dataclass
class TamperedIntake:
    intake: Any
    tamper: Callable[[], None]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.intake, name)

    def fingerprint(self, check: Part) -> Sequence[Fingerprint]:
        self.tamper()
        found: Sequence[Fingerprint] = self.intake.fingerprint(check)
        return found


@pytest.fixture
def case(tmp_path: Path) -> Iterator[ForkCase]:
    found = ForkCase(tmp_path)
    found.must_apply()
    for number, item in enumerate(("two mugs", "a poster", "a pen"), 1):
        found.write_row("us", "addon.shop/DATABASE", f"order {number}", item)
    found.apps["shop-eu"] = FORK
    try:
        yield found
    finally:
        found.close()


def changed_byte(case: ForkCase) -> None:
    case.write_row("eu", TARGET, "order 2", "a pastor")


def dropped_row(case: ForkCase) -> None:
    del case.memory("eu")._holder(case.scope("eu"), TARGET).rows["order 3"]


def added_row(case: ForkCase) -> None:
    case.write_row("eu", TARGET, "order 9", "a cup")


@pytest.mark.parametrize(
    ("fault", "difference"),
    [
        (changed_byte, "row order 2: its content differs"),
        (dropped_row, "row order 3: is not in the target"),
        (added_row, "row order 9: is only in the target"),
    ],
)
def test_a_difference_fails_the_apply_and_the_next_one_copies_anew(
    case: ForkCase, fault: Callable[[ForkCase], None], difference: str
) -> None:
    world = case.world
    source = case.rows("us", "addon.shop/DATABASE")

    def find(region: str, scope: Scope, addon: ResourceAddress) -> DataSide:
        side = data_side(world.providers, region, scope, addon)
        if str(addon) != TARGET:
            return side
        return replace(side, port=Tampering(side.port, lambda: fault(case)))  # type: ignore[arg-type]

    copies = DataCopies(find=find, able=frozenset({"us", "eu"}), clock=world.clock)
    honest = world.providers["transfers"]
    assert isinstance(honest, Transfers)
    world.providers["transfers"] = Transfers({**honest._kinds, "data_copy": copies})  # type: ignore[index]
    result = case.apply()
    (failure,) = result.failures
    assert str(failure.step.address) == "data_copy.shop-eu/DATABASE"
    assert failure.error.code == "copy-not-verified"
    assert difference in failure.error.detail
    things = case.memory("eu").read(case.scope("eu"))
    assert not any(name.startswith(("release.", "formation.", "domain.")) for name in things)
    assert case.rows("us", "addon.shop/DATABASE") == source

    world.providers["transfers"] = honest  # type: ignore[index]
    case.must_apply()
    assert case.rows("eu", TARGET) == source
