"""An add-on of another region is refused at plan time where its dynos could not reach it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fork_case import FORK, SHOP, ForkCase, codes


@pytest.fixture
def case(tmp_path: Path) -> Iterator[ForkCase]:
    found = ForkCase(tmp_path)
    found.apps["shop-eu"] = {**FORK, "data": {"DATABASE": "share", "REDIS": "empty"}}
    try:
        yield found
    finally:
        found.close()


@pytest.mark.parametrize("region", ["us", "eu"])
def test_a_share_into_or_out_of_a_region_of_an_engine_is_refused(case: ForkCase, region: str) -> None:
    case.providers[region] = {"provider": "docker", "host": "tcp://127.0.0.1:1"}
    planned = case.plan(refresh=False)
    assert codes(list(planned.diagnostics)) == ["addon-out-of-reach"]
    (told,) = [one for one in planned.diagnostics if one.is_error]
    assert f"region {region}" in told.summary
    assert "addon.shop/DATABASE" in told.summary


def test_between_regions_that_reach_each_other_it_is_fine(case: ForkCase) -> None:
    assert codes(list(case.plan().diagnostics)) == []


def test_the_account_of_an_external_service_is_reached_from_everywhere(case: ForkCase) -> None:
    case.secret("licence", "0123456789abcdef")
    addon = {"plan": "newrelic:standard", "as": "APM", "credentials": {"secret": "licence"}}
    case.apps["shop"] = {**SHOP, "addons": [addon]}
    case.apps["shop-eu"] = {"from": "shop", "region": "eu", "data": {"APM": "share"}}
    case.providers["eu"] = {"provider": "docker", "host": "tcp://127.0.0.1:1"}
    assert "addon-out-of-reach" not in codes(list(case.plan(refresh=False).diagnostics))
