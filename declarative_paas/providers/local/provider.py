"""One local region behind the `Provider` protocol."""

from __future__ import annotations

import errno
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from declarative_paas.catalog.model import Catalog
from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.diagnostic import Diagnostic
from declarative_paas.core.plan import Operation
from declarative_paas.core.provider import (
    Absent,
    Capabilities,
    Done,
    ErrorKind,
    InstanceKey,
    Pending,
    Present,
    ProviderError,
    Reading,
    ReadQuery,
    StepContext,
    StepRequest,
    Unreachable,
)
from declarative_paas.core.resource import Resource
from declarative_paas.core.values import decode
from declarative_paas.providers.local.settings import LocalSettings
from declarative_paas.providers.local.validate import validate
from declarative_paas.vault.keyring import Keyring, VaultError

if TYPE_CHECKING:
    from declarative_paas.providers.local.reach import LocalReach
    from declarative_paas.providers.local.records import Record
    from declarative_paas.providers.local.region import LocalRegion
    from declarative_paas.providers.local.view import RegionView


class Kind(Protocol):
    """How one resource type is made, removed and looked at here."""

    def apply(self, request: StepRequest, context: StepContext) -> Done: ...

    def remove(self, request: StepRequest, context: StepContext) -> None: ...

    def problems(self, address: ResourceAddress, record: Record, view: RegionView) -> tuple[str, ...]: ...


class LocalProvider:
    """Steps run to their end in `begin`. Heavy modules are imported at the first read or step."""

    def __init__(self, settings: LocalSettings, *, catalog: Catalog, keyring: Callable[[], Keyring]) -> None:
        self._settings = settings
        self._catalog = catalog
        self._keyring = keyring
        self._region: LocalRegion | None = None
        self._kinds: Mapping[str, Kind] = {}

    def capabilities(self) -> Capabilities:
        return Capabilities(parallelism=8, declined=frozenset({"network-isolation", "cpu-quota"}))

    def validate(self, resources: Sequence[Resource]) -> Sequence[Diagnostic]:
        return validate(self._settings, resources)

    def read(self, query: ReadQuery) -> Mapping[InstanceKey, Reading]:
        keys = [*(record.key for record in query.known), *query.pending]
        if not (self._settings.home / "regions").exists() and not self._open().exists:
            return dict.fromkeys(keys, Absent())
        try:
            with _told():
                return self._read(str(query.scope), keys)
        except ProviderError as problem:
            return dict.fromkeys(keys, Unreachable(problem.summary))

    def begin(self, request: StepRequest, context: StepContext) -> Done | Pending:
        with _told():
            self._open()
            kind = self._kinds[request.address.type]
            if request.operation in (Operation.DELETE, Operation.FORGET):
                kind.remove(request, context)
                return Done(remote_id="")
            return kind.apply(request, context)

    def poll(self, request: StepRequest, pending: Pending, context: StepContext) -> Done | Pending:
        return self.begin(request, context)

    @property
    def reach(self) -> LocalReach:
        from declarative_paas.providers.local.reach import LocalReach

        return LocalReach(self._open())

    def _open(self) -> LocalRegion:
        if self._region is None:
            from declarative_paas.providers.local.kinds import kinds_of
            from declarative_paas.providers.local.region import LocalRegion

            region = LocalRegion(self._settings, self._catalog, self._keyring)
            self._kinds = kinds_of(region)
            self._region = region
        return self._region

    def _read(self, scope: str, keys: Sequence[InstanceKey]) -> Mapping[InstanceKey, Reading]:
        from declarative_paas.providers.local.view import look

        region = self._open()
        if not region.exists:
            return dict.fromkeys(keys, Absent())
        records = {(address, instance): record for (_, address, instance), record in region.records.all(scope).items()}
        view = look(region)
        return {key: self._reading(key, records.get(key), view) for key in keys}

    def _reading(self, key: InstanceKey, record: Record | None, view: RegionView) -> Reading:
        if record is None:
            return Absent()
        return Present(
            remote_id=key[1],
            attributes=decode(dict(record.attributes)),
            outputs=decode(dict(record.outputs)),
            problems=self._kinds[key[0].type].problems(key[0], record, view),
        )


@contextmanager
def _told() -> Generator[None]:
    """The rooms below raise their own errors; the executor knows one."""
    from declarative_paas.providers.router.errors import RouterError
    from declarative_paas.providers.runtime.ports import PortError
    from declarative_paas.providers.runtime.supervisor import SupervisorError

    try:
        yield
    except (RouterError, SupervisorError) as problem:
        raise ProviderError(ErrorKind.TRANSIENT, str(problem)) from problem
    except PortError as problem:
        raise ProviderError(ErrorKind.UNAVAILABLE, str(problem)) from problem
    except VaultError as problem:
        raise ProviderError(ErrorKind.INVALID, str(problem)) from problem
    except FileNotFoundError as problem:
        raise ProviderError(ErrorKind.FAILED, f"{problem.filename or problem} is missing") from problem
    except OSError as problem:
        full = problem.errno in (errno.ENOSPC, errno.EDQUOT)
        summary = "the disk is full" if full else f"{problem.filename or 'the system'}: {problem.strerror or problem}"
        raise ProviderError(ErrorKind.FAILED, summary) from problem
