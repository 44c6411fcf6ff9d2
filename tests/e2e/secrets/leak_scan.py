"""Finds secret values in whatever form they left: in output, files, argument lists and environments."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import os
import re
import secrets
import string
import threading
import urllib.parse
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_ALPHABET = string.ascii_letters + string.digits


def marker(prefix: str = "", suffix: str = "") -> str:
    """A value that nothing else can be; around its random part whatever escapes differently in each format."""
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(24)) + suffix


def forms(value: str) -> Mapping[str, bytes]:
    """How the value may be written, by the form's name."""
    raw = value.encode()
    found = {
        "plain": raw,
        "its random part": max(re.findall(r"[A-Za-z0-9]+", value), key=len).encode(),
        "JSON": json.dumps(value)[1:-1].encode(),
        "JSON, UTF-8": json.dumps(value, ensure_ascii=False)[1:-1].encode(),
        "JSON, all escaped": "".join(f"\\u{ord(character):04x}" for character in value).encode(),
        "URL": urllib.parse.quote(value, safe="").encode(),
        "URL, form": urllib.parse.quote_plus(value).encode(),
        "URL, all escaped": "".join(f"%{byte:02X}" for byte in raw).encode(),
        "hex": raw.hex().encode(),
        "hex, upper": raw.hex().upper().encode(),
    }
    for offset in range(3):
        found[f"base64, alignment {offset}"] = _base64(raw, offset)
        found[f"base64 for URLs, alignment {offset}"] = _base64(raw, offset).translate(bytes.maketrans(b"+/", b"-_"))
    return found


def _base64(raw: bytes, offset: int) -> bytes:
    """The characters that hold nothing but the value, when `offset` (mod 3) bytes stand before it."""
    encoded = base64.b64encode(b"\0" * offset + raw)
    return encoded[-(-offset * 8 // 6) : (offset + len(raw)) * 8 // 6]


@dataclass
class Scanner:
    """`values` by what they are. A finding names where, which secret, and in what form; never the value.

    `given` are those that a program, by its path, was handed in its own environment: there they belong.
    """

    values: dict[str, str] = field(default_factory=dict)
    given: dict[str, str] = field(default_factory=dict)
    findings: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)
    _needles: dict[bytes, tuple[str, str]] = field(default_factory=dict)

    def know(self, name: str, value: str) -> str:
        """From now on this value is looked for; returns it."""
        assert len(value) >= 16, f"{name} is too short to be told from noise"
        with self.lock:
            self.values[name] = value
            for form, needle in forms(value).items():
                self._needles.setdefault(needle, (name, form))
        return value

    def search(self, where: str, content: bytes, allowed: Collection[str] = ()) -> None:
        """`allowed` are the names of the values that may stand there."""
        with self.lock:
            self.findings.update(
                f"{name} ({form}) in {where}"
                for needle, (name, form) in self._needles.items()
                if needle in content and name not in allowed
            )

    def search_files(self, roots: Iterable[Path]) -> int:
        """Every file below, packed ones unpacked too; how many there were."""
        count = 0
        for path in (path for root in roots for path in _files(root)):
            with contextlib.suppress(FileNotFoundError):  # a log that is rotated, a dyno that stops
                content = path.read_bytes()
                count += 1
                self.search(f"file {path}", content)
                self.search("a file's name", os.fsencode(path))
                if content.startswith(b"\x1f\x8b"):
                    with contextlib.suppress(OSError, EOFError, zlib.error):
                        self.search(f"packed file {path}", gzip.decompress(content))
        return count

    def search_processes(self) -> None:
        """Arguments of every process, and the environment of all but dynos: theirs is where a secret belongs."""
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            with contextlib.suppress(OSError):
                arguments = (entry / "cmdline").read_bytes()
                program = arguments.replace(b"\0", b" ").decode(errors="replace")[:80]
                self.search(f"arguments of {entry.name} ({program})", arguments)
                environment = (entry / "environ").read_bytes()
                if not _is_dyno(environment):
                    # A child between its fork and its start is still the program that forked it.
                    allowed = [
                        name for name, given in self.given.items() if os.fsencode(given) in arguments.split(b"\0")
                    ]
                    self.search(f"environment of {entry.name} ({program})", environment, allowed)


def _is_dyno(environment: bytes) -> bool:
    return any(variable.startswith(b"DYNO=") for variable in environment.split(b"\0"))


def _files(root: Path) -> Iterator[Path]:
    for directory, _, names in os.walk(root):
        for name in names:
            path = Path(directory, name)
            if path.is_file() and not path.is_symlink():
                yield path


class Watching:
    """Looks at all processes again and again while commands run: most live for a moment only."""

    def __init__(self, scanner: Scanner) -> None:
        self._scanner = scanner
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.rounds = 0

    def __enter__(self) -> Watching:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.03):
            self._scanner.search_processes()
            self.rounds += 1
