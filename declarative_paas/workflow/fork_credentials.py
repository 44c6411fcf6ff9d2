"""No credential of a source's add-on reaches its fork: looked for when a plan is made, and before a release is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.diagnostic import Diagnostic, error
from declarative_paas.core.plan import Operation, Step
from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.core.resource import InstanceStatus, Resource, ResourceState
from declarative_paas.core.state import Snapshot
from declarative_paas.core.values import Attributes, Reference, SecretRef, Sensitive, Value
from declarative_paas.desired.credentials import holds_credential
from declarative_paas.manifest.manifests import AppManifest

Open = Callable[[SecretRef], Sensitive | None]
"""A secret's value; None for one that has none yet."""

Look = Callable[[ResourceAddress], Attributes | None]
Resolve = Callable[[Value], Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """A config var of a fork that tells a credential of its source. `secret` names where the value comes from."""

    fork: str
    key: str
    owner: str
    alias: str
    secret: str | None

    @property
    def sentence(self) -> str:
        """Never the value."""
        through = "" if self.secret is None else f" (secret {self.secret})"
        return f"config {self.key}{through} of {self.fork} holds a credential of {self.owner}'s add-on {self.alias}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ForkGuard:
    """The forks of these manifests. `open_secret` raises StateError."""

    apps: Mapping[str, AppManifest]
    open_secret: Open

    def planned(
        self, desired: Mapping[ResourceAddress, Resource], snapshot: Snapshot
    ) -> tuple[list[Diagnostic], dict[str, list[str]]]:
        """What must not be planned; and by fork the secrets that it uses by name as its source does."""
        recorded = _current(snapshot)
        view = _View(
            look=lambda address: desired[address].attributes if address in desired else None,
            resolve=lambda value: _as_known(value, recorded, desired),
            addresses=sorted(desired),
        )
        found: list[Diagnostic] = []
        for app in self.apps.values():
            for leak in self._leaks(app, view) if app.fork is not None else ():
                found.append(
                    error(
                        "fork-credential",
                        f"{leak.sentence}, which a fork must not have",
                        app.position("config", leak.key),
                        expected=f"config: {{{leak.key}: …}} of the fork's own, null to leave it out, "
                        f"or data: {{{leak.alias}: share}} to use that add-on",
                        address=f"config.{leak.fork}",
                    )
                )
        return found, {app.name: self._common(app, desired) for app in self.apps.values() if app.fork is not None}

    def admit(self, step: Step, records: Mapping[ResourceAddress, ResourceState]) -> None:
        """Called before each step, with what is recorded by then. Raises ProviderError for a fork's release whose
        environment holds what it must not."""
        app = self.apps.get(step.address.app)
        making = step.operation in (Operation.CREATE, Operation.UPDATE)
        if step.address.type != "release" or not making or app is None or app.fork is None:
            return
        view = _View(
            look=lambda address: records[address].attributes if address in records else None,
            resolve=lambda value: value,
            addresses=sorted(records),
        )
        leaks = list(self._leaks(app, view))
        if leaks:
            raise ProviderError(
                ErrorKind.INVALID,
                f"{leaks[0].sentence}: nothing of the fork is released",
                code="fork-credential",
                detail=[leak.sentence for leak in leaks],
            )

    def _leaks(self, app: AppManifest, view: _View) -> Iterator[Leak]:
        own = {value for _, value in self._given(app.name, view)}
        theirs = [
            (attachment, value)
            for source in self._ancestors(app)
            for attachment, value in self._given(source, view)
            if value not in own
        ]
        config = view.look(ResourceAddress("config", app.name)) or {}
        for key, value in sorted(dict(config.get("vars") or {}).items()):
            known = view.resolve(value)
            text = self._text(known)
            if text is None:
                continue
            told = next((attachment for attachment, secret in theirs if holds_credential(text, secret)), None)
            if told is not None:
                name = known.name if isinstance(known, SecretRef) and not known.name.startswith("@") else None
                yield Leak(fork=app.name, key=key, owner=told.app, alias=told.name, secret=name)

    def _given(self, app: str, view: _View) -> Iterator[tuple[ResourceAddress, Sensitive]]:
        """Every credential that an app's attachments give it, as far as it is known."""
        for address in view.addresses:
            if address.type == "attachment" and address.app == app:
                attributes = view.look(address) or {}
                for value in dict(attributes.get("vars") or {}).values():
                    text = self._text(view.resolve(value))
                    if text is not None:
                        yield address, Sensitive(text)

    def _ancestors(self, app: AppManifest) -> Iterator[str]:
        """The source, and its own source: what the first leaks into the second, the third gets too."""
        while app.fork is not None:
            yield app.fork.source
            app = self.apps[app.fork.source]

    def _text(self, value: Value) -> str | None:
        if isinstance(value, SecretRef):
            opened = self.open_secret(value)
            return None if opened is None else opened.reveal()
        return value if isinstance(value, str) else None

    def _common(self, app: AppManifest, desired: Mapping[ResourceAddress, Resource]) -> list[str]:
        assert app.fork is not None, "asked of forks only"
        mine, theirs = (
            _named_secrets(desired.get(ResourceAddress("config", name))) for name in (app.name, app.fork.source)
        )
        return sorted(mine & theirs)


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """What is planned, or recorded, as the same look-ups."""

    look: Look
    resolve: Resolve
    addresses: list[ResourceAddress]


def _current(snapshot: Snapshot) -> dict[ResourceAddress, ResourceState]:
    return {record.address: record for record in snapshot.resources.values() if record.status is InstanceStatus.CURRENT}


def _as_known(
    value: Value, recorded: Mapping[ResourceAddress, ResourceState], desired: Mapping[ResourceAddress, Resource]
) -> Value:
    """A reference's value where it is recorded; that of an add-on to come where it is given in the manifest."""
    if not isinstance(value, Reference):
        return value
    record = recorded.get(value.address)
    if record is not None:
        try:
            return record.lookup(value.attribute)
        except KeyError:
            return None
    wanted = desired.get(value.address)
    return None if wanted is None else wanted.attributes.get("credentials")


def _named_secrets(config: Resource | None) -> set[str]:
    values = {} if config is None else dict(config.attributes.get("vars") or {})
    found: set[str] = set()
    for value in values.values():
        if isinstance(value, SecretRef):
            found.add(value.name)
        elif isinstance(value, Reference) and value.address.type == "secret":
            found.add(f"{value.address.app}/{value.address.name} (generated)")
    return found
