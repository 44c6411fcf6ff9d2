"""How a person or a script hands a secret over: never as an argument, where others could read it."""

from __future__ import annotations

import os
import sys

from declarative_paas.cli import report
from declarative_paas.cli.terminal import is_terminal


def read_value(name: str, variable: str | None = None) -> str:
    """From the variable, else asked for without showing it, else from stdin; ends the command when there is none."""
    from declarative_paas.workflow.secret_text import MAX_SECRET_BYTES, Unusable, secret_text, without_line_end

    if variable is not None:
        value = os.environ.get(variable)
        if value is None:
            report.refuse("no-value", f"the environment has no variable {variable}")
        data = os.fsencode(value)
    elif is_terminal(sys.stdin):
        import getpass

        data = os.fsencode(getpass.getpass(f"Value of {name}: "))
    else:
        # A line end more than the largest value, and a byte to tell that there is more.
        data = without_line_end(sys.stdin.buffer.read(MAX_SECRET_BYTES + 3))
    found = secret_text(data)
    if isinstance(found, Unusable):
        where = "--from-env VAR, or the value on stdin" if found.code == "no-value" else found.expected
        report.refuse(found.code, f"the value of {name} {found.summary}", expected=where)
    return found
