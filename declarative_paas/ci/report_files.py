"""What workflows read back: step summary, outputs, and annotations on lines of manifests.

GitLab knows no annotations, but a Code Quality report, which it shows on the lines of a merge request too.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from declarative_paas.preview.findings import Finding, findings, relative_path
from declarative_paas.preview.model import Preview

SUMMARY_LIMIT: Final = 1_000_000
"""Bytes of a step's summary: above 1 MiB GitHub shows none of it."""

MOST_ANNOTATIONS: Final = 10
"""Of each level that GitHub shows for one step."""

_ORDER: Final = ("error", "warning", "note")
_WORDS: Final = {"error": "error", "warning": "warning", "note": "notice"}
_SEVERITIES: Final = {"error": "critical", "warning": "major", "note": "info"}

QUALITY_FILE: Final = "codequality.json"
"""Beside the saved plans; `ci/gitlab/dpaas.gitlab-ci.yml` names it."""


def annotation_lines(previews: Sequence[Preview]) -> Iterator[str]:
    """Workflow commands, worst first; what has no place in a file is told in the comment only."""
    told: dict[str, int] = {}
    for finding, path in _placed(previews):
        told[finding.level] = told.get(finding.level, 0) + 1
        if told[finding.level] <= MOST_ANNOTATIONS:
            yield annotation(finding, path)


def quality_report(previews: Sequence[Preview]) -> list[dict[str, Any]]:
    """https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format

    Fingerprints are free of lines, so that a finding is known again where lines have moved.
    """
    seen: Counter[str] = Counter()
    return [_quality_entry(finding, path, seen) for finding, path in _placed(previews)]


def _quality_entry(finding: Finding, path: str, seen: Counter[str]) -> dict[str, Any]:
    assert finding.position is not None, "only what has a place is reported"
    text = finding.message + (f" ({finding.help})" if finding.help else "")
    key = f"{finding.rule}\n{path}\n{finding.address}\n{finding.message}"
    seen[key] += 1
    return {
        "description": text,
        "check_name": finding.rule,
        "fingerprint": hashlib.sha256(f"{key}\n{seen[key]}".encode(errors="replace")).hexdigest(),
        "severity": _SEVERITIES[finding.level],
        "location": {"path": path, "lines": {"begin": max(1, finding.position.line)}},
    }


def _placed(previews: Sequence[Preview]) -> list[tuple[Finding, str]]:
    """What stands in a file, with its path, the worst first."""
    every = [finding for preview in previews for finding in findings(preview)]
    placed = [(finding, path) for finding in every if (path := _path(finding)) is not None]
    placed.sort(key=lambda item: (_ORDER.index(item[0].level), item[1], item[0].position or ("", 0, 0)))
    return placed


def annotation(finding: Finding, path: str) -> str:
    """https://docs.github.com/actions/reference/workflow-commands-for-github-actions"""
    assert finding.position is not None, "only what has a place is annotated"
    properties = {
        "file": path,
        "line": str(finding.position.line),
        "endLine": str(finding.position.line),
        "col": str(finding.position.column),
        "title": finding.rule,
    }
    written = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    text = finding.message + (f"\n{finding.help}" if finding.help else "")
    return f"::{_WORDS[finding.level]} {written}::{_data(text)}"


def add_summary(file: Path | None, parts: Sequence[str]) -> None:
    """Appends what fits as whole parts, and says how many do not. Raises OSError."""
    if file is None or not parts:
        return
    room = SUMMARY_LIMIT - (file.stat().st_size if file.exists() else 0) - 200
    kept: list[str] = []
    for part in parts:
        room -= len(part.encode("utf-8", "replace")) + 2
        if room < 0:
            kept.append(f"\n{len(parts) - len(kept)} more previews do not fit into this summary.\n")
            break
        kept.append(part)
    with file.open("a", encoding="utf-8", errors="replace") as out:
        out.write("\n\n".join(kept) + "\n")


def add_outputs(file: Path | None, values: Mapping[str, str]) -> None:
    """Appends to `$GITHUB_OUTPUT`. A value cannot end its own block: the delimiter is made anew. Raises OSError."""
    if file is None:
        return
    with file.open("a", encoding="utf-8", errors="replace") as out:
        for name, value in values.items():
            end = f"end-{uuid4()}"
            out.write(f"{name}<<{end}\n{value}\n{end}\n")


def _path(finding: Finding) -> str | None:
    return None if finding.position is None else relative_path(finding.position.file)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
