"""A platform in memory with a shop and its forks, planned and applied by the workflow itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from declarative_paas.apply.executor import ApplyResult, Interruption
from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.diagnostic import Diagnostic
from declarative_paas.core.values import SecretRef, Sensitive
from declarative_paas.manifest.variables import VariableInputs
from declarative_paas.providers.memory.world import MemoryWorld
from declarative_paas.workflow.deploy import Planned, PlanRequest, apply_plan, plan_changes
from declarative_paas.workflow.project import Project, open_project
from declarative_paas.workflow.world import World, open_world

SHOP: dict[str, Any] = {
    "region": "us",
    "source": {"path": "./src"},
    "config": {"LOG": "info", "KEY": {"generate": 32}},
    "formation": {"web": {"command": "serve", "size": "standard-1x", "quantity": 1}},
    "addons": [{"plan": "postgres:standard-0", "as": "DATABASE"}, {"plan": "redis:premium-0", "as": "REDIS"}],
    "domains": ["www.example.com"],
}
FORK: dict[str, Any] = {"from": "shop", "region": "eu", "data": {"DATABASE": "copy", "REDIS": "empty"}}


class ForkCase:
    """`apps` by name; one with `from` is a fork. Changes are seen by the next `plan`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.apps: dict[str, dict[str, Any]] = {"shop": dict(SHOP)}
        self.providers: dict[str, dict[str, Any]] = {"us": {"provider": "memory"}, "eu": {"provider": "memory"}}
        self._world: World | None = None
        (directory / "src").mkdir()
        (directory / "src" / "index.html").write_text("<h1>shop</h1>\n", encoding="utf-8")

    def close(self) -> None:
        if self._world is not None:
            self._world.store.close()

    @property
    def world(self) -> World:
        project = self.project()
        if self._world is None:
            self._world, diagnostics = open_world(project)
            assert diagnostics == []
        return replace(self._world, project=project)

    def project(self) -> Project:
        regions = {name: {**given, "jurisdiction": name.upper()} for name, given in self.providers.items()}
        documents = [{"kind": "Platform", "metadata": {"name": "acme"}, "spec": {"regions": regions}}]
        documents += [
            {"kind": "Fork" if "from" in spec else "App", "metadata": {"name": name}, "spec": spec}
            for name, spec in self.apps.items()
        ]
        (self.directory / "dpaas.yaml").write_text(yaml.safe_dump_all(documents, sort_keys=False), encoding="utf-8")
        project, diagnostics = open_project([self.directory], None, VariableInputs())
        assert project is not None, [str(one) for one in diagnostics]
        return project

    def plan(self, **request: Any) -> Planned:
        return plan_changes(self.world, PlanRequest(**request))

    def apply(self, planned: Planned | None = None) -> ApplyResult:
        world = self.world
        planned = planned or plan_changes(world, PlanRequest())
        assert planned.ok, [str(one) for one in planned.diagnostics]
        return apply_plan(world, planned, sink=lambda event: None, interruption=Interruption(), command="test")

    def must_apply(self) -> None:
        result = self.apply()
        assert result.ok, [str(failure.error) for failure in result.failures]

    def memory(self, region: str) -> MemoryWorld:
        found: MemoryWorld = self.world.providers[region]._world  # type: ignore[attr-defined]
        return found

    def scope(self, region: str) -> str:
        return f"{self.world.project.scope}@{region}"

    def write_row(self, region: str, address: str, name: str, text: str) -> None:
        self.memory(region).write_row(self.scope(region), address, name, text)

    def rows(self, region: str, address: str) -> dict[str, str]:
        found: dict[str, str] = self.memory(region).data(self.scope(region), address)["rows"]
        return found

    def url(self, address: str) -> str:
        """The credential that an add-on gave, as the state knows it."""
        world = self.world
        for (known, _), record in world.store.snapshot(world.project.scope).resources.items():
            if known == ResourceAddress.parse(address):
                ref = record.outputs["url"]
                assert isinstance(ref, SecretRef)
                return world.secrets.get(ref).reveal()
        raise AssertionError(f"{address} is not recorded")

    def secret(self, name: str, value: str) -> None:
        self.world.secrets.put(name, Sensitive(value))


def codes(diagnostics: list[Diagnostic]) -> list[str]:
    return sorted(one.code for one in diagnostics if one.is_error)
