"""Whatever breaks while a fork is made, the next apply makes it good: one moment of each here, many in `make crash`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fork_faults import DISK_FULL, FAULTS, Fault, FaultStage
from fork_project import FORK

COPYING = f"data_copy.{FORK}/DATABASE: copy: schema"
MOMENTS = {
    "command killed": "copy: verification",
    "command interrupted": COPYING,
    "source's servers killed": COPYING,
    "target's servers killed": f"release.{FORK}: creating",
    "connections cut": COPYING,
}


@pytest.fixture(scope="module")
def stage() -> Iterator[FaultStage]:
    found = FaultStage()
    try:
        yield found
    finally:
        found.close()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_the_next_apply_makes_it_good_and_the_source_is_untouched(stage: FaultStage, fault: Fault) -> None:
    report = stage.suffer(fault, [MOMENTS[fault.name]])
    assert report.bad == []
    assert report.struck == 1


@pytest.mark.timeout(300)
@pytest.mark.parametrize("moment", [f"addon.{FORK}/DATABASE: creating", COPYING])
def test_a_full_disk_of_the_target_fails_the_apply_and_the_next_one_makes_it_good(
    stage: FaultStage, moment: str
) -> None:
    if not stage.has_disk:
        pytest.skip("only root can mount a small file system")
    report = stage.suffer(DISK_FULL, [moment])
    assert report.bad == []
    assert report.struck == 1
