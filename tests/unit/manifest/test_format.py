"""`dpaas fmt`: canonical, idempotent, and neither data nor a comment is changed or lost."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from declarative_paas.manifest.format import comments_of, format_text
from declarative_paas.manifest.nodes import plain
from declarative_paas.manifest.yaml_text import parse_yaml


def formatted(text: str) -> str:
    result = format_text(text, "f.yaml")
    assert isinstance(result, str), [str(one) for one in result]
    return result


def data_of(text: str) -> list[Any]:
    parsed = parse_yaml(text, "f.yaml")
    assert parsed.diagnostics == ()
    return [plain(node) for node in parsed.documents]


UGLY = """\
# yaml-language-server: $schema=x

# About this file.
spec:
    region:   us   \t
    addons:
    # first
    - {plan: "a:b",   as: X}   # tail
    -   plan: c:d
        as: Y
        # inside
    build: |
        make
          all

        # no comment

    # above release
    release: "one
        two"
    config: {
      A: b, # in flow
      # alone in flow
      C: d
    }



    formation:
        # deep
        web: {}
   # odd
metadata: {name: x} # behind
# above kind
kind: App
---


kind: Platform"""

CANONICAL = """\
# yaml-language-server: $schema=x

# About this file.
# above kind
kind: App
# odd
metadata: {name: x} # behind
spec:
  region: us
  addons:
    # first
    - {plan: "a:b",   as: X}   # tail
    - plan: c:d
      as: Y
      # inside
  build: |
    make
      all

    # no comment

  # above release
  release: "one
      two"
  config: {
    A: b, # in flow
    # alone in flow
    C: d
  }

  formation:
    # deep
    web: {}
---

kind: Platform
"""


def test_the_canonical_form() -> None:
    assert formatted(UGLY) == CANONICAL


def test_the_canonical_form_stays() -> None:
    assert formatted(CANONICAL) == CANONICAL


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("a: 1", "a: 1\n"),
        ("\n\n\na: 1\n\n\n", "a: 1\n"),
        ("a: 1\r\nb: 2\r\n", "a: 1\nb: 2\n"),
        ("\ufeffa: 1\n", "a: 1\n"),
        ("a:\t1\n", "a: 1\n"),
        ("a:\n- b\n-   c\n", "a:\n  - b\n  - c\n"),
        ("a:\n    -   b: 1\n        c: 2\n", "a:\n  - b: 1\n    c: 2\n"),
        ("-   - a\n    -   b\n", "- - a\n  - b\n"),
        ("a:\n -\n  - b\n", "a:\n  -\n    - b\n"),
        ("  a: 1\n  b: 2\n", "a: 1\nb: 2\n"),
        ("a: |\n     x\n       y\nb: 1\n", "a: |\n  x\n    y\nb: 1\n"),
        ("a: |2\n    x\nb: 1\n", "a: |2\n    x\nb: 1\n"),
        ("a: |+\n  x\n\n\nb: 1\n", "a: |+\n  x\n\n\nb: 1\n"),
        ("a: |\n  x\n\n\nb: 1\n", "a: |\n  x\n\nb: 1\n"),
        ("a: |+\n  x\n\n\n", "a: |+\n  x\n\n\n"),
        ("a: |\n  x", "a: |\n  x"),
        ("a: |\n   x  \n   \ty\n      \n", "a: |\n  x  \n  \ty\n     \n"),
        ("a: 'x\n\n\n     y'\n", "a: 'x\n\n\n     y'\n"),
        ("spec: {}\nkind: App\n", "kind: App\nspec: {}\n"),
        ("z: 1\nkind: App\na: 2\n", "kind: App\nz: 1\na: 2\n"),
        ("spec: &a {}\nkind: *a\n", "spec: &a {}\nkind: *a\n"),
        ("--- # head\nspec: 1\nkind: 2 # k\n...\n", "--- # head\nkind: 2 # k\nspec: 1\n...\n"),
        ("a: http://x#y # z\n", "a: http://x#y # z\n"),
        ("spec:\n - |\n  x\nkind: App", "kind: App\nspec:\n  - |\n    x\n"),
        ("a: 1\n      # far\nb: 2\n", "a: 1\n# far\nb: 2\n"),
    ],
)
def test_each_rule(text: str, canonical: str) -> None:
    assert formatted(text) == canonical
    assert formatted(canonical) == canonical


@pytest.mark.parametrize("text", ["a: [\n", "a: 1\n\tb: 2\n", "", "a: 1\na: 2\n"])
def test_a_text_that_cannot_be_read_is_not_formatted(text: str) -> None:
    result = format_text(text, "f.yaml")
    assert isinstance(result, tuple)
    assert [str(one.position).split(":")[0] for one in result] == ["f.yaml"]


def test_a_rare_kind_of_line_break_is_refused() -> None:
    result = format_text("a: 'x\u2028y'\n", "f.yaml")
    assert isinstance(result, tuple)
    assert [one.code for one in result] == ["cannot-format"]


@st.composite
def _comment(draw: st.DrawFn, indent: int) -> list[str]:
    """Sometimes a comment, at a column that need not fit; sometimes empty lines."""
    match draw(st.integers(0, 7)):
        case 0:
            column = draw(st.sampled_from([indent, indent, 0, max(0, indent - 1), indent + 1]))
            return [" " * column + f"# c{draw(st.integers(0, 99))}" + draw(st.sampled_from(["", "  "]))]
        case 1:
            return draw(st.lists(st.sampled_from(["", "   "]), min_size=1, max_size=3))
        case _:
            return []


@st.composite
def _value(draw: st.DrawFn, indent: int) -> list[str]:
    """A scalar or a flow collection: the rest of the key's line, and the lines that follow."""
    inside = " " * (indent + draw(st.integers(1, 4)))
    tail = draw(st.sampled_from(["", "  ", " # t", "   # t2"]))
    single = [
        "a",
        "1",
        "1.10",
        "true",
        "x y",
        "'q # r'",
        '"d: e"',
        "~",
        "a#b",
        "http://x:1",
        "$PORT",
        "{a: 1,b:  [x, y]}",
    ]
    header = draw(st.sampled_from(["|", "|-", "|+", ">", ">-"])) + draw(st.sampled_from(["", " # h"]))
    body = draw(st.lists(st.sampled_from(["t", "  deeper", "# no comment", "\ttab", "end  ", ""]), max_size=4))
    return draw(
        st.sampled_from(
            [
                *([word + tail] for word in single),
                [header, inside + "first", *(inside + line if line else "" for line in body)],
                ["'one  ", "", f"{inside}two'" + tail],
                ["pl ain", inside + "more" + tail],
                ["{", inside + " a: 1, # f", inside + "# g", inside + "b: c", inside + "}" + tail],
                ["[a, # z", inside + "b]" + tail],
            ]
        )
    )


