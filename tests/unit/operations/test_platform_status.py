"""What `status` tells, and where an app is found."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.diagnostic import Diagnostic
from declarative_paas.core.provider import DynoView, ErrorKind, ProviderError, ReleaseView
from declarative_paas.core.resource import InstanceStatus, ResourceState
from declarative_paas.core.state import Hold, Snapshot
from declarative_paas.core.values import SecretRef
from declarative_paas.manifest.load import load
from declarative_paas.manifest.manifests import Manifests
from declarative_paas.manifest.platform_models import Region
from declarative_paas.manifest.variables import VariableInputs
from declarative_paas.operations.apps import find_region
from declarative_paas.operations.secret_use import users_of
from declarative_paas.operations.status import read_status

SCOPE = Scope("acme")


class FakeReach:
    """A region of two dynos, or one whose supervisor does not answer."""

    def __init__(self, dynos: Sequence[DynoView] = (), problem: str | None = None) -> None:
        self._dynos = dynos
        self._problem = problem

    def _check(self) -> None:
        if self._problem is not None:
            raise ProviderError(ErrorKind.UNAVAILABLE, self._problem)

    def dynos(self, app: str) -> Sequence[DynoView]:
        self._check()
        return self._dynos

    def status(self) -> Mapping[str, str]:
        self._check()
        return {"supervisor": "running"}

    def releases(self, app: str) -> Sequence[ReleaseView]:
        return ()

    def logs(self, app: str, *, tail: int, follow: bool) -> Iterable[str]:
        return ()

    def config(self, app: str) -> Mapping[str, str]:
        return {}

    def run(self, app: str, command: Sequence[str], *, size: str | None = None) -> int:
        return 0

    def psql(self, app: str, alias: str, arguments: Sequence[str]) -> int:
        return 0

    def url(self, app: str) -> str:
        return ""

    def stop(self) -> None:
        return


def record(address: str, *, status: InstanceStatus = InstanceStatus.CURRENT, **fields: object) -> ResourceState:
    given = {"attributes": {}, "region": "us", "instance": "1", **fields}
    return ResourceState(address=ResourceAddress.parse(address), remote_id="r", status=status, **given)  # type: ignore[arg-type]


def snapshot(*records: ResourceState) -> Snapshot:
    return Snapshot(lineage="l", serial=1, resources={item.key: item for item in records})


def dyno(name: str, state: str) -> DynoView:
    return DynoView(name=name, type=name.partition(".")[0], size="basic", state=state, release=1)


PROCESSES = {"web": {"quantity": 2}, "worker": {"quantity": 1}}
SHOP = snapshot(
    record("app.shop", outputs={"web_url": "http://shop.example"}),
    record("release.shop", outputs={"version": 4}),
    record("formation.shop", attributes={"processes": PROCESSES}),
    record("addon.shop/DATABASE", attributes={"service": "postgres", "plan": "standard-0"}),
    record("addon.shop/DATABASE", instance="0", status=InstanceStatus.DEPOSED),
)
REGIONS = {"us": Region(provider="local", jurisdiction="US")}


def test_an_app_is_told_with_its_dynos_up_and_wanted() -> None:
    reach = FakeReach([dyno("web.1", "up"), dyno("web.2", "crashed")])
    (app,) = read_status(SCOPE, SHOP, REGIONS, {"us": reach}, ()).apps
    assert [(count.type, count.up, count.desired) for count in app.dynos] == [("web", 1, 2), ("worker", 0, 1)]
    assert (app.url, app.release) == ("http://shop.example", 4)
    assert [addon.alias for addon in app.addons] == ["DATABASE"]


def test_a_region_that_does_not_answer_is_told_and_its_apps_are_not_counted_as_down() -> None:
    found = read_status(SCOPE, SHOP, REGIONS, {"us": FakeReach(problem="no supervisor")}, ())
    assert found.regions[0].problem == "no supervisor"
    assert {count.up for count in found.apps[0].dynos} == {None}


def test_a_status_is_json_with_holds() -> None:
    hold = Hold(app="shop", version=3, source="d", since="2026-01-01", by="ann")
    told = json.loads(json.dumps(read_status(SCOPE, SHOP, REGIONS, {}, [hold]).to_json()))
    assert told["holds"][0]["version"] == 3
    assert told["platform"] == "acme"


def manifests(directory: Path) -> Manifests:
    (directory / "dpaas.yaml").write_text(
        "kind: Platform\nmetadata: {name: acme}\nspec: {regions: {us: {provider: memory}, eu: {provider: memory}}}\n"
        "---\nkind: App\nmetadata: {name: shop}\nspec: {region: eu, source: {image: shop}}\n"
        "---\nkind: App\nmetadata: {name: cart}\nspec: {region: eu, source: {image: cart}}\n"
    )
    loaded = load([directory], variables=VariableInputs())
    assert loaded.manifests is not None, loaded.diagnostics
    return loaded.manifests


def test_an_app_is_where_it_is_recorded_not_where_it_is_to_move(tmp_path: Path) -> None:
    assert find_region("shop", SHOP, manifests(tmp_path)) == "us"


def test_an_app_that_was_never_applied_is_where_it_is_declared(tmp_path: Path) -> None:
    assert find_region("cart", SHOP, manifests(tmp_path)) == "eu"


def test_an_app_that_nobody_declared_is_answered_with_the_nearest(tmp_path: Path) -> None:
    found = find_region("shpo", SHOP, manifests(tmp_path))
    assert isinstance(found, Diagnostic)
    assert found.suggestion == "shop"


def test_the_users_of_a_secret_are_found_however_deep_it_stands() -> None:
    ref = SecretRef("shop/token", 2, "d")
    found = snapshot(
        record("config.shop", attributes={"vars": {"A": "x", "B": ref}}),
        record("addon.shop/MAIL", attributes={"credentials": [ref]}),
        record("config.cart", attributes={"vars": {"B": SecretRef("cart/token", 1, "e")}}),
    )
    assert [str(address) for address in users_of("shop/token", found)] == ["addon.shop/MAIL", "config.shop"]
