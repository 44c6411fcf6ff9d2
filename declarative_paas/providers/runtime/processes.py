"""The process table: who descends from whom, who is still alive. Reads /proc; psutil where there is none."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LINUX = sys.platform == "linux" and Path("/proc/self").is_dir()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stat:
    """One process as the kernel tells it. `started` is the start time in a unit of the system's own:
    with the pid it names a process for good, since a reused pid has another start time.
    """

    pid: int
    parent: int
    session: int
    state: str
    started: int
    threads: int
    faults: int

    @property
    def is_zombie(self) -> bool:
        return self.state in "ZX"


def stat(pid: int) -> Stat | None:
    """None when there is no such process."""
    if not LINUX:
        return _psutil_stat(pid)
    try:
        content = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    # The name is in parentheses and may itself hold spaces and parentheses.
    words = content[content.rindex(b")") + 2 :].split()
    return Stat(
        pid=pid,
        parent=int(words[1]),
        session=int(words[3]),
        state=words[0].decode(),
        started=int(words[19]),
        threads=int(words[17]),
        faults=int(words[7]) + int(words[9]),
    )


def is_alive(pid: int, started: int | None = None) -> bool:
    """Whether that very process runs; a zombie does not, and with `started` a reused pid does not."""
    found = stat(pid)
    return found is not None and not found.is_zombie and (started is None or found.started == started)


def all_stats() -> Iterator[Stat]:
    """Every process of the machine that can be seen."""
    if not LINUX:
        import psutil

        pids = psutil.pids()
    else:
        pids = [int(name) for name in _listing("/proc") if name.isdigit()]
    for pid in pids:
        found = stat(pid)
        if found is not None:
            yield found


def descendants(root: int) -> list[int]:
    """The living processes below `root`, parents first, without `root` itself."""
    found: list[int] = []
    waiting = [root]
    while waiting:
        for child in _children(waiting.pop()):
            one = stat(child)
            if one is not None and not one.is_zombie:
                found.append(child)
                waiting.append(child)
    return found


def running_threads(pid: int) -> int:
    """How many of a process's threads run or wait for a CPU or a disk: what a load average counts."""
    one = stat(pid)
    if one is None:
        return 0
    if one.threads == 1 or not LINUX:
        return int(one.state in "RD")
    count = 0
    for task in _listing(f"/proc/{pid}/task"):
        try:
            content = Path(f"/proc/{pid}/task/{task}/stat").read_bytes()
        except OSError:
            continue
        count += content[content.rindex(b")") + 2 :][:1] in (b"R", b"D")
    return count


def environment(pid: int) -> frozenset[bytes]:
    """The `NAME=value` pairs a process was started with; empty when it may not be read."""
    try:
        return frozenset(Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"))
    except OSError:
        return frozenset()


def command_line(pid: int) -> list[str]:
    """The arguments a process was started with; empty when it is gone or may not be read."""
    if not LINUX:
        import psutil

        try:
            return psutil.Process(pid).cmdline()
        except psutil.Error:
            return []
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        return [os.fsdecode(word) for word in words[:-1]]
    except OSError:
        return []


def shares_our_world(pid: int) -> bool:
    """Whether the process is in our own pid and mount namespaces: a container's paths are not ours."""
    try:
        return not LINUX or all(
            Path(f"/proc/{pid}/ns/{kind}").readlink() == Path(f"/proc/self/ns/{kind}").readlink()
            for kind in ("pid", "mnt")
        )
    except OSError:
        return False


def epoch() -> str:
    """Differs after a reboot, and between containers: pids written down in another epoch mean nothing."""
    if not LINUX:
        import psutil

        return f"boot {psutil.boot_time():.0f}"
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    # A restarted container keeps the boot id and counts its pids from 1 again.
    first = stat(1)
    return f"{boot} {Path('/proc/self/ns/pid').readlink()} {first.started if first else 0}"


def _children(pid: int) -> list[int]:
    if not LINUX:
        import psutil

        try:
            return [child.pid for child in psutil.Process(pid).children()]
        except psutil.Error:
            return []
    children: list[int] = []
    for task in _listing(f"/proc/{pid}/task"):
        try:
            content = Path(f"/proc/{pid}/task/{task}/children").read_bytes()
            children.extend(int(word) for word in content.split())
        except FileNotFoundError:
            # Either the thread has ended, or the kernel was built without these files.
            if not _has_children_files():
                return [one.pid for one in all_stats() if one.parent == pid]
        except OSError:
            continue
    return children


def _has_children_files() -> bool:
    return Path(f"/proc/self/task/{os.getpid()}/children").exists()


def _listing(directory: str) -> list[str]:
    try:
        return [entry.name for entry in Path(directory).iterdir()]
    except OSError:
        return []


def _psutil_stat(pid: int) -> Stat | None:
    import psutil

    try:
        process = psutil.Process(pid)
        with process.oneshot():
            return Stat(
                pid=pid,
                parent=process.ppid(),
                session=os.getsid(pid),
                state={psutil.STATUS_ZOMBIE: "Z", psutil.STATUS_RUNNING: "R"}.get(process.status(), "S"),
                started=int(process.create_time() * 1000),
                threads=process.num_threads(),
                faults=0,
            )
    except (psutil.Error, OSError):
        return None
