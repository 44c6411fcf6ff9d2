"""A new instance beside the old one: what is recorded when, and what a provider is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from apply_case import SCOPE, Bench, ScriptedProvider, ref, want

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.plan import Operation
from declarative_paas.core.provider import Done, ErrorKind, ProviderError, StepContext, StepRequest
from declarative_paas.core.resource import InstanceStatus

ADDON = ResourceAddress("addon", "shop", "DB")


def parts(version: str):
    return [
        replace(want("addon.shop/DB", {"version": version}), create_before_destroy=True),
        want("attachment.shop/DB", {"addon": ref("addon.shop/DB", "id")}),
    ]


def upgrade(tmp_path: Path, provider: ScriptedProvider):
    bench = Bench(tmp_path, provider)
    assert bench.apply(bench.plan(*parts("1"))).ok
    provider.requests.clear()
    return bench, bench.apply(bench.plan(*parts("2"), confirmed=[ADDON]))


def records(bench: Bench):
    return {(str(record.address), record.status): record for record in bench.store.snapshot(SCOPE).resources.values()}


def test_who_uses_it_gets_the_new_one_and_the_provider_is_told_of_the_old_one(tmp_path: Path):
    provider = ScriptedProvider()
    bench, result = upgrade(tmp_path, provider)
    assert result.ok
    create, update, delete = provider.requests
    assert [request.operation for request in provider.requests] == [
        Operation.CREATE,
        Operation.UPDATE,
        Operation.DELETE,
    ]
    assert create.siblings == {delete.instance}
    assert create.prior is None
    assert update.attributes == {"addon": create.instance}
    assert delete.prior is not None and delete.prior.attributes == {"version": "1"}
    assert set(records(bench)) == {
        ("addon.shop/DB", InstanceStatus.CURRENT),
        ("attachment.shop/DB", InstanceStatus.CURRENT),
    }


def test_while_the_old_one_is_deleted_it_is_recorded_as_deposed(tmp_path: Path):
    seen: list[set[tuple[str, InstanceStatus]]] = []

    def script(request: StepRequest, context: StepContext) -> Done:
        if request.operation is Operation.DELETE:
            seen.append(set(records(bench_of[0])))
        return Done(remote_id="r", outputs={"id": request.instance})

    class Looking(Bench):
        def tools(self, **options):
            bench_of.append(Bench(tmp_path, provider))  # a store is for one thread: the look needs its own
            return super().tools(**options)

    bench_of: list[Bench] = []
    provider = ScriptedProvider({"addon.shop/DB": script})
    bench = Looking(tmp_path, provider)
    assert bench.apply(bench.plan(*parts("1"))).ok
    bench_of.clear()
    assert bench.apply(bench.plan(*parts("2"), confirmed=[ADDON])).ok
    assert seen == [
        {
            ("addon.shop/DB", InstanceStatus.CURRENT),
            ("addon.shop/DB", InstanceStatus.DEPOSED),
            ("attachment.shop/DB", InstanceStatus.CURRENT),
        }
    ]


def test_an_old_one_that_cannot_be_deleted_stays_deposed_and_the_next_plan_deletes_it(tmp_path: Path):
    failing = [True]

    def script(request: StepRequest, context: StepContext) -> Done:
        if request.operation is Operation.DELETE and failing:
            failing.clear()
            raise ProviderError(ErrorKind.FAILED, "not now")
        return Done(remote_id="r", outputs={"id": request.instance})

    bench, result = upgrade(tmp_path, ScriptedProvider({"addon.shop/DB": script}))
    assert [failure.error.summary for failure in result.failures] == ["not now"]
    assert records(bench)[("addon.shop/DB", InstanceStatus.DEPOSED)].attributes == {"version": "1"}
    plan = bench.plan(*parts("2"), confirmed=[ADDON])
    assert [step.operation for step in plan.steps] == [Operation.DELETE]
    assert bench.apply(plan).ok
    assert ("addon.shop/DB", InstanceStatus.DEPOSED) not in records(bench)


def test_a_new_one_that_fails_leaves_the_old_one_current_and_used(tmp_path: Path):
    def script(request: StepRequest, context: StepContext) -> Done:
        if request.attributes.get("version") == "2":
            raise ProviderError(ErrorKind.FAILED, "no room")
        return Done(remote_id="r", outputs={"id": request.instance})

    bench, result = upgrade(tmp_path, ScriptedProvider({"addon.shop/DB": script}))
    assert len(result.skipped) == 2
    found = records(bench)
    assert found[("addon.shop/DB", InstanceStatus.CURRENT)].attributes == {"version": "1"}
    assert len(found) == 2
