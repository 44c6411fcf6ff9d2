"""What a fork's release would do to data that it shares with its source. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from declarative_paas.core.diagnostic import Diagnostic, warning
from declarative_paas.core.plan import Action, Plan
from declarative_paas.manifest.app_models import AddonAttach
from declarative_paas.manifest.manifests import AppManifest


def shared_release(apps: Mapping[str, AppManifest], plan: Plan) -> Iterator[Diagnostic]:
    """A warning for each add-on of another app that a fork's release command runs against in this plan.

    Migrations belong to whom the data belongs to; a fork usually has the same command by inheritance, and not by a
    decision.
    """
    for change in plan.changes:
        app = apps.get(change.address.app)
        if change.address.type != "release" or app is None or app.fork is None or app.spec.release is None:
            continue
        if change.action not in (Action.CREATE, Action.UPDATE, Action.REPLACE):
            continue
        for addon in app.spec.addons or ():
            if isinstance(addon, AddonAttach):
                owner, _, alias = addon.attach.partition("/")
                yield warning(
                    "fork-share-release",
                    f"the release command of {app.name} ({app.spec.release}) runs against the live {alias} of {owner}, "
                    f"which it shares as {addon.alias}",
                    app.fork.manifest.position("data", addon.alias),
                    expected="release: null in the Fork, or a command that changes no data and no schema",
                    address=str(change.address),
                )
