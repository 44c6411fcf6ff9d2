"""`dpaas secrets`: values that manifests name and never hold."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from declarative_paas.cli import report
from declarative_paas.cli.columns import columns
from declarative_paas.cli.commands.index import command_group
from declarative_paas.cli.inputs import ManifestInputs, reads_manifests
from declarative_paas.cli.terminal import is_terminal

app = command_group()

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The secret's name, such as shop/api-token.")]
MAX_SECRET_BYTES = 65_536


@app.callback()
def secrets() -> None:
    """Store the secrets that manifests name: encrypted, versioned, never printed.

    Example: dpaas secrets set shop/api-token < token.txt
    """


@app.command("set")
@reads_manifests
def set_secret(
    inputs: ManifestInputs,
    name: NameArgument,
    from_env: Annotated[
        str | None, typer.Option("--from-env", metavar="VAR", help="Take the value from this environment variable.")
    ] = None,
) -> None:
    """Store a secret's value: from --from-env, else from stdin, else asked for without showing it.

    The value is never an argument: others on the machine could read it there.

    Example: dpaas secrets set shop/api-token --from-env API_TOKEN
    """
    from declarative_paas.core.values import Sensitive

    _check_name(name)
    with inputs.world() as world:
        value = _read(name, from_env)
        before = world.secrets.current(name)
        after = world.secrets.put(name, Sensitive(value))
    if before == after and before is not None and before.version == after.version:
        print(f"{name} has this value already (version {after.version}).")
    else:
        print(f"Stored {name}, version {after.version}. The next apply gives it to the apps that name it.")


@app.command("list")
@reads_manifests
def list_secrets(inputs: ManifestInputs) -> None:
    """List the stored secrets by name and version; values are never shown.

    Example: dpaas secrets list
    """
    with inputs.world() as world:
        found = [world.secrets.current(name) for name in world.secrets.names() if not name.startswith("@")]
    rows = [[ref.name, str(ref.version)] for ref in found if ref is not None]
    print(columns(["name", "version"], rows) if rows else "No secrets.")


@app.command("rm")
@reads_manifests
def remove_secret(
    inputs: ManifestInputs,
    name: NameArgument,
    force: Annotated[bool, typer.Option("--force", help="Also when something that was applied uses it.")] = False,
) -> None:
    """Remove a secret, all its versions. Refused while something that was applied uses it.

    Example: dpaas secrets rm shop/api-token
    """
    from declarative_paas.core.diagnostic import nearest
    from declarative_paas.operations.secret_use import users_of

    _check_name(name)
    with inputs.world() as world:
        users = [
            f"{address} ({scope})"
            for scope in world.store.scopes()
            for address in users_of(name, world.store.snapshot(scope))
        ]
        if users and not force:
            report.refuse(
                "secret-in-use",
                f"{name} is used by {', '.join(users)}",
                expected="to take it out there first, or --force",
            )
        if not world.secrets.remove(name):
            known = [other for other in world.secrets.names() if not other.startswith("@")]
            report.refuse("unknown-secret", f"no secret {name!r} is stored", suggestion=nearest(name, known))
    print(f"Removed {name}.")


def _check_name(name: str) -> None:
    from declarative_paas.manifest.formats import SECRET_NAME

    if not SECRET_NAME.matches(name):
        report.refuse(
            "bad-secret-name",
            f"{name!r} is no secret's name",
            expected=SECRET_NAME.says,
            suggestion=SECRET_NAME.repaired(name),
        )


def _read(name: str, variable: str | None) -> str:
    """The value; ends the command when there is none."""
    if variable is not None:
        value = os.environ.get(variable)
        if value is None:
            report.refuse("no-value", f"the environment has no variable {variable}")
    elif is_terminal(sys.stdin):
        import getpass

        value = getpass.getpass(f"Value of {name}: ")
    else:
        value = _from_stdin()
    if not value:
        report.refuse("no-value", f"the value of {name} is empty", expected="--from-env VAR, or the value on stdin")
    return value


def _from_stdin() -> str:
    """All of stdin, without the line end that editors and `echo` put last."""
    data = sys.stdin.buffer.read(MAX_SECRET_BYTES + 1)
    if len(data) > MAX_SECRET_BYTES:
        report.refuse("value-too-large", f"a secret has at most {MAX_SECRET_BYTES} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        # Without the exception: it quotes the bytes.
        report.refuse("not-utf-8", "the value is not UTF-8 text", expected="text; binary values as base64")
    if "\0" in text:
        report.refuse("bad-value", "the value holds a NUL byte, which no environment variable can")
    return text.removesuffix("\n").removesuffix("\r")
