"""What a dyno runner is told: one frozen value, kept as a JSON file that holds no secret."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from declarative_paas.providers.runtime.backoff import Backoff
from declarative_paas.providers.wholefile import write_whole

FORMAT = 1
_PATHS = frozenset({"slug_archive", "working_root", "environment_file", "key_file", "log", "status"})


class SpecError(Exception):
    """A spec file that is missing, malformed or of another version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DynoSpec:
    """One dyno of one release.

    `id` is unique among all dynos that may run at once on the machine, new and old release alike: leftovers
    are found by it. `command` is a shell string. `slug_archive` is a .tar.gz; every start extracts it
    afresh into `home`. `environment_file` holds `Keyring.seal` of a JSON object of strings, `key_file` the
    key. `port` is for web dynos alone. `memory_mb` is the quota (R14), `memory_kill_mb` the limit (R15).
    `user` is whom the dyno runs as when we are root; otherwise it runs as ourselves. `path` becomes PATH
    unless the release sets its own; `$HOME` in it is the dyno's home. Times are in seconds.
    """

    app: str
    name: str
    process_type: str
    release: int
    id: str
    command: str
    slug_archive: Path
    working_root: Path
    environment_file: Path
    key_file: Path
    log: Path
    status: Path
    memory_mb: int
    memory_kill_mb: int
    pids: int = 256
    port: int | None = None
    user: str | None = None
    path: str = "/usr/local/bin:/usr/bin:/bin"
    boot_timeout_s: float = 60.0
    stop_timeout_s: float = 30.0
    metrics_interval_s: float = 20.0
    backoff: Backoff = field(default_factory=Backoff)

    def __post_init__(self) -> None:
        if not self.id or "/" in self.id or self.id in {".", ".."}:
            raise ValueError(f"a dyno's id names a directory, and {self.id!r} cannot")
        if not 0 < self.memory_mb <= self.memory_kill_mb:
            raise ValueError("the R15 limit must not be under the memory quota")

    @property
    def home(self) -> Path:
        """Where the slug is extracted and the command starts: fresh at every start, the same path always."""
        return self.working_root / self.id / "app"

    def to_json(self) -> str:
        content = {name: str(value) if isinstance(value, Path) else value for name, value in asdict(self).items()}
        return json.dumps({"format": FORMAT, **content}, indent=1, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> DynoSpec:
        """Raises SpecError when the text is no spec of this version."""
        try:
            content: dict[str, Any] = json.loads(text)
            if content.pop("format") != FORMAT:
                raise SpecError("a dyno spec of another version")
            unknown = content.keys() - {one.name for one in fields(cls)}
            if unknown:
                raise SpecError(f"a dyno spec with unknown fields: {', '.join(sorted(unknown))}")
            content["backoff"] = Backoff(**content["backoff"])
            content.update({name: Path(content[name]) for name in _PATHS})
            return cls(**content)
        except (ValueError, KeyError, TypeError, AttributeError) as wrong:
            raise SpecError(f"a malformed dyno spec: {wrong}") from wrong

    @classmethod
    def load(cls, path: Path) -> DynoSpec:
        """Raises SpecError when there is no such file or it is no spec."""
        try:
            return cls.from_json(path.read_text(encoding="utf-8"))
        except OSError as wrong:
            raise SpecError(f"cannot read the dyno spec {path}: {wrong.strerror}") from wrong

    def save(self, path: Path) -> None:
        """Writes the file in one step: a reader finds the old one or the new one, whole."""
        write_whole(path, self.to_json())
