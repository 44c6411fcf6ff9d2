"""`dpaas`, stopped before or after its n-th write to the state: a pipe tells the test, which then kills it.

`python watched_dpaas.py AT SIDE PIPE ARGUMENTS…`: at the AT-th write it writes a byte to the descriptor PIPE and
waits to be killed; its other threads go on, as they would until a real SIGKILL.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from declarative_paas.workflow import world

WRITES = ("acquire", "renew", "release", "expire", "commit", "record", "set_hold", "end_hold", "put", "remove")
"""Every method of a store, and of its secrets, that changes what is stored."""


class Watch:
    """Counts writes; `reached` is called before or after the `at`-th one."""

    def __init__(self, at: int, side: str) -> None:
        self._left, self._side = at, side

    def reached(self) -> None:
        raise NotImplementedError

    def around(self, store: Any) -> Any:
        """The same store, whose writes are counted."""
        for name in WRITES:
            setattr(store, name, self._counted(getattr(store, name)))
        return store

    def _counted(self, method: Any) -> Any:
        def write(*arguments: Any, **keywords: Any) -> Any:
            self._left -= 1
            is_it = self._left == 0
            if is_it and self._side == "before":
                self.reached()
            answer = method(*arguments, **keywords)
            if is_it and self._side == "after":
                self.reached()
            return answer

        return write


class DoomedWatch(Watch):
    """Tells the pipe and waits for the kill."""

    def __init__(self, at: int, side: str, pipe: int) -> None:
        super().__init__(at, side)
        self._pipe = pipe

    def reached(self) -> None:
        os.write(self._pipe, b"x")
        while True:
            signal.pause()


def run_watched(watch: Watch, arguments: Sequence[str]) -> NoReturn:
    """`dpaas` with these arguments, on stores that are watched."""
    opened = world.open_store
    world.open_store = lambda *given, **keywords: watch.around(opened(*given, **keywords))
    sys.argv = ["dpaas", *arguments]
    from declarative_paas.cli.entry import main as dpaas

    dpaas()
    sys.exit(0)


if __name__ == "__main__":
    run_watched(DoomedWatch(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])), sys.argv[4:])
