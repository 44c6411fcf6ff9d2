"""What of a database is copied as data: tables, cut into parts, and the statements that move and fingerprint them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from declarative_paas.core.data import Part
from declarative_paas.providers.addons.postgres_facts import MARK_SCHEMA
from declarative_paas.providers.addons.sqltext import identifier, literal

RANGE_BYTES: Final = 64 * 1024 * 1024
ALONE_BYTES: Final = 2 * 1024 * 1024
BATCH_TABLES: Final = 100

# Types whose binary form is the same in every supported version and names no object of its database. The rest
# (composite types hold type ids, reg* types ids of objects) go as text.
_BINARY: Final = (
    "bool,int2,int4,int8,float4,float8,numeric,text,varchar,bpchar,bytea,date,time,timetz,timestamp,timestamptz,"
    "interval,uuid,json,jsonb,inet,cidr,macaddr,macaddr8,bit,varbit,point,lseg,path,box,polygon,line,circle,oid,name,"
    "money,xml,tsvector,tsquery,int4range,int8range,numrange,tsrange,tstzrange,daterange"
)

# Types of which two values are equal exactly when their texts are, with a hash that is the same on every server
# (partitioning by hash depends on it). Not the enums, whose hash is of an id, and not numbers of which one value has
# several texts. Of the rest the text is hashed, which takes about twice as long.
_EXACT: Final = "bool,int2,int4,int8,oid,text,varchar,bpchar,date,time,timestamp,timestamptz,uuid,bytea"
_EXACT_SINCE: Final = 140000  # hash_record_extended; a source never is newer than its target

TABLES: Final = f"""
SELECT c.oid::int8 AS oid, n.nspname AS schema, c.relname AS name, pg_table_size(c.oid) AS size,
 c.relpersistence = 'p' AND x.condition IS NULL AS is_streamed,
 pg_relation_size(c.oid) / current_setting('block_size')::int AS blocks,
 coalesce(m.amname = 'heap', false) AS is_heap, coalesce(x.condition, '') AS condition,
 (SELECT coalesce(jsonb_agg(jsonb_build_array(a.attname, a.attgenerated,
    t.typtype = 'e' OR CASE WHEN t.typcategory = 'A' THEN t.typelem ELSE t.oid END
      = ANY ('{{{_BINARY}}}'::regtype[]::oid[]),
    CASE WHEN current_setting('server_version_num')::int < {_EXACT_SINCE}
       OR t.oid <> ALL ('{{{_EXACT}}}'::regtype[]::oid[]) OR (t.typname = 'bpchar' AND a.atttypmod < 0) THEN 'text'
     WHEN a.attcollation <> 0 THEN 'bytes' ELSE 'value' END) ORDER BY a.attnum), '[]')
  FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
  WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_am m ON m.oid = c.relam
LEFT JOIN LATERAL (SELECT e.extcondition[i] AS condition FROM pg_extension e, generate_subscripts(e.extconfig, 1) i
  WHERE e.extconfig[i] = c.oid LIMIT 1) x ON true
WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_'
 AND n.nspname NOT IN ('information_schema', '{MARK_SCHEMA}')
 AND (x.condition IS NOT NULL OR NOT EXISTS (SELECT FROM pg_depend d
   WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'))
ORDER BY n.nspname, c.relname
"""


Hashed = Literal["value", "bytes", "text"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table that holds rows itself: a plain one, a leaf of a partitioned one, a parent's own.

    `size` counts what is stored outside of its rows too, `blocks` do not. `columns` are those that are stored and not
    generated; `compared` those that are stored, each with what of it is hashed: its value, the bytes of its text, or
    what it looks like. `condition` is a WHERE clause: an extension's table is copied as far
    as it holds a user's rows. `is_streamed`: a follower is told of its changes.
    """

    oid: int
    schema: str
    name: str
    size: int
    blocks: int
    is_heap: bool
    is_streamed: bool
    condition: str
    columns: tuple[str, ...]
    compared: tuple[tuple[str, Hashed], ...]
    is_binary: bool

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Table:
        """From a row of TABLES."""
        columns = row.pop("columns")
        return cls(
            **row,
            columns=tuple(name for name, generated, *_ in columns if not generated),
            # A virtual column is not there: https://www.postgresql.org/docs/18/ddl-generated-columns.html
            compared=tuple((name, hashed) for name, generated, _, hashed in columns if generated != "v"),
            is_binary=bool(columns) and all(binary for _, generated, binary, _ in columns if not generated),
        )

    @property
    def label(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def sql_name(self) -> str:
        return f"{identifier(self.schema)}.{identifier(self.name)}"

    def _columns(self, names: Sequence[str]) -> str:
        return ", ".join(identifier(name) for name in names)

    def copy_out(self, *, binary: bool, first: int = 0, end: int | None = None) -> str:
        """`first` and `end` are blocks; the rows a snapshot sees stay where they are, so ranges neither
        overlap nor leave anything out."""
        conditions = [self.condition.removeprefix("WHERE ").removeprefix("where ")] if self.condition else []
        if first:
            conditions.append(f"ctid >= '({first},0)'::tid")
        if end is not None:
            conditions.append(f"ctid < '({end},0)'::tid")
        form = " (FORMAT binary)" if binary else ""
        if not conditions and self.columns:
            # Of its own rows only, too, and faster than by way of a query.
            return f"COPY {self.sql_name} ({self._columns(self.columns)}) TO STDOUT{form};"
        where = f" WHERE {' AND '.join(f'({one})' for one in conditions)}" if conditions else ""
        query = f"SELECT {self._columns(self.columns)} FROM ONLY {self.sql_name}{where}"
        return f"COPY ({query}) TO STDOUT{form};"

    def copy_in(self, *, binary: bool) -> str:
        columns = f" ({self._columns(self.columns)})" if self.columns else ""
        return f"COPY {self.sql_name}{columns} FROM STDIN{' (FORMAT binary)' if binary else ''};"

    def checksum(self) -> str:
        """Prints `rows|sum|xor` over a 64-bit hash of each row, whatever order the rows are in."""
        where = f" {self.condition}" if self.condition else ""
        return (
            "SELECT count(*), coalesce(sum(h), 0), coalesce(bit_xor(h), 0) FROM "
            f"(SELECT {self._row_hash()} AS h FROM ONLY {self.sql_name}{where}) rows;"
        )

    def _row_hash(self) -> str:
        exact = [
            # Of its bytes, also where a collation takes different ones for equal.
            f'{identifier(name)} COLLATE "C"' if hashed == "bytes" else identifier(name)
            for name, hashed in self.compared
            if hashed != "text"
        ]
        rest = [name for name, hashed in self.compared if hashed == "text"]
        text = f'ROW({self._columns(rest)})::text COLLATE "C"'
        if not exact:
            return f"hashtextextended({text}, 0)"
        return f"hash_record_extended(ROW({', '.join([*exact, *([text] if rest else [])])}), 0)"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRange:
    """Blocks of one large table, as a stream of its own."""

    table: Table
    first: int
    end: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TableBatch:
    """Small tables one after another in one stream: a script with their rows in it."""

    tables: tuple[Table, ...]

    def script(self) -> Iterator[str]:
        """Run on the source, prints the script for the target."""
        for table in self.tables:
            yield f"SELECT {literal(table.copy_in(binary=False))};"
            yield table.copy_out(binary=False)
            yield r"SELECT '\.';"


@dataclass(frozen=True, slots=True)
class LargeObjects:
    """All large objects, as pg_dump writes them."""


@dataclass(frozen=True, slots=True)
class Everything:
    """All but the rows of tables: schema, sequences, extensions, large objects."""


def table_parts(tables: Sequence[Table]) -> list[Part]:
    """Largest first, so that no large one is left for the end. Tables without a block have no rows."""
    parts: list[Part] = []
    small: list[Table] = []
    for table in tables:
        if table.size >= ALONE_BYTES and table.columns:
            parts += _ranges(table)
        elif table.blocks:
            small.append(table)
    parts += [
        Part(name=batch[0].label if len(batch) == 1 else f"{len(batch)} small tables",
             weight=sum(table.size for table in batch), detail=TableBatch(tables=batch))
        for batch in _batches(small)
    ]  # fmt: skip
    return sorted(parts, key=lambda part: -part.weight)


def checks_of(tables: Sequence[Table]) -> list[Part]:
    """What is fingerprinted together."""
    large = [(table,) for table in tables if table.size >= ALONE_BYTES]
    batches = [*large, *_batches([table for table in tables if table.size < ALONE_BYTES])]
    checks = [
        Part(name=batch[0].label, weight=max(1, sum(table.size for table in batch)), detail=TableBatch(tables=batch))
        for batch in batches
    ]
    return [*sorted(checks, key=lambda part: -part.weight), Part(name="everything else", weight=1, detail=Everything())]


def _ranges(table: Table) -> Iterator[Part]:
    count = min(max(1, round(table.size / RANGE_BYTES)), table.blocks) if table.is_heap else 1
    bounds = [table.blocks * number // count for number in range(count + 1)]
    for number, (first, end) in enumerate(itertools.pairwise(bounds)):
        # The last one is open: the table may have grown since its size was told.
        last = number == count - 1
        name = f"{table.label} {number + 1}/{count}" if count > 1 else table.label
        detail = TableRange(table=table, first=first, end=None if last else end)
        yield Part(name=name, weight=max(1, table.size // count), detail=detail)


def _batches(tables: Sequence[Table]) -> Iterator[tuple[Table, ...]]:
    batch: list[Table] = []
    size = 0
    for table in tables:
        batch.append(table)
        size += table.size
        if size >= ALONE_BYTES or len(batch) == BATCH_TABLES:
            yield tuple(batch)
            batch, size = [], 0
    if batch:
        yield tuple(batch)
