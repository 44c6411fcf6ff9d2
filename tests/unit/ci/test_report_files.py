"""Text that goes where a workflow's runner reads commands: none of it is one."""

from __future__ import annotations

from pathlib import Path

from declarative_paas.ci.report_files import SUMMARY_LIMIT, add_outputs, add_summary, annotation, quality_report
from declarative_paas.core.diagnostic import Position, error, note, warning
from declarative_paas.preview.findings import Finding
from declarative_paas.preview.review import review_failure


def test_an_annotation_is_one_line_whatever_is_in_it() -> None:
    finding = Finding(
        rule="a,b:c",
        level="warning",
        message="100%\r\n::set-output name=x::y",
        position=Position("apps/a.yaml", 3, 5),
        help="do, this: now",
    )
    line = annotation(finding, "apps/a,b.yaml")
    assert line == (
        "::warning file=apps/a%2Cb.yaml,line=3,endLine=3,col=5,title=a%2Cb%3Ac::"
        "100%25%0D%0A::set-output name=x::y%0Ado, this: now"
    )


def test_gitlabs_quality_report_has_what_stands_in_a_file_worst_first_and_known_again_when_lines_move() -> None:
    def report(line: int) -> list[dict[str, object]]:
        told = [
            note("remark", "by the way", Position("apps/a.yaml", line, 1)),
            warning("odd", "hm", Position("apps/a.yaml", line, 1)),
            warning("odd", "hm", Position("apps/a.yaml", line + 1, 1)),
            error("bad", "no", Position("dpaas.yaml", 0, 1), expected="yes"),
            error("elsewhere", "no", Position("/etc/passwd", 1, 1)),
            error("nowhere", "no"),
        ]
        return quality_report([review_failure(told, None)])

    found = report(3)
    assert [(one["check_name"], one["severity"]) for one in found] == [
        ("bad", "critical"),
        ("odd", "major"),
        ("odd", "major"),
        ("remark", "info"),
    ]
    assert found[0]["description"] == "no (expected: yes)"
    assert found[0]["location"] == {"path": "dpaas.yaml", "lines": {"begin": 1}}
    assert len({one["fingerprint"] for one in found}) == 4
    assert [one["fingerprint"] for one in report(30)] == [one["fingerprint"] for one in found]


def test_a_value_cannot_end_its_own_output(tmp_path: Path) -> None:
    file = tmp_path / "output"
    add_outputs(file, {"reason": "one\nend-1\nforged=yes", "next": "two"})
    lines = file.read_text().split("\n")
    name, end = lines[0].split("<<")
    assert (name, lines[1 : lines.index(end)]) == ("reason", ["one", "end-1", "forged=yes"])
    other, _ = lines[lines.index(end) + 1].split("<<")
    assert other == "next"
    add_outputs(None, {"nowhere": "to go"})


def test_a_summary_keeps_below_what_is_shown_and_says_what_is_missing(tmp_path: Path) -> None:
    file = tmp_path / "summary"
    file.write_text("before\n")
    add_summary(file, ["x" * 400_000] * 3)
    text = file.read_text()
    assert len(text.encode()) < SUMMARY_LIMIT
    assert text.startswith("before\n")
    assert "1 more previews do not fit" in text
