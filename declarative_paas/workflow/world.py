"""What a project's commands work with: stores, providers, the time. Opened once a command."""

from __future__ import annotations

import secrets as randomness
import string
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from declarative_paas.apply.generated import GeneratedSecrets
from declarative_paas.core.diagnostic import Diagnostic
from declarative_paas.core.provider import Provider
from declarative_paas.core.state import SecretStore, StateStore
from declarative_paas.core.values import SecretRef
from declarative_paas.desired.config import SECRETS_REGION
from declarative_paas.state.location import Store, open_store
from declarative_paas.workflow.key import project_key
from declarative_paas.workflow.project import Project
from declarative_paas.workflow.regions import region_providers

_ALPHABET = string.ascii_letters + string.digits


class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """`providers` by region, with generated secrets under a name of their own."""

    project: Project
    store: StateStore
    secrets: SecretStore
    providers: Mapping[str, Provider]
    clock: SystemClock


def open_world(project: Project) -> tuple[World, list[Diagnostic]]:
    """Opens the state and makes the providers; connects to nothing. Raises StateError."""
    clock = SystemClock()
    store = _open(project, clock)

    def stored(name: str) -> SecretRef | None:
        # Asked by the executor's worker threads, and a store is for one thread.
        own = _open(project, clock)
        try:
            return own.current(name)
        finally:
            own.close()

    providers, diagnostics = region_providers(project)
    generated = GeneratedSecrets(
        existing=stored,
        random_text=lambda length: "".join(randomness.choice(_ALPHABET) for _ in range(length)),
        scope=str(project.scope),
    )
    world = World(
        project=project,
        store=store,
        secrets=store,
        providers={**providers, SECRETS_REGION: generated},
        clock=clock,
    )
    return world, diagnostics


def _open(project: Project, clock: SystemClock) -> Store:
    return open_store(
        project.manifests.platform.spec.state,
        base_dir=project.directory,
        clock=clock,
        keyring=lambda: project_key(project),
    )
