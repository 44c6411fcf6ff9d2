"""Names derived from keys: within the engines' limits, deterministic, and apart."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from declarative_paas.providers.addons.names import RESERVED_DATABASES, database_name, file_stem

KEYS = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=300)


def test_a_usual_key_reads_as_itself() -> None:
    assert database_name("storefront-database-3fa9c1") == "storefront_database_3fa9c1"
    assert file_stem("storefront-database-3fa9c1") == "storefront-database-3fa9c1"


@given(KEYS)
def test_any_key_gives_names_that_the_engines_take(key: str) -> None:
    assert re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", database_name(key))
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]{0,99}", file_stem(key))
    assert database_name(key) not in RESERVED_DATABASES
    assert not database_name(key).startswith("pg_")


@given(KEYS, KEYS)
def test_two_keys_never_share_a_name(one: str, other: str) -> None:
    assert (database_name(one) == database_name(other)) == (one == other)
    assert (file_stem(one) == file_stem(other)) == (one == other)


def test_keys_that_differ_only_in_what_a_name_cannot_hold_stay_apart() -> None:
    alike = ["a-b-1", "a_b-1", "A-b-1", "a.b-1", "a-b_1", "a/b-1"]
    assert len({database_name(key) for key in alike}) == len(alike)
    assert len({file_stem(key) for key in alike}) == len(alike)
