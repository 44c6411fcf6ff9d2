"""How operations reach a region: its records, its dynos, its databases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, BinaryIO

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.provider import DynoView, ErrorKind, Leftover, ProviderError, ReleaseView
from declarative_paas.providers.hosting.app_names import AppNames
from declarative_paas.providers.hosting.environment import opened
from declarative_paas.providers.hosting.host import OneOff, RegionHost
from declarative_paas.providers.hosting.records import Record, ReleaseRecord


class HostedReach:
    """`Reach` in a region of one's own. An app is found within the project's own scope only."""

    def __init__(self, region: RegionHost) -> None:
        self._region = region
        self._names = AppNames(lambda: region.records)

    def dynos(self, app: str) -> Sequence[DynoView]:
        self._app(app)
        formation = self._record("formation", app)
        processes: Mapping[str, Mapping[str, Any]] = {} if formation is None else formation.attributes["processes"]
        found = self._region.dynos.sampled(self._local(app))
        views = [
            DynoView(
                name=item.name,
                type=item.type,
                size=str(processes.get(item.type, {}).get("size", "")),
                state="starting" if item.status is None else item.status.state,
                release=item.release,
                since=None if item.status is None else item.status.since,
                command=item.command,
                # 0: not sampled yet, and 20 s pass between samples.
                memory_mb=None if item.status is None else item.status.memory_mb or None,
                error=None if item.status is None else item.status.error,
            )
            for item in found.values()
        ]
        return sorted(views, key=lambda view: (view.type != "web", view.type, _number(view.name), view.release))

    def releases(self, app: str) -> Sequence[ReleaseView]:
        self._app(app)
        formation = self._record("formation", app)
        current = 0 if formation is None else int(formation.facts["release"])
        return [
            ReleaseView(
                version=item.version,
                status=item.status,
                created_at=item.created_at,
                description=item.description,
                slug=item.slug,
                current=item.version == current,
            )
            for item in reversed(self._region.records.releases(self._local(app)))
        ]

    def logs(self, app: str, *, tail: int, follow: bool) -> Iterable[str]:
        self._app(app)
        return self._region.dynos.logs(self._local(app), tail=tail, follow=follow)

    def config(self, app: str) -> Mapping[str, str]:
        return opened(self._current_release(app), self._region.keyring)

    def run(self, app: str, command: Sequence[str], *, size: str | None = None) -> int:
        one_off = OneOff(release=self._current_release(app), command=_shell_text(command), size=size)
        return self._region.dynos.run_foreground(one_off)

    def psql(self, app: str, alias: str, arguments: Sequence[str]) -> int:
        return self._region.addons.psql(self._addon_key(app, alias), arguments)

    def dump(self, app: str, alias: str, into: BinaryIO) -> None:
        self._region.addons.dump(self._addon_key(app, alias), into)

    def dump_contents(self, app: str, alias: str, file: BinaryIO) -> Sequence[str]:
        return self._region.addons.dump_contents(self._addon_key(app, alias), file)

    def tables(self, app: str, alias: str) -> int:
        return self._region.addons.tables(self._addon_key(app, alias))

    def restore(self, app: str, alias: str, file: BinaryIO) -> None:
        self._region.addons.restore(self._addon_key(app, alias), file)

    def url(self, app: str) -> str:
        return str(self._app(app).outputs["web_url"])

    def leftovers(self) -> Sequence[Leftover]:
        return self._region.leftovers() if self._region.exists else ()

    def clear(self, leftovers: Sequence[Leftover]) -> Sequence[str]:
        return self._region.clear(leftovers)

    def status(self) -> Mapping[str, str]:
        return self._region.programs()

    def stop(self) -> None:
        if self._region.exists:
            self._region.stop()

    def _addon_key(self, app: str, alias: str) -> str:
        addon = self._record("addon", app, alias)
        if addon is None:
            raise ProviderError(ErrorKind.INVALID, f"{app} has no add-on {alias}")
        return str(addon.facts["key"])

    def _local(self, app: str) -> str:
        return self._names.name(self._region.settings.scope, app)

    def _record(self, kind: str, app: str, name: str = "") -> Record | None:
        if not self._region.exists:
            return None
        return self._region.records.current(str(self._region.settings.scope), ResourceAddress(kind, app, name))

    def _app(self, app: str) -> Record:
        record = self._record("app", app)
        if record is None:
            raise ProviderError(
                ErrorKind.INVALID, f"no app {app} runs in region {self._region.settings.region}: apply it first"
            )
        return record

    def _current_release(self, app: str) -> ReleaseRecord:
        """What the dynos run; before the first rollout, the newest release that succeeded."""
        self._app(app)
        formation = self._record("formation", app)
        releases = [item for item in self._region.records.releases(self._local(app)) if item.status == "succeeded"]
        if formation is not None:
            wanted = int(formation.facts["release"])
            releases = [item for item in releases if item.version == wanted]
        if not releases:
            raise ProviderError(ErrorKind.INVALID, f"{app} has no release yet")
        return releases[-1]


def _number(name: str) -> int:
    number = name.rpartition(".")[2]
    return int(number) if number.isdigit() else 0


def _shell_text(command: Sequence[str]) -> str:
    """One word is a shell line, several are words: `run app 'ls | wc'` and `run app ls -l` both work."""
    import shlex

    return command[0] if len(command) == 1 else shlex.join(command)
