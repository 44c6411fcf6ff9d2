"""`dpaas secrets`: values that manifests name and never hold."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from declarative_paas.cli import exitcode, report
from declarative_paas.cli.columns import columns
from declarative_paas.cli.commands.index import command_group
from declarative_paas.cli.inputs import ManifestInputs, reads_manifests
from declarative_paas.cli.planoptions import ApproveOption, VerboseOption
from declarative_paas.cli.secret_input import read_value
from declarative_paas.cli.terminal import can_ask, is_terminal

if TYPE_CHECKING:
    from declarative_paas.workflow.rotation import Rotatable
    from declarative_paas.workflow.secret_listing import ListedSecret
    from declarative_paas.workflow.secret_storing import Stored
    from declarative_paas.workflow.world import World

app = command_group()

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The secret's name, such as shop/api-token.")]


@app.callback()
def secrets() -> None:
    """Store, rotate and list the secrets that manifests name: encrypted, versioned, never printed.

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
    encrypted: Annotated[
        Path | None,
        typer.Option("--encrypted", metavar="FILE", help="Put it into this encrypted file, which may be in git."),
    ] = None,
) -> None:
    """Store a secret's value: from --from-env, else from stdin, else asked for without showing it.

    It goes into the encrypted file that the Platform names for it, else into the state. The value is never an
    argument: others on the machine could read it there.

    Example: dpaas secrets set shop/api-token --from-env API_TOKEN
    """
    from declarative_paas.core.diagnostic import Diagnostic
    from declarative_paas.workflow.secret_storing import place_of, store_value

    _check_name(name)
    _refuse_generated(name)
    # Before the world is opened: that takes variables out of the environment, perhaps this one.
    given = None if from_env is None else read_value(name, from_env)
    with inputs.world() as world:
        place = place_of(world, name, encrypted)
        if isinstance(place, Diagnostic):
            report.fail(place)
        stored = store_value(world, name, read_value(name) if given is None else given, place)
    print(_told(name, stored))


@app.command("list")
@reads_manifests
def list_secrets(
    inputs: ManifestInputs,
    as_json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False,
) -> None:
    """List secrets: where each comes from, its version and age, and which apps use it. Values are never shown.

    Example: dpaas secrets list
    """
    from declarative_paas.workflow.secret_listing import list_secrets

    with inputs.world() as world:
        found = list_secrets(world)
        if as_json:
            print(json.dumps([_as_json(item) for item in found], indent=2))
        elif found:
            now = world.clock.now()
            rows = [
                [
                    item.name,
                    " ".join(filter(None, [item.source, item.origin])),
                    "-" if item.version is None else str(item.version),
                    "-" if item.stored_at is None else _age((now - item.stored_at).total_seconds()),
                    ", ".join(item.apps) or "-",
                ]
                for item in found
            ]
            print(columns(["name", "source", "version", "age", "apps"], rows))
        else:
            print("No secrets.")


