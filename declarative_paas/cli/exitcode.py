"""What the exit code of `dpaas` tells a script."""

from __future__ import annotations

from typing import Final

OK: Final = 0
FAILED: Final = 1
"""A mistake in the input or on the command line, or something that did not work."""
CHANGES: Final = 2
"""`plan --detailed-exitcode`: there are changes. Nothing else ends so, not even a wrong option."""
INTERNAL: Final = 70
"""A bug of ours (EX_SOFTWARE of sysexits.h)."""
INTERRUPTED: Final = 130
"""Ctrl-C, as shells tell it: 128 + SIGINT."""
BROKEN_PIPE: Final = 141
"""Whoever read our output went away: 128 + SIGPIPE."""
