"""Diagnostics as text, JSON and GitHub annotations."""

from __future__ import annotations

import io

from declarative_paas.cli.report import DiagnosticFormat, as_annotation, as_json, as_text, counts, show
from declarative_paas.core.diagnostic import Position, error, warning

SIZE = error("unknown-size", "no size 'x'", Position("a,b:c.yaml", 3, 7), expected="one of a, b", suggestion="a")
DRIFT = warning("held", "100% held")


def test_counts_have_the_right_number() -> None:
    assert counts([SIZE, SIZE, DRIFT]) == "2 errors, 1 warning"
    assert counts([DRIFT]) == "1 warning"


def test_the_severity_is_coloured_and_nothing_else() -> None:
    assert as_text(SIZE, colour=False).startswith("a,b:c.yaml:3:7: error: no size")
    assert "\x1b[1;31merror:\x1b[0m" in as_text(SIZE, colour=True)


def test_annotations_escape_what_github_would_read_as_its_own() -> None:
    assert as_annotation(SIZE) == (
        "::error file=a%2Cb%3Ac.yaml,line=3,col=7,title=unknown-size::"
        "no size 'x'%0Aexpected: one of a, b%0Adid you mean: a"
    )
    assert as_annotation(DRIFT) == "::warning title=held::100%25 held"


def test_the_worst_come_first_as_annotations() -> None:
    stream = io.StringIO()
    show([DRIFT, SIZE], form=DiagnosticFormat.GITHUB, stream=stream)
    assert [line.split()[0] for line in stream.getvalue().splitlines()] == ["::error", "::warning"]


def test_json_leaves_out_what_is_not_known() -> None:
    told = as_json([DRIFT])
    assert told["warnings"] == 1
    assert told["diagnostics"] == [{"severity": "warning", "code": "held", "summary": "100% held"}]


def test_nothing_is_printed_for_no_diagnostics() -> None:
    stream = io.StringIO()
    show([], stream=stream)
    assert stream.getvalue() == ""