@app.command("rotate")
@reads_manifests
def rotate_secrets(
    inputs: ManifestInputs,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAMES]...", help="Secrets by name; a generated one by its address, secret.APP/KEY."),
    ] = None,
    all_generated: Annotated[
        bool, typer.Option("--all-generated", help="All secrets that were generated for this environment.")
    ] = False,
    auto_approve: ApproveOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Give secrets new values, and the apps that use them new releases.

    A generated secret gets a random value; another one's is read from stdin, or asked for without showing it.
    Then comes a plan of the apps that use them and nothing else, which is applied when it is agreed to.

    Example: dpaas secrets rotate secret.shop/SESSION_KEY
    """
    from declarative_paas.operations.secret_use import affected_by
    from declarative_paas.workflow.deploy import desire

    with inputs.world() as world:
        chosen = _chosen(world, names or [], all_generated)
        desired, diagnostics, _ = desire(world)
        if any(item.is_error for item in diagnostics):
            # Before anything is changed: what cannot be planned would leave new values that nothing uses.
            inputs.show(diagnostics)
            raise typer.Exit(exitcode.FAILED)
        values = {item.name: read_value(item.name) for item in chosen if item.generated is None}
        _rotate(world, chosen, values)
        affected = [str(address) for address in affected_by([item.name for item in chosen], desired)]
        if not affected:
            print("No app uses what was rotated.")
            return
        _release(inputs, world, affected, auto_approve=auto_approve, verbose=verbose)


@app.command("rekey")
@reads_manifests
def rekey_secrets(inputs: ManifestInputs) -> None:
    """Make a new key and seal all stored secrets with it. Values stay, so nothing that runs changes.

    The key file keeps the earlier keys: what regions sealed with them goes on opening.

    Example: dpaas secrets rekey
    """
    from declarative_paas.workflow.rekeying import rekey

    with inputs.world() as world:
        done = rekey(world)
        if done is None:
            report.refuse("no-key", "nothing was sealed yet, so there is no key to replace")
        path = world.project.key_file
    print(f"Key {done.new} seals from now on, {done.old} only opens. Sealed anew: {done.values}.")
    print(f"The state from before: {done.backup}. Keep a copy of {path}, and give it to those who share the state.")


@app.command("rm")
@reads_manifests
def remove_secret(
    inputs: ManifestInputs,
    name: NameArgument,
    encrypted: Annotated[
        Path | None, typer.Option("--encrypted", metavar="FILE", help="Take it out of this encrypted file.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Also when something that was applied uses it.")] = False,
) -> None:
    """Remove a secret, all its versions, from where it is stored. Refused while something that was applied uses it.

    An entry that the Platform does not declare any more is taken out of the encrypted files that it names.

    Example: dpaas secrets rm shop/api-token
    """
    from declarative_paas.core.diagnostic import nearest
    from declarative_paas.operations.secret_use import users_of
    from declarative_paas.workflow.secret_storing import encrypted_places, remove_encrypted

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
        # A source that dpaas does not write is left alone: only what an apply stored of it goes.
        places = encrypted_places(world, name, encrypted)
        in_files = [place for place in places if place.exists() and remove_encrypted(name, place)]
        in_store = world.secrets.remove(name)
        if not in_files and not in_store:
            known = [other for other in world.secrets.names() if not other.startswith("@")]
            report.refuse("unknown-secret", f"no secret {name!r} is stored", suggestion=nearest(name, known))
    where = f" from {' and '.join(map(str, in_files))}" if in_files else ""
    print(f"Removed {name}{where}.")


def _chosen(world: World, names: list[str], all_generated: bool) -> list[Rotatable]:
    """What is to be rotated, each once; ends the command when one cannot be."""
    from declarative_paas.core.diagnostic import Diagnostic
    from declarative_paas.workflow.rotation import generated_secrets, rotatable

    if not names and not all_generated:
        raise typer.BadParameter("name the secrets to rotate, or give --all-generated")
    generated = generated_secrets(world)
    found = dict(generated) if all_generated else {}
    for name in names:
        item = rotatable(world, name, generated)
        if isinstance(item, Diagnostic):
            report.fail(item)
        found[name] = item
    asked = [item.name for item in found.values() if item.generated is None]
    if len(asked) > 1 and not is_terminal(sys.stdin):
        report.refuse(
            "one-value",
            f"stdin holds one value, and {' and '.join(asked)} want one each",
            expected="one of them at a time, or a terminal to type them on",
        )
    if not found:
        report.refuse("unknown-secret", "no secret was generated for this environment yet")
    return list(found.values())


def _rotate(world: World, chosen: list[Rotatable], values: dict[str, str]) -> None:
    from declarative_paas.workflow.rotation import rotate

    for item in chosen:
        if rotate(world, item, values.get(item.name)):
            where = f" in {item.place}" if item.place is not None else ""
            print(f"Rotated {item.name}{where}.")
        else:
            print(f"{item.name} has this value already.")


def _release(inputs: ManifestInputs, world: World, affected: list[str], *, auto_approve: bool, verbose: bool) -> None:
    """Plans what the new values reach, and applies it where somebody agreed or can be asked."""
    from declarative_paas.cli.approval import Consent, Execution, carry_out
    from declarative_paas.workflow.deploy import PlanRequest, plan_changes

    planned = plan_changes(world, PlanRequest(targets=affected))
    if auto_approve or can_ask():
        agree = Consent(word="yes", question="Release the new values? Only `yes` is a yes:")
        execution = Execution(command="secrets rotate", consent=None if auto_approve else agree, verbose=verbose)
        carry_out(inputs, world, planned, execution)
        return
    from declarative_paas.cli.planview import plan_text

    if planned.plan is not None:
        print(plan_text(planned.plan, sys.stdout, verbose=verbose, no_color=inputs.no_color), flush=True)
    inputs.show(planned.diagnostics)
    if not planned.ok:
        raise typer.Exit(exitcode.FAILED)
    print("\nThe next apply releases the new values.")


def _told(name: str, stored: Stored) -> str:
    if stored.file is not None:
        if not stored.fresh:
            return f"{name} has this value already in {stored.file}."
        told = f"Stored {name} in {stored.file}."
        if stored.declared:
            return f"{told} The next apply gives it to the apps that name it."
        return f"{told} Declare it in the Platform: `secrets: {{{name}: {{encrypted: {stored.file}}}}}`."
    if not stored.fresh:
        return f"{name} has this value already (version {stored.version})."
    return f"Stored {name}, version {stored.version}. The next apply gives it to the apps that name it."


def _as_json(item: ListedSecret) -> dict[str, object]:
    return {
        "name": item.name,
        "source": item.source,
        "origin": item.origin,
        "version": item.version,
        "stored_at": None if item.stored_at is None else item.stored_at.isoformat(),
        "apps": list(item.apps),
    }


def _age(seconds: float) -> str:
    """In the largest unit of which there is one at least."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= length:
            return f"{int(seconds // length)}{unit}"
    return f"{max(0, int(seconds))}s"


def _refuse_generated(name: str) -> None:
    """A name of that form is of what dpaas generates: a value stored under it is one that nothing uses."""
    app, slash, key = name.removeprefix("secret.").partition("/")
    if name.startswith("secret.") and slash:
        report.refuse(
            "generated-secret",
            f"{name} is the address of a generated secret, whose value dpaas makes",
            expected=f"`dpaas secrets rotate {name}` for a new value; or a name of your own, such as {app}/{key}, "
            "which the manifest names in place of `generate`",
        )


def _check_name(name: str) -> None:
    from declarative_paas.manifest.formats import SECRET_NAME

    if not SECRET_NAME.matches(name):
        report.refuse(
            "bad-secret-name",
            f"{name!r} is no secret's name",
            expected=SECRET_NAME.says,
            suggestion=SECRET_NAME.repaired(name),
        )
