"""Secrets by name: a manifest names one, the store or the source that the Platform declares must have it."""

from __future__ import annotations

from collections.abc import Mapping

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.diagnostic import Position, error, nearest
from declarative_paas.core.values import SecretRef
from declarative_paas.desired.inputs import DesiredInputs, Diagnostics
from declarative_paas.manifest.app_models import AddonPlan, AppConfig, GeneratedValue
from declarative_paas.manifest.manifests import AppManifest, Manifests
from declarative_paas.manifest.model_base import SecretReference


def find_secret(name: str, position: Position, inputs: DesiredInputs, diagnostics: Diagnostics) -> SecretRef | None:
    """The secret's current version, or None and a diagnostic."""
    problem = inputs.secret_problems.get(name)
    if problem is not None:
        # It stands where the source is declared, and is told once however many apps name the secret.
        if problem not in diagnostics:
            diagnostics.append(problem)
        return None
    found = inputs.secrets.get(name)
    if found is None:
        diagnostics.append(
            error(
                "missing-secret",
                f"no secret {name!r} is stored",
                position,
                expected=f"`dpaas secrets set {name}` before planning",
                # Names of secrets have much in common: only a slip of the finger is worth a suggestion.
                suggestion=nearest(name, inputs.secrets, slips=1),
            )
        )
    return found


def apps_by_secret(manifests: Manifests) -> dict[str, list[str]]:
    """Which apps use each secret, sorted: those that name it, and those that take the value from them.

    A generated secret goes by its address, `secret.APP/KEY`.
    """
    apps = {app.name: app for app in manifests.apps}
    found: dict[str, set[str]] = {}
    for app in manifests.apps:
        for key in app.spec.config or {}:
            name = _secret_behind(app, key, apps)
            if name is not None:
                found.setdefault(name, set()).add(app.name)
        for addon in app.spec.addons or ():
            if isinstance(addon, AddonPlan) and addon.credentials is not None:
                found.setdefault(addon.credentials.secret, set()).add(app.name)
    return {name: sorted(users) for name, users in sorted(found.items())}


def _secret_behind(app: AppManifest, key: str, apps: Mapping[str, AppManifest]) -> str | None:
    """The secret that a config key's value is; follows `{app, config}` from app to app, but not in circles."""
    passed: set[tuple[str, str]] = set()
    while (app.name, key) not in passed:
        passed.add((app.name, key))
        value = (app.spec.config or {}).get(key)
        if isinstance(value, SecretReference):
            return value.secret
        if isinstance(value, GeneratedValue):
            return str(ResourceAddress("secret", app.name, key))
        if not isinstance(value, AppConfig) or value.app not in apps:
            return None
        app, key = apps[value.app], value.config
    return None
