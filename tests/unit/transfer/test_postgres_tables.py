"""How tables become streams: every block of every table in exactly one part, the largest parts first."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from declarative_paas.providers.addons.postgres_tables import (
    ALONE_BYTES,
    RANGE_BYTES,
    Table,
    TableBatch,
    TableRange,
    checks_of,
    table_parts,
)


def table(
    name: str, *, blocks: int, outside: int = 0, columns: tuple[str, ...] = ("a",), is_heap: bool = True
) -> Table:
    return Table(
        oid=1,
        schema="public",
        name=name,
        size=blocks * 8192 + outside,
        blocks=blocks,
        is_heap=is_heap,
        is_streamed=True,
        condition="",
        columns=columns,
        compared=tuple((column, "value") for column in columns),
        is_binary=True,
    )


@given(st.lists(st.tuples(st.integers(0, 200_000), st.integers(0, 10**9), st.booleans()), max_size=30))
def test_every_block_is_in_exactly_one_part(shapes: list[tuple[int, int, bool]]):
    tables = [
        table(f"t{number}", blocks=blocks, outside=outside if blocks else 0, is_heap=is_heap)
        for number, (blocks, outside, is_heap) in enumerate(shapes)
    ]
    parts = table_parts(tables)
    covered: dict[str, list[tuple[int, int | None]]] = {found.name: [] for found in tables if found.blocks}
    for part in parts:
        assert part.weight >= 1
        match part.detail:
            case TableRange(table=found, first=first, end=end):
                covered[found.name].append((first, end))
            case TableBatch(tables=batch):
                for found in batch:
                    covered[found.name].append((0, None))
            case _:
                raise AssertionError(part)
    for ranges in covered.values():
        ranges.sort()
        assert ranges[0][0] == 0
        assert ranges[-1][1] is None, "the last range is open: a table may have grown"
        assert [end for _, end in ranges[:-1]] == [first for first, _ in ranges[1:]]
    assert [part.weight for part in parts] == sorted((part.weight for part in parts), reverse=True)


def test_a_large_table_is_cut_into_ranges_and_its_conditions_say_so():
    parts = table_parts([table("big", blocks=3 * RANGE_BYTES // 8192)])
    assert [part.name for part in parts] == ["public.big 1/3", "public.big 2/3", "public.big 3/3"]
    middle = parts[1].detail
    assert middle.table.copy_out(binary=True, first=middle.first, end=middle.end) == (
        'COPY (SELECT "a" FROM ONLY "public"."big" WHERE (ctid >= \'(8192,0)\'::tid) AND (ctid < \'(16384,0)\'::tid)) '
        "TO STDOUT (FORMAT binary);"
    )


def test_every_table_is_compared_also_an_empty_one():
    tables = [table("empty", blocks=0), table("small", blocks=1), table("big", blocks=2 * ALONE_BYTES // 8192)]
    compared = [
        found.name
        for check in checks_of(tables)
        if isinstance(check.detail, TableBatch)
        for found in check.detail.tables
    ]
    assert sorted(compared) == ["big", "empty", "small"]


def test_a_table_without_columns_goes_as_lines():
    nothing = table("nothing", blocks=1, columns=())
    assert nothing.copy_in(binary=False) == 'COPY "public"."nothing" FROM STDIN;'
