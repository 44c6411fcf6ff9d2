"""Small files in a volume of the engine, kept through its keeper container: durable, shared by all who use the region.

One command in the keeper serves a whole process's questions: starting one costs a tenth of a second, asking one
that runs a millisecond.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.docker.engine.connection import Engine
from declarative_paas.providers.docker.engine.conversation import Conversation

ANSWER_TIMEOUT_S = 60.0
LOCK_POLL_S = 0.05


class Session:
    """Asks the keeper. Usable from several threads; connects at the first question, and again when it was cut off."""

    def __init__(self, engine: Engine, container: str, directory: str) -> None:
        program = Path(__file__).with_name("keeping_inside.py").read_text(encoding="utf-8")
        self._engine = engine
        self._conversation = Conversation(engine, container, ["python3", "-I", "-c", program, directory])
        self._one_at_a_time = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}

    def read(self, prefix: str = "") -> Mapping[str, str]:
        """Every file whose name begins so."""
        found: Mapping[str, str] = self._ask({"read": prefix})["files"]
        return found

    def put(self, files: Mapping[str, str], *, remove: Sequence[str] = ()) -> None:
        """Each file is there whole or as before, whatever happens; after the return, for good."""
        self._ask({"put": dict(files), "remove": list(remove)})

    def claim(self, name: str, text: str) -> bool:
        """Makes a file that must not be there yet; whether it was not."""
        return "taken" not in self._ask({"put": {name: text}, "exclusive": True})

    def remove(self, names: Sequence[str]) -> None:
        if names:
            self._ask({"remove": list(names)})

    @contextmanager
    def locked(self, name: str) -> Generator[None]:
        """Holds a lock among all processes that use the region; it ends with its holder.

        Cut off from the engine while it is held, the holder learns of it by its next question at the latest.
        """
        with self._locks.setdefault(name, threading.Lock()):
            while not self._ask({"lock": name})["held"]:
                time.sleep(LOCK_POLL_S)
            try:
                yield
            finally:
                self._ask({"unlock": name})

    def close(self) -> None:
        with self._one_at_a_time:
            self._conversation.close()

    def _ask(self, question: Mapping[str, Any]) -> Mapping[str, Any]:
        with self._one_at_a_time:
            try:
                answer = self._conversation.ask(question, timeout_s=ANSWER_TIMEOUT_S)
            except (ProviderError, TimeoutError):
                if "unlock" in question or question.get("exclusive"):
                    raise
                # An engine or a keeper that was restarted: all other questions may be asked twice.
                answer = self._conversation.ask(question, timeout_s=ANSWER_TIMEOUT_S)
        if "error" in answer:
            summary = f"the records of {self._engine.where} cannot be written: {answer['error']}"
            raise ProviderError(ErrorKind.FAILED, summary)
        return answer


def read_archive(engine: Engine, container: str, directory: str) -> Mapping[str, str]:
    """Every file of the directory, in one call; the container need not run."""
    import io
    import tarfile

    with engine.told("read the records"):
        api: Any = engine.api
        pieces, _ = api.get_archive(container, directory)
        packed = io.BytesIO(b"".join(pieces))
    found: dict[str, str] = {}
    with tarfile.open(fileobj=packed) as archive:
        for member in archive:
            name = Path(member.name).name
            file = archive.extractfile(member) if member.isfile() and not name.startswith(".") else None
            if file is not None:
                found[name] = file.read().decode("utf-8")
    return found
