"""Becomes the HAProxy of a link end on this machine: its keys lie sealed, and reach it in memory alone.

`python -m declarative_paas.providers.links.launch --directory D --key FILE --haproxy BINARY --of DIGEST`. The files of
`program.config_files` are in D, the keys in D/keys, sealed: a JSON object, by the label of their link. The digest is
of what D holds: it makes another command of another content.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from declarative_paas.providers.links.program import CONFIG
from declarative_paas.vault.keyring import Keyring

KEYS: Final = "keys"
FIRST_FILE: Final = 100
"""The number of the first open file with keys; below are the ones that whoever starts us may have left open."""


def key_files(labels: Iterable[str]) -> Mapping[str, str]:
    """Where HAProxy finds the keys of each link: files without names, open from its start."""
    return {label: f"/proc/self/fd/{FIRST_FILE + number}" for number, label in enumerate(sorted(labels))}


def open_keys(bundles: Mapping[str, str]) -> None:
    """Opens what `key_files` names, to be inherited. HAProxy reads it once, before it becomes somebody else."""
    for number, (label, bundle) in enumerate(sorted(bundles.items())):
        made = os.memfd_create(label)
        try:
            with os.fdopen(os.dup(made), "wb") as file:
                file.write(bundle.encode())
            os.dup2(made, FIRST_FILE + number, inheritable=True)
        finally:
            os.close(made)


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("directory", "key", "haproxy"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--of", required=True)
    told = parser.parse_args()
    sealed = (told.directory / KEYS).read_text(encoding="ascii")
    open_keys(json.loads(Keyring.load(told.key).open(sealed)))
    # In the foreground: it is supervised.
    os.execv(told.haproxy, [str(told.haproxy), "-db", "-f", str(told.directory / CONFIG)])


if __name__ == "__main__":
    main()
