"""An output that is the same secret as before keeps the name it is recorded under."""

from __future__ import annotations

from declarative_paas.apply.requests import as_known
from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.resource import ResourceState
from declarative_paas.core.values import SecretRef

OLD = SecretRef("@acme/addon.shop/DB.url", 1, "d1")


def record() -> ResourceState:
    return ResourceState(
        address=ResourceAddress("addon", "store", "DB"),
        instance="i",
        region="us",
        remote_id="r",
        attributes={},
        outputs={"id": "i", "url": OLD},
    )


def test_the_same_secret_keeps_its_name():
    new = SecretRef("@acme/addon.store/DB.url", 1, "d1")
    assert new != OLD
    assert as_known({"id": "j", "url": new}, record()) == {"id": "j", "url": OLD}


def test_another_secret_and_one_without_a_digest_are_taken_as_they_are():
    changed, unknown = SecretRef("n", 1, "d2"), SecretRef("n", 1)
    assert as_known({"url": changed}, record())["url"] is changed
    assert as_known({"url": unknown}, record())["url"] is unknown
    assert as_known({"url": OLD, "new": changed}, None) == {"url": OLD, "new": changed}
