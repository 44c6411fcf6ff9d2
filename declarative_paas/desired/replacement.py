"""`lifecycle`: what makes a part of an app anew, and whether the new one is made before the old one is deleted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.diagnostic import Diagnostic, error, nearest
from declarative_paas.core.resource import Resource
from declarative_paas.core.resource_type import RESOURCE_TYPES
from declarative_paas.manifest.app_models import AddonPlan, Lifecycle
from declarative_paas.manifest.manifests import AppManifest


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """One `lifecycle` block: of which resource, where it stands, and what it says."""

    app: AppManifest
    address: ResourceAddress
    path: tuple[str | int, ...]
    says: Lifecycle


def take_lifecycles(
    apps: Sequence[AppManifest], resources: MutableMapping[ResourceAddress, Resource]
) -> list[Diagnostic]:
    """Lays every `lifecycle` block over its resource; what cannot be meant is left out, and an error."""
    diagnostics: list[Diagnostic] = []
    for app in apps:
        for rule in _rules(app):
            resource = resources.get(rule.address)
            if resource is None:
                diagnostics += _without_part(rule)
                continue
            first = bool(rule.says.create_before_destroy)
            if first and RESOURCE_TYPES[rule.address.type].names_unique:
                diagnostics.append(_taken_name(rule))
                first = False
            triggers: list[ResourceAddress] = []
            for number, text in enumerate(rule.says.replace_triggered_by or ()):
                trigger = ResourceAddress.parse(text)
                mistake = _mistake(rule, number, trigger, resources)
                if mistake is None:
                    triggers.append(trigger)
                else:
                    diagnostics.append(mistake)
            # At once, and not after the loop: two that trigger each other are a circle.
            resources[rule.address] = replace(
                resource, create_before_destroy=first, replace_triggered_by=tuple(sorted(set(triggers)))
            )
    return diagnostics


def _rules(app: AppManifest) -> Iterator[_Rule]:
    own = app.spec.lifecycle
    if own is not None:
        for kind, says in (("app", own.app), ("release", own.release), ("formation", own.formation)):
            if says is not None:
                yield _Rule(app=app, address=ResourceAddress(kind, app.name), path=("lifecycle", kind), says=says)
    for number, addon in enumerate(app.spec.addons or ()):
        if isinstance(addon, AddonPlan) and addon.lifecycle is not None:
            yield _Rule(
                app=app,
                address=ResourceAddress("addon", app.name, addon.alias),
                path=("addons", number, "lifecycle"),
                says=addon.lifecycle,
            )


def _without_part(rule: _Rule) -> Iterator[Diagnostic]:
    """A formation may be missing because nothing is to run; an add-on's own mistakes are told elsewhere."""
    if rule.address.type == "formation":
        yield error(
            "lifecycle-of-nothing",
            f"{rule.app.name} declares no process type, so there is no {rule.address} to replace",
            rule.app.position(*rule.path),
            expected="a formation, or no lifecycle for it",
        )


def _taken_name(rule: _Rule) -> Diagnostic:
    kind = rule.address.type
    return error(
        "name-taken-by-old-one",
        f"{rule.address} cannot be made before its old one is deleted: a region takes one {kind} of a name",
        rule.app.position(*rule.path, "create_before_destroy"),
        expected="create_before_destroy on add-ons only; a new release starts new dynos beside the old ones anyway",
    )


def _mistake(
    rule: _Rule, number: int, trigger: ResourceAddress, resources: Mapping[ResourceAddress, Resource]
) -> Diagnostic | None:
    position = rule.app.position(*rule.path, "replace_triggered_by", number)
    if trigger not in resources:
        return error(
            "unknown-trigger",
            f"{rule.address} is to be replaced with {trigger}, which is not declared",
            position,
            expected="the address of a declared resource, as plans print it",
            suggestion=nearest(str(trigger), [str(other) for other in resources]),
        )
    path = _path(trigger, rule.address, resources)
    if path is None:
        return None
    circle = " -> ".join(str(address) for address in (rule.address, *path))
    return error(
        "trigger-circle",
        f"{rule.address} cannot be replaced with {trigger}, which needs it itself: {circle}",
        position,
        expected="something that does not need it",
    )


def _path(
    start: ResourceAddress, end: ResourceAddress, resources: Mapping[ResourceAddress, Resource]
) -> list[ResourceAddress] | None:
    """A way from one resource to another along what each needs; None when there is none."""
    came_from: dict[ResourceAddress, ResourceAddress] = {}
    open_ends = [start]
    seen = {start}
    while open_ends:
        here = open_ends.pop()
        if here == end:
            path = [here]
            while path[-1] != start:
                path.append(came_from[path[-1]])
            return path[::-1]
        for needed in resources[here].dependencies() if here in resources else ():
            if needed not in seen:
                seen.add(needed)
                came_from[needed] = here
                open_ends.append(needed)
    return None
