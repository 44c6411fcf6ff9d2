"""What a project's commands work with: stores, providers, the time. Opened once a command."""

from __future__ import annotations

import os
import secrets as randomness
import string
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from declarative_paas.apply.generated import GeneratedSecrets
from declarative_paas.core.diagnostic import Diagnostic
from declarative_paas.core.provider import Provider
from declarative_paas.core.state import SecretStore, StateStore
from declarative_paas.core.values import SecretRef, Sensitive
from declarative_paas.desired.config import SECRETS_REGION
from declarative_paas.desired.followers import TRANSFERS_REGION
from declarative_paas.state.location import Store, open_store
from declarative_paas.workflow.copies import transfers
from declarative_paas.workflow.key import project_key
from declarative_paas.workflow.project import Project
from declarative_paas.workflow.regions import region_providers
from declarative_paas.workflow.secret_environment import TakenEnvironment, take_environment

_ALPHABET: Final = string.ascii_letters + string.digits

_TAKEN: Final[dict[str, Sensitive]] = {}
"""What was taken out of this process's environment: a command may open the world more than once."""


class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """`providers` by region, with generated secrets and data copies under names of their own. `environment` holds
    the variables that the Platform takes secrets from: taken out of the process's own environment, for what it starts
    inherits that.
    """

    project: Project
    store: StateStore
    secrets: SecretStore
    providers: Mapping[str, Provider]
    clock: SystemClock
    environment: TakenEnvironment


class _StoredSecrets:
    """The secrets that were stored before the first one is asked for, by name; read once, for any thread.

    A store is for one thread, and these are asked for by the executor's many: each opening its own would be a
    connection a secret. What is stored later is no secret's that is still to be made: each is made once a run.
    """

    def __init__(self, open_own: Callable[[], Store]) -> None:
        self._open_own = open_own
        self._lock = threading.Lock()
        self._refs: Mapping[str, SecretRef] | None = None

    def __call__(self, name: str) -> SecretRef | None:
        with self._lock:
            if self._refs is None:
                with closing(self._open_own()) as own:
                    self._refs = own.refs()
        return self._refs.get(name)


def open_world(project: Project) -> tuple[World, list[Diagnostic]]:
    """Opens the state and makes the providers; connects to nothing. Raises StateError."""
    clock = SystemClock()
    store = open_state(project, clock)
    providers, diagnostics = region_providers(project)

    def current() -> Mapping[str, SecretRef]:
        with closing(open_state(project, clock)) as own:
            return own.refs()

    generated = GeneratedSecrets(
        existing=_StoredSecrets(lambda: open_state(project, clock)),
        current=current,
        random_text=random_text,
        scope=str(project.scope),
    )
    world = World(
        project=project,
        store=store,
        secrets=store,
        providers={**providers, SECRETS_REGION: generated, TRANSFERS_REGION: transfers(providers, clock)},
        clock=clock,
        environment=take_environment(project.manifests.platform, os.environ, taken=_TAKEN),
    )
    return world, diagnostics


def random_text(length: int) -> str:
    """A generated secret's value: letters and digits, which no format has to escape."""
    return "".join(randomness.choice(_ALPHABET) for _ in range(length))


def open_state(project: Project, clock: SystemClock) -> Store:
    """The state's store, for one thread; connects to nothing yet. Raises StateError."""
    return open_store(
        project.manifests.platform.spec.state,
        base_dir=project.directory,
        clock=clock,
        keyring=lambda: project_key(project),
    )
