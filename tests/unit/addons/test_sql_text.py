"""Names and values as SQL text, whatever is in them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from declarative_paas.providers.addons.databases import companions
from declarative_paas.providers.addons.sqltext import identifier, literal


def test_quotes_and_backslashes_stay_inside() -> None:
    assert identifier('a"; DROP TABLE t; --') == '"a""; DROP TABLE t; --"'
    assert literal("it's") == "'it''s'"
    assert literal("a\\' OR 1") == " E'a\\\\'' OR 1'"
    assert literal(-1) == "-1"


@given(st.text())
def test_a_literal_ends_where_the_value_ends(value: str) -> None:
    text = literal(value).removeprefix(" E")
    inside = text[1:-1].replace("''", "").replace("\\\\", "")
    assert text[0] == text[-1] == "'" and "'" not in inside and "\\" not in inside


def test_two_databases_never_share_their_companions() -> None:
    long = "a" * 62
    names = [*companions(f"{long}b"), *companions(f"{long}c")]
    assert len(set(names)) == 4 and all(len(name) <= 63 for name in names)
