"""The external service: the credential that the user gave, sealed, and nothing else."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path

import pytest

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.core.values import Sensitive
from declarative_paas.providers.addons.driver import AddonInstance, RegionAddons
from declarative_paas.providers.addons.server import ServerProcess
from declarative_paas.providers.addons.table import DRIVERS
from declarative_paas.vault.keyring import Keyring

EXTERNAL = DRIVERS["external"]
MAIL = AddonInstance(
    app="shop",
    alias="MAIL",
    key="shop-mail-1",
    service="external",
    plan={"tier": "gold"},
    credential=Sensitive("smtp://user:hunter2@mail.example.com"),
)


class NoProcesses:
    """An external service starts nothing."""

    def start(self, process: ServerProcess) -> None:
        raise AssertionError(process.name)

    def stop(self, name: str) -> None:
        raise AssertionError(name)

    def running(self) -> set[str]:
        return set()

    def last_lines(self, name: str) -> list[str]:
        raise AssertionError(name)


@pytest.fixture
def region(tmp_path: Path) -> RegionAddons:
    def no_port(owner: str) -> int:
        raise AssertionError(owner)

    return RegionAddons(
        directory=tmp_path / "addons",
        run_directory=tmp_path / "run",
        home=tmp_path,
        keyring=Keyring(base64.urlsafe_b64encode(bytes(range(32)))),
        user=None,
        allocate_port=no_port,
        processes=NoProcesses(),
    )


def test_the_url_is_the_credential_and_it_is_sealed_on_disk(region: RegionAddons) -> None:
    outputs = EXTERNAL.provision(region, MAIL, lambda line: None)
    assert outputs == {"id": "shop-mail-1", "url": MAIL.credential}
    found = EXTERNAL.read_all(region)["shop-mail-1"]
    assert (found.problems, found.plan, found.outputs) == ((), {"tier": "gold"}, outputs)
    assert not any(b"hunter2" in path.read_bytes() for path in region.directory.rglob("*") if path.is_file())


def test_a_new_credential_replaces_the_old_and_none_keeps_it(region: RegionAddons) -> None:
    EXTERNAL.provision(region, MAIL, lambda line: None)
    kept = EXTERNAL.update(region, replace(MAIL, credential=None), {"tier": "silver"})
    assert (kept.outputs["url"], kept.done) == (MAIL.credential, ())
    changed = EXTERNAL.update(region, replace(MAIL, credential=Sensitive("other")), {"tier": "silver"})
    assert (changed.outputs["url"], changed.done) == (Sensitive("other"), ("stored the new credential",))
    assert EXTERNAL.read_all(region)["shop-mail-1"].plan == {"tier": "silver"}


def test_without_a_credential_it_is_refused(region: RegionAddons) -> None:
    with pytest.raises(ProviderError, match="shop/MAIL needs a credential") as refused:
        EXTERNAL.provision(region, replace(MAIL, credential=None), lambda line: None)
    assert refused.value.kind is ErrorKind.INVALID
    assert EXTERNAL.read_all(region) == {}


def test_a_removed_one_is_absent_and_removing_again_is_a_no_op(region: RegionAddons) -> None:
    EXTERNAL.provision(region, MAIL, lambda line: None)
    EXTERNAL.deprovision(region, MAIL)
    EXTERNAL.deprovision(region, MAIL)
    assert EXTERNAL.read_all(region) == {}
