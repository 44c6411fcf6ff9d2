"""The definitions of a region's programs on disk: what supervisord reads when it starts, and when it is told to."""

from __future__ import annotations

import configparser
import hashlib
import os
import secrets
import signal
from dataclasses import dataclass
from pathlib import Path

from declarative_paas.providers.runtime.programs import Program, is_plain, program_ini
from declarative_paas.providers.wholefile import write_whole

_DIRECTORIES = ("conf.d", "log", "paths")
_STOP_WAIT_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Definitions:
    """`directory` lasts, and may have any name. `run` is short and plain, and links to what `directory` holds:
    supervisord's include setting splits at blanks and globs.
    """

    directory: Path
    run: Path

    def make_directories(self) -> None:
        """Makes what is missing, and the links; the run directory may have vanished in a reboot."""
        self.run.mkdir(parents=True, exist_ok=True)
        self.run.chmod(0o700)
        (self.directory / "locks").mkdir(parents=True, exist_ok=True)
        for name in _DIRECTORIES:
            (self.directory / name).mkdir(exist_ok=True)
            _link(self.run / name, self.directory / name)

    def lock(self, name: str) -> Path:
        return self.directory / "locks" / name

    def write(self, program: Program) -> None:
        """In one step, and only when it differs."""
        log = program.log or self.log_file(program.name)
        log.parent.mkdir(parents=True, exist_ok=True)
        text = program_ini(
            program,
            directory=self._plain(program.directory),
            log=f"{self._plain(log.parent)}/{log.name}",
            as_root=os.geteuid() == 0,
        )
        path = self._file(program.name)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            write_whole(path, text)

    def forget(self, name: str) -> None:
        self._file(name).unlink(missing_ok=True)

    def stop_wait_s(self, name: str) -> float:
        """How long supervisord lets the program end before it kills it."""
        return float(self._setting(name, "stopwaitsecs") or _STOP_WAIT_S)

    def longest_stop_wait_s(self) -> float:
        return max((self.stop_wait_s(name) for name in self._names()), default=0.0)

    def stop_signal(self, name: str) -> int:
        """SIGTERM for a program that is not defined (any more)."""
        return signal.Signals[f"SIG{self._setting(name, 'stopsignal') or 'TERM'}"]

    def log_file(self, name: str) -> Path:
        """Where a program writes to that has no log of its own."""
        return self.directory / "log" / f"{name}.log"

    def make_log_directories(self) -> None:
        """supervisord refuses every definition when the directory of one log is missing."""
        for name in self._names():
            log = self._setting(name, "stdout_logfile").replace("%%%%", "%")
            if log:
                # Resolved: a link whose target is gone cannot be made a directory.
                Path(log).parent.resolve().mkdir(parents=True, exist_ok=True)

    def _names(self) -> list[str]:
        return sorted(path.stem for path in (self.directory / "conf.d").glob("*.ini"))

    def _file(self, name: str) -> Path:
        return self.directory / "conf.d" / f"{name}.ini"

    def _setting(self, name: str, setting: str) -> str:
        parser = configparser.RawConfigParser()
        parser.read(self._file(name), encoding="utf-8")
        return parser.get(f"program:{name}", setting, fallback="")

    def _plain(self, path: Path) -> str:
        """The path, or a link to it where the ini format cannot hold it."""
        if is_plain(path):
            return str(path)
        # Kept with the definitions that name it, so that it lasts as long as they do.
        link = self.directory / "paths" / hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
        _link(link, path)
        return str(self.run / "paths" / link.name)


def _link(link: Path, target: Path) -> None:
    if link.is_symlink() and link.readlink() == target:
        return
    fresh = link.with_name(f".{link.name}.{secrets.token_hex(4)}")
    fresh.symlink_to(target)
    fresh.replace(link)
