"""`dpaas`, stopped before or after its n-th write to the state: a pipe tells the test, which then kills it.

`python watched_dpaas.py AT SIDE PIPE ARGUMENTS…`: at the AT-th write it writes a byte to the descriptor PIPE and
waits to be killed; its other threads go on, as they would until a real SIGKILL.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from declarative_paas.workflow import world

WRITES = ("acquire", "renew", "release", "expire", "commit", "record", "set_hold", "end_hold", "put", "remove")
"""Every method of a store, and of its secrets, that changes the file."""


class Watch:
    def __init__(self, at: int, side: str, pipe: int) -> None:
        self._left, self._side, self._pipe = at, side, pipe

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
                self._die()
            answer = method(*arguments, **keywords)
            if is_it and self._side == "after":
                self._die()
            return answer

        return write

    def _die(self) -> None:
        os.write(self._pipe, b"x")
        while True:
            signal.pause()


def main() -> None:
    watch = Watch(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
    opened = world.open_store
    world.open_store = lambda *arguments, **keywords: watch.around(opened(*arguments, **keywords))
    sys.argv = ["dpaas", *sys.argv[4:]]
    from declarative_paas.cli.entry import main as dpaas

    dpaas()


if __name__ == "__main__":
    main()
