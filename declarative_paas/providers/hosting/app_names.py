"""What an app is called inside its region: a name that it keeps when it gets another one for people.

Dynos, releases, logs and routes are found by it, so an app that is renamed goes on running as it is.
"""

from __future__ import annotations

from collections.abc import Callable

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.provider import ErrorKind, InstanceKey, ProviderError
from declarative_paas.providers.hosting.host import local_name
from declarative_paas.providers.hosting.records import Record, Records

NAME, FORMER = "name", "former"
"""Facts of an app's record: its name in the region, and the app that its address named before it was renamed."""


class AppNames:
    """By the records of the region's apps, each read once. Thread-safe: every answer is the same whoever asks first."""

    def __init__(self, records: Callable[[], Records]) -> None:
        self._records = records
        self._known: dict[tuple[Scope, str], str] = {}

    def name(self, scope: Scope, app: str) -> str:
        """Of an app that is here, or was called so until it was renamed; of any other, as it would be called."""
        if (scope, app) not in self._known:
            found = self.record(scope, app)
            if found is None:
                return local_name(scope, app)
            self.learn(scope, app, found[1])
        return self._known[(scope, app)]

    def record(self, scope: Scope, app: str) -> tuple[InstanceKey, Record] | None:
        """The app's own record: by its address, or else by what it was called before."""
        apps = {
            (address, instance): record
            for (_, address, instance), record in self._records().all(str(scope)).items()
            if address.type == "app"
        }
        here = [(key, record) for key, record in apps.items() if key[0].app == app]
        formerly = [(key, record) for key, record in apps.items() if record.facts.get(FORMER) == app]
        found = here or formerly
        return found[-1] if found else None

    def learn(self, scope: Scope, app: str, record: Record) -> None:
        """This app was made, or renamed: from now on by this record."""
        self._known[(scope, app)] = str(record.facts[NAME])

    def forget(self, scope: Scope, app: str) -> None:
        """This app is gone."""
        self._known.pop((scope, app), None)

    def of_new(self, scope: Scope, address: ResourceAddress, instance: str) -> str:
        """What an app that is made now will be called: as its address says, unless one that was renamed is called so.

        Raises ProviderError (CONFLICT) when another scope's app has that name for people too.
        """
        wanted = local_name(scope, address.app)
        for (owner, other, _), record in self._records().all().items():
            mine = owner == str(scope) and other == address
            if other.type != "app" or mine or record.facts.get(NAME) != wanted:
                continue
            if local_name(Scope.parse(owner), other.app) == wanted:
                raise ProviderError(
                    ErrorKind.CONFLICT, f"the name {wanted} is taken in this region by {other} of {owner}"
                )
            return f"{wanted}-{instance}"
        return wanted
