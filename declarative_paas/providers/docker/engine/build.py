"""The engine's build call: a Dockerfile and labels to an image, and its stream of progress and errors read."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Mapping
from typing import Any

from declarative_paas.providers.docker.engine.connection import LONG_CALL_TIMEOUT_S, Engine


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


def check_progress(answer: Iterable[Mapping[str, Any]], doing: str) -> list[str]:
    """Reads a build's, import's, load's or pull's progress to its end: its lines. An error in it is raised.

    Such calls answer 200 before they begin, and tell of their failure in the stream.
    """
    lines: list[str] = []
    for message in answer:
        if "error" in message:
            raise EngineAnswer(str(message["error"]), lines)
        text = str(message.get("stream") or message.get("status") or "").rstrip()
        if text:
            lines.append(text)
    return lines


class EngineAnswer(OSError):
    """What an engine said within an answer that had begun well. `errors.told` turns it into a ProviderError."""

    def __init__(self, explanation: str, lines: list[str]) -> None:
        super().__init__(explanation)
        self.explanation = explanation
        self.lines = tuple(lines[-20:])


def _context(dockerfile: str) -> io.BytesIO:
    content = dockerfile.encode()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        entry = tarfile.TarInfo("Dockerfile")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    packed.seek(0)
    return packed
