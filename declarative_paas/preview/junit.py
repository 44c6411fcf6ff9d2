"""JUnit XML: one test case a rule and app, so that a CI's own report shows which app fails which rule.

Valid against both schemas that CI servers check with: Jenkins' (junit-10) and Apache Ant's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from declarative_paas.preview.costs import cost_text
from declarative_paas.preview.findings import RULES, Finding, findings
from declarative_paas.preview.model import Preview

_NEVER: Final = "1970-01-01T00:00:00"
"""Ant's schema wants a time; the same plan must give the same report."""

_NO_XML: Final = re.compile(r"[^\n\t\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

PLATFORM: Final = "platform"
"""The suite of what concerns no single app."""


def render_junit(preview: Preview) -> str:
    """An error fails its test case; warnings and notes are told in the case's suite."""
    found = findings(preview)
    suites: dict[str, list[Finding]] = {PLATFORM: []}
    for app in sorted(app.name for app in preview.apps):
        suites.setdefault(app, [])
    for finding in found:
        suites.setdefault(finding.app or PLATFORM, []).append(finding)
    costs = {PLATFORM: preview.total, **{app.name: app.cost for app in preview.apps}}
    body: list[str] = []
    for number, (name, mine) in enumerate(suites.items()):
        body += _suite(preview, number, name, mine, cost_text(costs[name]) if name in costs else "")
    return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', "<testsuites>", *body, "</testsuites>"]) + "\n"


def _suite(preview: Preview, number: int, name: str, mine: list[Finding], cost: str) -> Iterator[str]:
    rules = [*RULES, *sorted({finding.rule for finding in mine} - RULES.keys())]
    failed: dict[str, list[Finding]] = {}
    for finding in mine:
        if finding.level == "error":
            failed.setdefault(finding.rule, []).append(finding)
    yield (
        f"<testsuite name={_attribute(name)} package={_attribute(f'dpaas.{preview.plan.scope}')} "
        f'id="{number}" tests="{len(rules)}" failures="{len(failed)}" errors="0" '
        f'time="0" timestamp="{_NEVER}" hostname="localhost">'
    )
    yield "<properties>"
    yield f'<property name="plan-digest" value={_attribute(preview.digest)}/>'
    yield f'<property name="cost-a-month" value={_attribute(cost)}/>'
    yield "</properties>"
    whose = _attribute(f"dpaas.{name}")
    yield from (_case(whose, rule, failed.get(rule, [])) for rule in rules)
    remarks = [_told(finding) for finding in mine if finding.level != "error"]
    yield f"<system-out>{_text(chr(10).join([preview.verdict_text, *remarks]))}</system-out>"
    yield "<system-err></system-err>"
    yield "</testsuite>"


def _case(whose: str, rule: str, errors: list[Finding]) -> str:
    """`whose` is an attribute's value, in its quotes."""
    if not errors:
        return f'<testcase name={_attribute(rule)} classname={whose} time="0"/>'
    count = len(errors)
    message = errors[0].message if count == 1 else f"{errors[0].message} (and {count - 1} more)"
    detail = "\n".join(map(_told, errors))
    failure = f"<failure type={_attribute(rule)} message={_attribute(message)}>{_text(detail)}</failure>"
    return f'<testcase name={_attribute(rule)} classname={whose} time="0">{failure}</testcase>'


def _told(finding: Finding) -> str:
    where = "" if finding.position is None else f"{finding.position.file}:{finding.position.line}: "
    return f"{where}{finding.level}: {finding.message}{f' ({finding.help})' if finding.help else ''}"


def _text(text: str) -> str:
    return escape(_allowed(text))


def _attribute(text: str) -> str:
    return quoteattr(_allowed(text))


def _allowed(text: str) -> str:
    """XML 1.0 has no way to write control characters, surrogates or noncharacters."""
    return _NO_XML.sub("\ufffd", text)
