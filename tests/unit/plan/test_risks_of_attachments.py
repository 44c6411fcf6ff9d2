"""An attachment to an add-on of another jurisdiction is a risk that a reviewer must see."""

from __future__ import annotations

import pytest

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.plan import Action, RiskKind
from declarative_paas.core.resource_type import RESOURCE_TYPES
from declarative_paas.plan.risk import RiskInputs, risks_of


def kinds(uses: str | None, action: Action = Action.CREATE) -> list[RiskKind]:
    address = ResourceAddress("attachment", "shop-eu", "DATABASE")
    return [
        risk.kind
        for risk in risks_of(
            RiskInputs(
                address=address,
                kind=RESOURCE_TYPES["attachment"],
                action=action,
                fields=(),
                before={},
                after={"addon": "x", "vars": {}},
                region="eu",
                prior_region=None,
                jurisdictions={"us": "US", "eu": "EU", "fr": "EU"},
                uses=uses,
            )
        )
    ]


def test_data_that_is_used_from_another_jurisdiction_is_a_jurisdiction_move():
    assert kinds("us") == [RiskKind.JURISDICTION_MOVE]


@pytest.mark.parametrize("uses", ["eu", "fr", None])
def test_within_one_jurisdiction_there_is_nothing_to_tell(uses: str | None):
    assert kinds(uses) == []


def test_an_attachment_that_is_there_already_is_no_news():
    assert kinds("us", Action.UPDATE) == []
