"""Saved plans: JSON, written whole or not at all, readable by their owner only."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from declarative_paas.core.diagnostic import Diagnostic, error
from declarative_paas.core.plan import Plan, plan_from_json, plan_to_json


def write_plan(plan: Plan, path: Path) -> None:
    """Mode 0600: a plan holds no secret, but all the rest of a platform's configuration. Raises OSError."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mkstemp makes it 0600
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(plan_to_json(plan), file, indent=1)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def unwritable(path: Path) -> Diagnostic | None:
    """Why no plan can be saved there, told before one is made; None when nothing is in the way."""
    expected = "a file, in a directory that exists and may be written to"
    if path.is_dir():
        return error("unwritable-file", f"{path} is a directory", expected=expected)
    if not path.parent.is_dir():
        return error(
            "unwritable-file", f"{path} cannot be written: there is no directory {path.parent}", expected=expected
        )
    if not os.access(path.parent, os.W_OK | os.X_OK):
        return error("unwritable-file", f"{path} cannot be written: {path.parent} is not yours", expected=expected)
    return None


def read_plan(path: Path) -> Plan | Diagnostic:
    """The saved plan, or why the file is none."""
    expected = "a file that `dpaas plan --out FILE` wrote"
    try:
        data: Any = json.loads(path.read_bytes())
    except FileNotFoundError:
        return error("no-such-file", f"there is no plan file {path}", expected=expected)
    except OSError as problem:
        return error("unreadable-file", f"{path} cannot be read: {problem.strerror}", expected=expected)
    except ValueError:
        return error("not-a-plan", f"{path} is no saved plan: it is not JSON", expected=expected)
    try:
        return plan_from_json(data)
    except ValueError as problem:
        return error("not-a-plan", f"{path} cannot be used: {problem}", expected=expected)
    except (KeyError, TypeError, AttributeError):
        return error("not-a-plan", f"{path} is no saved plan", expected=expected)
