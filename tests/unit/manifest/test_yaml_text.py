"""YAML text -> data and positions, and a diagnostic for each text that is none."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from manifest_case import syntax_of

from declarative_paas.core.diagnostic import Position
from declarative_paas.manifest import yaml_text
from declarative_paas.manifest.file_text import MAX_FILE_BYTES
from declarative_paas.manifest.nodes import MappingNode, descendant, key_position_of, plain, position_of
from declarative_paas.manifest.plain_data import is_list, is_mapping
from declarative_paas.manifest.scalars import resolve
from declarative_paas.manifest.yaml_text import parse_yaml

ALIAS_BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "code", "line", "column"),
    [
        ("a: 1\n\tb: 2\n", "tab-indentation", 2, 1),
        ("a:\n\t- b\n", "tab-indentation", 2, 1),
        ("a:\n  b: 1\n  \tc: 2\n", "tab-indentation", 3, 3),
        ("a: [1, 2\nb: 3\n", "yaml-syntax", 2, 2),
        ("a: {b: 1\nc: 2\n", "yaml-syntax", 2, 2),
        ("a: b: c\n", "yaml-syntax", 1, 5),
        ("é: ü: c\n", "yaml-syntax", 1, 5),
        ("a: @x\n", "yaml-syntax", 1, 4),
        ("a: 1\nb: 'x\nc: 2\n", "yaml-syntax", 2, 4),
        ("- a\nb: 1\n", "yaml-syntax", 2, 1),
        ("a:\n  b: 1\n c: 2\n", "yaml-syntax", 3, 2),
        ("a: 1\na: 2\n", "duplicate-key", 2, 1),
        ("a: {b: 1, c: 2, b: 3}\n", "duplicate-key", 1, 17),
        ("a: *nope\n", "unknown-alias", 1, 4),
        ("a: &x [1, *x]\n", "recursive-alias", 1, 11),
        ("? [a]\n: 1\n", "complex-key", 1, 3),
        ("a: !python/name 1\n", "unknown-tag", 1, 4),
        ("a: !!timestamp 2001-01-01\n", "unknown-tag", 1, 4),
        ("[" * 5000, "too-deep", 1, 65),
        ("", "empty-file", 1, 1),
        ("# only a comment\n---\n", "empty-file", 1, 1),
        (b"a: 1\nb: caf\xe9\n", "not-utf-8", 2, 7),
        (b"\xff\xfea\x00:\x00", "not-utf-8", 1, 1),
        (b"a: 1\nb\x00: 2\n", "control-character", 2, 2),
        (b"a: \x07\n", "control-character", 1, 4),
        (ALIAS_BOMB, "alias-bomb", 6, 8),
        (b"a" * (MAX_FILE_BYTES + 1), "file-too-large", 1, 1),
        (b"a: 1\n" * 2_000_000, "file-too-large", 1, 1),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 20 else "",
)
def test_a_text_that_cannot_be_read_gets_one_diagnostic_with_its_place(
    text: str | bytes, code: str, line: int, column: int
) -> None:
    diagnostic = syntax_of(text)
    assert (diagnostic.code, diagnostic.position) == (code, Position("f.yaml", line, column))
    assert diagnostic.is_error


def test_a_byte_that_is_not_utf_8_is_named_with_its_offset() -> None:
    assert "byte 11 (0xe9)" in syntax_of(b"a: 1\nb: caf\xe9\n").summary


def test_a_duplicate_key_names_the_first_one() -> None:
    assert syntax_of("a: 1\nb: 2\na: 3\n").detail == "first at f.yaml:1:1"


def test_an_unknown_alias_proposes_the_nearest_anchor() -> None:
    assert syntax_of("a: &defaults {b: 1}\nc: *default\n").suggestion == "*defaults"


def test_documents_before_a_syntax_error_are_kept() -> None:
    result = parse_yaml("a: 1\n---\nb: [\n", "f.yaml")
    assert [plain(node) for node in result.documents] == [{"a": 1}]
    assert len(result.diagnostics) == 1


def test_a_byte_order_mark_is_dropped_and_moves_no_column() -> None:
    result = parse_yaml(b"\xef\xbb\xbfa: 1\n", "f.yaml")
    assert result.diagnostics == ()
    assert result.documents[0].position == Position("f.yaml", 1, 1)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("NO", "NO"),
        ("on", "on"),
        ("yes", "yes"),
        ("012", "012"),
        ("1:30", "1:30"),
        ("2001-01-01", "2001-01-01"),
        (".inf", ".inf"),
        ("1_000", "1_000"),
        ("0x1F", 31),
        ("0o17", 15),
        ("12", 12),
        ("-3", -3),
        ("1.10", 1.1),
        ("1e3", 1000.0),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("'12'", "12"),
        ("!!str 12", "12"),
        ("1" * 70, "1" * 70),
    ],
)
def test_a_plain_scalar_means_what_yaml_1_2_says(written: str, value: object) -> None:
    (node,) = parse_yaml(f"a: {written}\n", "f.yaml").documents
    assert plain(node) == {"a": value}
    assert type(plain(node)["a"]) is type(value)


def test_every_key_and_value_knows_its_place() -> None:
    text = "a:\n  - x\n  - {b: é, c: 2}\nd: |\n  long\ne:\n"
    (node,) = parse_yaml(text, "f.yaml").documents
    places = {
        ("a",): (1, 1),
        ("a", 0): (2, 5),
        ("a", 1): (3, 5),
        ("a", 1, "b"): (3, 9),
        ("a", 1, "c"): (3, 15),
        ("d",): (4, 4),
        ("e",): (6, 1),
        # Nothing stands there: the nearest parent.
        ("a", 1, "zz", "y"): (3, 5),
        ("a", 7): (1, 1),
        ("zz",): (1, 1),
    }
    assert {path: (position_of(node, *path).line, position_of(node, *path).column) for path in places} == places
    assert key_position_of(node, "a", 1, "c") == Position("f.yaml", 3, 12)


def test_a_merge_key_adds_what_is_not_there() -> None:
    text = "d: &d {x: 1, y: 2}\ne: &e {y: 3, z: 4}\nf:\n  x: 9\n  <<: [*d, *e]\n"
    (node,) = parse_yaml(text, "f.yaml").documents
    assert plain(node)["f"] == {"x": 9, "y": 2, "z": 4}
    assert position_of(node, "f", "z") == Position("f.yaml", 2, 17)


def test_an_alias_shares_its_anchors_value() -> None:
    (node,) = parse_yaml("a: &a {b: [1]}\nc: *a\n", "f.yaml").documents
    assert descendant(node, "a") is descendant(node, "c")


def test_an_anchor_ends_with_its_document() -> None:
    assert [one.code for one in parse_yaml("a: &a 1\n---\nb: *a\n", "f").diagnostics] == ["unknown-alias"]


@pytest.mark.parametrize("text", ["a: 1\n\tb: 2\n", "a: [1\nb: 2\n", "a: 'x\n", ALIAS_BOMB, "a: &a {b: [1]}\nc: *a\n"])
def test_the_python_parser_serves_where_the_c_one_is_missing(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with_c = parse_yaml(text, "f")
    monkeypatch.setattr(yaml_text, "_LOADER", yaml.SafeLoader)
    without = parse_yaml(text, "f")
    assert without.documents == with_c.documents
    assert [one.code for one in without.diagnostics] == [one.code for one in with_c.diagnostics]


_TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=8)
# PyYAML writes YAML 1.1, to which `0o17` and `1e3` are text.
_KEYS = _TEXTS.filter(lambda text: isinstance(resolve(text), str))
_DATA: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | _KEYS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(_KEYS.filter(lambda key: key != "<<"), inner, max_size=4)
    ),
    max_leaves=20,
)


def _as_tuples(value: Any) -> Any:
    if is_mapping(value):
        return {key: _as_tuples(item) for key, item in value.items()}
    return tuple(_as_tuples(item) for item in value) if is_list(value) else value


@given(st.dictionaries(_KEYS.filter(lambda key: key != "<<"), _DATA, min_size=1, max_size=5))
def test_what_pyyaml_writes_is_read_back(data: dict[str, Any]) -> None:
    result = parse_yaml(yaml.safe_dump(data, allow_unicode=True), "f.yaml")
    assert result.diagnostics == ()
    (node,) = result.documents
    assert isinstance(node, MappingNode)
    assert plain(node) == _as_tuples(data)


@given(st.binary(max_size=300) | st.text("ab:-[]{}&*!|>'\"#%@`,? \n\t0~<.", max_size=120).map(str.encode))
def test_no_bytes_raise(data: bytes) -> None:
    result = parse_yaml(data, "f.yaml")
    assert result.documents or result.diagnostics
    for diagnostic in result.diagnostics:
        assert diagnostic.position is not None
        assert diagnostic.position.line >= 1
        assert diagnostic.position.column >= 1
