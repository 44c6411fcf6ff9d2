"""One region of one's own behind the `Provider` protocol."""

from __future__ import annotations

import errno
import threading
from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Generic, TypeVar

from declarative_paas.core.plan import Operation
from declarative_paas.core.provider import (
    Absent,
    Discovered,
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
from declarative_paas.core.values import decode
from declarative_paas.vault.keyring import VaultError

if TYPE_CHECKING:
    from declarative_paas.core.address import ResourceAddress, Scope
    from declarative_paas.core.data import DataSide
    from declarative_paas.core.links import LinkEnd
    from declarative_paas.core.slugs import SlugStock
    from declarative_paas.providers.hosting.app_names import AppNames
    from declarative_paas.providers.hosting.host import RegionHost
    from declarative_paas.providers.hosting.kinds import Kind
    from declarative_paas.providers.hosting.reach import HostedReach
    from declarative_paas.providers.hosting.records import Record
    from declarative_paas.providers.hosting.view import RegionView

RegionType = TypeVar("RegionType", bound="RegionHost")


class HostedProvider(ABC, Generic[RegionType]):
    """All of `Provider` but `capabilities` and `validate`. Steps run to their end in `begin`.

    Heavy modules are imported at the first read or step.
    """

    def __init__(self) -> None:
        self._region: RegionType | None = None
        self._names: AppNames | None = None
        self._kinds: Mapping[str, Kind] = {}
        # Two apps at once may be the first that ask for it, and each of two regions would begin to make it.
        self._opening = threading.Lock()

    @abstractmethod
    def make_region(self) -> RegionType:
        """The region; making the object touches nothing."""

    @contextmanager
    def told(self) -> Generator[None]:
        """The rooms below raise their own errors; the executor knows one."""
        from declarative_paas.providers.router.errors import RouterError

        try:
            yield
        except RouterError as problem:
            raise ProviderError(ErrorKind.TRANSIENT, str(problem)) from problem
        except VaultError as problem:
            raise ProviderError(ErrorKind.INVALID, str(problem)) from problem
        except FileNotFoundError as problem:
            raise ProviderError(ErrorKind.FAILED, f"{problem.filename or problem} is missing") from problem
        except OSError as problem:
            raise ProviderError(ErrorKind.FAILED, _system_error(problem)) from problem

    def read(self, query: ReadQuery) -> Mapping[InstanceKey, Reading]:
        keys = [*(record.key for record in query.known), *query.pending]
        try:
            with self.told():
                return self._read(str(query.scope), keys)
        except ProviderError as problem:
            return dict.fromkeys(keys, Unreachable(problem.summary))

    def begin(self, request: StepRequest, context: StepContext) -> Done | Pending:
        with self.told():
            self._open()
            kind = self._kinds[request.address.type]
            if request.operation is Operation.RENAME:
                from declarative_paas.providers.hosting.renaming import rename

                assert self._names is not None, "it is made with the region"
                return rename(self._open(), self._names, request)
            if request.operation in (Operation.DELETE, Operation.FORGET):
                kind.remove(request, context)
                return Done(remote_id="")
            return kind.apply(request, context)

    def poll(self, request: StepRequest, pending: Pending, context: StepContext) -> Done | Pending:
        return self.begin(request, context)

    def data_side(self, scope: Scope, addon: ResourceAddress) -> DataSide:
        """The add-on's data as it is now; see `core.data.DataHolder`."""
        with self.told():
            region = self._open()
            record = region.records.current(str(scope), addon) if region.exists else None
            if record is None:
                raise ProviderError(ErrorKind.INVALID, f"{addon} is not in region {region.settings.region}")
            region.ensure_running()
            return region.addons.data_side(str(record.facts["key"]))

    def standing_side(self, scope: Scope, addon: ResourceAddress) -> DataSide | None:
        """The same where it runs, and starts nothing; see `core.follow.FollowHolder`."""
        with self.told():
            region = self._open()
            record = region.records.current(str(scope), addon) if region.exists else None
            if record is None or not region.is_running():
                return None
            return region.addons.standing_side(str(record.facts["key"]))

    def link_end(self) -> LinkEnd:
        """The region's end of its links; see `core.links.LinkHost`."""
        from declarative_paas.providers.hosting.link_end import HostedLinkEnd

        with self.told():
            return HostedLinkEnd(self._open(), self.told)

    def slug_stock(self) -> SlugStock:
        """The region's slugs, to be sent; see `core.slugs.SlugHolder`."""
        from declarative_paas.providers.hosting.host import SendingSlugHost

        with self.told():
            region = self._open()
            if not isinstance(region.slugs, SendingSlugHost):
                raise ProviderError(ErrorKind.INVALID, f"slugs of region {region.settings.region} cannot be sent")
            return region.slugs.stock()

    def discover(self) -> Sequence[Discovered]:
        from declarative_paas.providers.hosting.discovery import discovered

        with self.told():
            region = self._open()
            return discovered(region) if region.exists else ()

    def adopt(self, things: Sequence[Discovered], scope: Scope) -> None:
        from declarative_paas.providers.hosting.discovery import adopt

        with self.told():
            adopt(self._open(), things, scope)

    @property
    def reach(self) -> HostedReach:
        from declarative_paas.providers.hosting.reach import HostedReach

        return HostedReach(self._open())

    def _open(self) -> RegionType:
        with self._opening:
            if self._region is None:
                from declarative_paas.providers.hosting.app_names import AppNames
                from declarative_paas.providers.hosting.kinds import kinds_of

                region = self.make_region()
                self._names = AppNames(lambda: region.records)
                self._kinds = kinds_of(region, self._names)
                self._region = region
            return self._region

    def _read(self, scope: str, keys: Sequence[InstanceKey]) -> Mapping[InstanceKey, Reading]:
        region = self._open()
        if not region.exists:
            return dict.fromkeys(keys, Absent())
        view = region.look(scope)
        return {key: self._reading(key, view.records.get(key), view) for key in keys}

    def _reading(self, key: InstanceKey, record: Record | None, view: RegionView) -> Reading:
        if record is None:
            return Absent()
        return Present(
            remote_id=key[1],
            attributes=decode(dict(record.attributes)),
            outputs=decode(dict(record.outputs)),
            problems=self._kinds[key[0].type].problems(key[0], record, view),
        )


def _system_error(problem: OSError) -> str:
    if problem.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full"
    return f"{problem.filename or 'the system'}: {problem.strerror or problem}"
