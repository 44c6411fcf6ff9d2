"""The engine's build call: a Dockerfile and labels to an image, and its stream of progress and errors read."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from declarative_paas.providers.docker.engine.connection import LONG_CALL_TIMEOUT_S, Engine
from declarative_paas.providers.docker.engine.errors import EngineAnswer
from declarative_paas.providers.docker.engine.lines import LineSplitter

__all__ = ["EngineAnswer", "build_from_text", "check_progress"]


def build_from_text(
    engine: Engine, dockerfile: str, *, tag: str, labels: Mapping[str, str], doing: str, pull: bool = False
) -> None:
    """Builds a Dockerfile that copies nothing in, and tags the image. Raises ProviderError (FAILED, last lines)."""
    with engine.told(doing):
        answer: Any = engine.api.build(
            fileobj=_context(dockerfile),
            custom_context=True,
            tag=tag,
            labels=dict(labels),
            rm=True,
            forcerm=True,
            pull=pull,
            decode=True,
            timeout=LONG_CALL_TIMEOUT_S,
        )
        check_progress(answer, doing)


def check_progress(
    answer: Iterable[Mapping[str, Any]], doing: str, *, on_line: Callable[[str], None] = lambda _: None
) -> list[str]:
    """Reads a build's, import's, load's or pull's progress to its end: its lines. An error in it is raised.

    Such calls answer 200 before they begin, and tell of their failure in the stream. `on_line` gets each line as it
    comes, but not how far every layer of a pull has come.
    """
    lines: list[str] = []

    def tell(line: str) -> None:
        text = line.rstrip()
        if text:
            lines.append(text)
            on_line(text)

    # What a build's commands print comes in pieces of any length.
    printed = LineSplitter(tell)
    for message in answer:
        if "error" in message:
            printed.end()
            raise EngineAnswer(str(message["error"]), lines)
        if message.get("stream"):
            printed.feed(str(message["stream"]).encode())
        elif message.get("status") and not message.get("progressDetail"):
            tell(str(message["status"]))
    printed.end()
    return lines


def _context(dockerfile: str) -> io.BytesIO:
    content = dockerfile.encode()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        entry = tarfile.TarInfo("Dockerfile")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    packed.seek(0)
    return packed
