"""SARIF 2.1.0: risks, drift and diagnostics on the manifest lines that cause them."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Any, Final
from urllib.parse import quote

from declarative_paas.core.diagnostic import Position
from declarative_paas.preview.costs import cost_view
from declarative_paas.preview.findings import RULES, Finding, findings, relative_path
from declarative_paas.preview.model import Preview

SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_RANK: Final = {"error": 90.0, "warning": 50.0, "note": 10.0}


def sarif_view(preview: Preview) -> dict[str, Any]:
    """JSON values only. Rule ids are stable, paths relative to `%SRCROOT%`, fingerprints free of lines.

    A finding without a manifest line, such as a removed resource's, stands on the first line of the manifest
    that any change is declared in: code scanning shows nothing that stands nowhere.
    """
    found = findings(preview)
    rules = sorted({finding.rule for finding in found})
    home = _home(preview)
    seen: Counter[str] = Counter()
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "dpaas",
                        "semanticVersion": _version(preview),
                        "rules": [_rule(rule) for rule in rules],
                    }
                },
                "automationDetails": {"id": f"dpaas/{preview.plan.scope}/"},
                "columnKind": "unicodeCodePoints",
                "originalUriBaseIds": {"%SRCROOT%": {"description": {"text": "The directory that was planned in."}}},
                "results": [_result(finding, rules.index(finding.rule), home, seen) for finding in found],
                "properties": {
                    "planDigest": preview.digest,
                    "verdict": preview.verdict_text,
                    "cost": cost_view(preview.total),
                    "costByApp": {app.name: cost_view(app.cost) for app in preview.apps},
                },
            }
        ],
    }


def _version(preview: Preview) -> str:
    """Semantic versions begin with a number; a plan that could not be made has no tool's version."""
    version = preview.plan.tool_version
    return version if version[:1].isdigit() else "0.0.0"


def _rule(rule: str) -> dict[str, Any]:
    name = "".join(part.capitalize() for part in rule.split("-"))
    return {
        "id": rule,
        "name": name,
        "shortDescription": {"text": RULES.get(rule, f"What dpaas reports as {rule}.")},
        "defaultConfiguration": {"level": "warning"},
    }


def _result(finding: Finding, index: int, home: str, seen: Counter[str]) -> dict[str, Any]:
    fingerprint = hashlib.sha256(f"{finding.rule}\n{finding.address}\n{finding.message}".encode(errors="replace"))
    digest = fingerprint.hexdigest()[:32]
    seen[digest] += 1
    text = finding.message if not finding.help else f"{finding.message}. {finding.help}"
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": finding.level,
        "rank": _RANK[finding.level],
        "message": {"text": text},
        "locations": [_location(finding, home)],
        "partialFingerprints": {"dpaas/v1": f"{digest}:{seen[digest]}"},
    }
    return result


def _location(finding: Finding, home: str) -> dict[str, Any]:
    path = None if finding.position is None else relative_path(finding.position.file)
    region = _region(finding.position) if path is not None and finding.position is not None else {"startLine": 1}
    location: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": quote(path or home, errors="replace"), "uriBaseId": "%SRCROOT%"},
            "region": region,
        }
    }
    if finding.address:
        location["logicalLocations"] = [{"fullyQualifiedName": finding.address, "kind": "resource"}]
    return location


def _region(position: Position) -> dict[str, int]:
    return {"startLine": max(1, position.line), "startColumn": max(1, position.column)}


def _home(preview: Preview) -> str:
    paths = {
        path
        for change in preview.plan.changes
        for file in (change.position.file if change.position else None, change.declared_in)
        if file and (path := relative_path(file)) is not None
    }
    return min(paths, default="dpaas.yaml")
