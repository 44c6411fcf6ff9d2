"""How operations reach a local region: its files, its processes, its databases."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.provider import DynoView, ErrorKind, ProviderError, ReleaseView
from declarative_paas.providers.local.environment import one_off_spec
from declarative_paas.providers.local.loglines import follow, tail
from declarative_paas.providers.local.records import Record, ReleaseRecord
from declarative_paas.providers.local.region import LocalRegion
from declarative_paas.providers.local.view import list_dynos


class LocalReach:
    """`Reach` on this machine. An app is found within the project's own scope only."""

    def __init__(self, region: LocalRegion) -> None:
        self._region = region

    def dynos(self, app: str) -> Sequence[DynoView]:
        self._app(app)
        formation = self._record("formation", app)
        processes: Mapping[str, Mapping[str, Any]] = {} if formation is None else formation.attributes["processes"]
        found = list_dynos(self._region).get(self._local(app), {})
        views = [
            DynoView(
                name=item.spec.name,
                type=item.spec.process_type,
                size=str(processes.get(item.spec.process_type, {}).get("size", "")),
                state="starting" if item.status is None else item.status.state,
                release=item.spec.release,
                since=None if item.status is None else item.status.since,
                command=item.spec.command,
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
        path = self._region.log_file(self._local(app))
        return _follow(path, tail) if follow else _tail(path, tail)

    def config(self, app: str) -> Mapping[str, str]:
        release = self._current_release(app)
        opened: dict[str, str] = json.loads(self._region.keyring.open(release.environment))
        return opened

    def run(self, app: str, command: Sequence[str], *, size: str | None = None) -> int:
        from declarative_paas.providers.runtime.oneoff import run_foreground

        with one_off_spec(self._region, self._current_release(app), _shell_text(command), size=size) as spec:
            return run_foreground(spec)

    def psql(self, app: str, alias: str, arguments: Sequence[str]) -> int:
        from declarative_paas.providers.addons.passfile import password_out_of
        from declarative_paas.providers.addons.postgres_driver import psql_command

        addon = self._record("addon", app, alias)
        if addon is None:
            raise ProviderError(ErrorKind.INVALID, f"{app} has no add-on {alias}")
        argv, environment = psql_command(self._region.addons, str(addon.facts["key"]))
        with password_out_of({**os.environ, **environment}) as (told, descriptors):
            return subprocess.call([*argv, *arguments], env=told, pass_fds=descriptors)

    def url(self, app: str) -> str:
        return str(self._app(app).outputs["web_url"])

    def status(self) -> Mapping[str, str]:
        region = self._region
        if not region.exists or not region.supervisor.is_running():
            return {"supervisor": "stopped"}
        dynos = {name for found in list_dynos(region).values() for name in found}
        programs = {
            name: status.state.value.lower()
            for name, status in sorted(region.supervisor.programs().items())
            if name not in dynos
        }
        return {"supervisor": "running", **programs}

    def stop(self) -> None:
        if self._region.exists:
            self._region.stop()

    def _local(self, app: str) -> str:
        return self._region.local_name(self._region.settings.scope, app)

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


_tail, _follow = tail, follow


def _number(name: str) -> int:
    number = name.rpartition(".")[2]
    return int(number) if number.isdigit() else 0


def _shell_text(command: Sequence[str]) -> str:
    """One word is a shell line, several are words: `run app 'ls | wc'` and `run app ls -l` both work."""
    import shlex

    return command[0] if len(command) == 1 else shlex.join(command)
