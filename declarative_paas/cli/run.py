"""One command line, from its arguments to an exit code. Whatever goes wrong ends here, told for a person."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Sequence

import typer

from declarative_paas.cli import exitcode
from declarative_paas.cli.commands.index import root_command


def run(arguments: Sequence[str]) -> int:
    """Runs the command; never raises. Output that nobody reads any more is not a failure worth telling."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):
            # A terminal that cannot show a character gets its code, not a traceback.
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        code = _run(arguments)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        _let_go(sys.stdout)
        return exitcode.BROKEN_PIPE
    except KeyboardInterrupt:
        return exitcode.INTERRUPTED
    except Exception as problem:
        return _tell(problem)
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()


def _run(arguments: Sequence[str]) -> int:
    command = root_command()
    try:
        with command.make_context("dpaas", list(arguments)) as context:
            command.invoke(context)
    except typer.Exit as ending:
        return ending.exit_code
    except typer.Abort:
        return exitcode.INTERRUPTED
    except typer.TyperException as mistake:
        _show_usage(mistake)
        return exitcode.FAILED
    return exitcode.OK


def _show_usage(mistake: typer.TyperException) -> None:
    """A wrong option or argument: its usage line, and what is wrong."""
    sys.stdout.flush()
    show = getattr(mistake, "show", None)
    if show is None:
        print(f"Error: {mistake.format_message()}", file=sys.stderr)
    else:
        show(file=sys.stderr)


def _tell(problem: Exception) -> int:
    """One clear line for what a person can mend; for a bug where it is, and never the message: it may hold a secret."""
    from declarative_paas.cli.failure import describe

    if os.environ.get("DPAAS_DEBUG") == "1":
        traceback.print_exception(problem)
    description = describe(problem)
    if description is not None:
        print(description, file=sys.stderr)
        return exitcode.FAILED
    frames = traceback.extract_tb(problem.__traceback__)
    where = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    print(f"internal error: {type(problem).__name__}{where}", file=sys.stderr)
    print("Please report it, with what DPAAS_DEBUG=1 adds to this message.", file=sys.stderr)
    return exitcode.INTERNAL


def _let_go(stream: object) -> None:
    """Points a stream at nothing: the interpreter flushes it once more at its end, and would complain."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, stream.fileno())  # type: ignore[attr-defined]
        os.close(nothing)
