"""JUnit XML: one test case a rule and app, so that a CI's own report shows which app fails which rule.

Valid against both schemas that CI servers check with: Jenkins' (junit-10) and Apache Ant's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from declarative_paas.preview.findings import RULES, Finding, findings
from declarative_paas.preview.model import Preview

_NEVER: Final = "1970-01-01T00:00:00"
"""Ant's schema wants a time; the same plan must give the same report."""

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
    body = [line for number, (name, mine) in enumerate(suites.items()) for line in _suite(preview, number, name, mine)]
    return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', "<testsuites>", *body, "</testsuites>"]) + "\n"


def _suite(preview: Preview, number: int, name: str, mine: list[Finding]) -> Iterator[str]:
    rules = [*RULES, *sorted({finding.rule for finding in mine} - RULES.keys())]
    failed = {finding.rule for finding in mine if finding.level == "error"}
    yield (
        f"<testsuite name={_attribute(name)} package={_attribute(f'dpaas.{preview.plan.scope}')} "
        f'id="{number}" tests="{len(rules)}" failures="{len(failed)}" errors="0" '
        f'time="0" timestamp="{_NEVER}" hostname="localhost">'
    )
    yield f'<properties><property name="plan-digest" value={_attribute(preview.digest)}/></properties>'
    for rule in rules:
        yield from _case(name, rule, [finding for finding in mine if finding.rule == rule and finding.level == "error"])
    remarks = [_told(finding) for finding in mine if finding.level != "error"]
    yield f"<system-out>{_text(chr(10).join([preview.verdict_text, *remarks]))}</system-out>"
    yield "<system-err></system-err>"
    yield "</testsuite>"


def _case(name: str, rule: str, errors: list[Finding]) -> Iterator[str]:
    head = f'<testcase name={_attribute(rule)} classname={_attribute(f"dpaas.{name}")} time="0"'
    if not errors:
        yield f"{head}/>"
        return
    count = len(errors)
    message = errors[0].message if count == 1 else f"{errors[0].message} (and {count - 1} more)"
    detail = "\n".join(map(_told, errors))
    yield f"{head}><failure type={_attribute(rule)} message={_attribute(message)}>{_text(detail)}</failure></testcase>"


def _told(finding: Finding) -> str:
    where = "" if finding.position is None else f"{finding.position.file}:{finding.position.line}: "
    return f"{where}{finding.level}: {finding.message}{f' ({finding.help})' if finding.help else ''}"


def _text(text: str) -> str:
    return escape(_allowed(text))


def _attribute(text: str) -> str:
    return quoteattr(_allowed(text))


def _allowed(text: str) -> str:
    """XML 1.0 has no way to write control characters, surrogates or noncharacters."""
    return "".join(letter if letter in "\n\t" or _is_xml(ord(letter)) else "\ufffd" for letter in text)


def _is_xml(code: int) -> bool:
    return 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or 0x10000 <= code <= 0x10FFFF