@st.composite
def _block(draw: st.DrawFn, indent: int, depth: int) -> list[str]:
    """The lines of a mapping or list in block style, with any indentation that YAML allows."""
    is_mapping = depth == 0 or draw(st.booleans())
    count = draw(st.integers(1, 3))
    keys = draw(st.permutations(["spec", "kind", "metadata", "apiVersion", "z", "'q k'"]))
    lines: list[str] = []
    for key in keys[:count]:
        lines += draw(_comment(indent))
        gap = " " * draw(st.integers(1, 3))
        nests = depth < 3 and draw(st.booleans())
        if is_mapping and nests:
            below = draw(_block(indent + draw(st.sampled_from([1, 2, 4])), depth + 1))
            lines += [" " * indent + key + ":" + draw(st.sampled_from(["", " ", "  # k"])), *below]
        elif nests:
            step = 1 + len(gap)
            below = draw(_block(indent + step, depth + 1))
            starts_at_once = below[0].startswith(" " * (indent + step)) and below[0].strip()[:1] not in ("", "#")
            first = (
                [" " * indent + "-" + gap + below[0].lstrip(" ")] if starts_at_once else [" " * indent + "-", below[0]]
            )
            lines += [*first, *below[1:]]
        else:
            value, *rest = draw(_value(indent))
            lines += [" " * indent + (f"{key}:" if is_mapping else "-") + gap + value, *rest]
    return lines


@given(
    st.lists(_block(0, 0), min_size=1, max_size=2),
    st.sampled_from(["", "---\n", "# h\n---\n"]),
    st.sampled_from(["", "\n"]),
)
def test_formatting_keeps_data_and_comments_and_does_nothing_the_second_time(
    blocks: list[list[str]], head: str, end: str
) -> None:
    text = head + "\n---\n".join("\n".join(lines) for lines in blocks) + end
    once = formatted(text)
    assert data_of(once) == data_of(text)
    assert comments_of(once) == comments_of(text)
    assert formatted(once) == once


_WORDS = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=6)
_DATA: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-999, 999) | st.text("ab #:'\"\n-{}[],|>\u00e9", max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORDS, inner, max_size=3),
    max_leaves=15,
)


@given(st.dictionaries(_WORDS, _DATA, min_size=1, max_size=4), st.integers(2, 6), st.sampled_from([None, False, True]))
def test_any_data_that_pyyaml_writes_is_kept(data: dict[str, Any], indent: int, flow: bool | None) -> None:
    text = yaml.safe_dump(data, indent=indent, default_flow_style=flow, allow_unicode=True, width=30)
    once = formatted(text)
    assert data_of(once) == data_of(text)
    assert formatted(once) == once


def test_comments_are_told_from_text() -> None:
    text = "a: 'x # y' # one\n# two\nb: |\n  # no\nc: d#e\nf: \"g\n  # no\"  # three\n"
    assert comments_of(text) == ["# one", "# three", "# two"]
