from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from declarative_paas.providers.runtime.lines import LINE_LIMIT_BYTES, LineSplitter


def split(chunks: list[bytes], limit: int = LINE_LIMIT_BYTES) -> list[str]:
    splitter = LineSplitter(limit)
    return [line for chunk in chunks for line in splitter.feed(chunk)] + splitter.flush()


@given(st.lists(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]))), st.data())
def test_lines_come_out_whole_however_the_output_is_chunked(lines: list[str], data: st.DataObject) -> None:
    output = "".join(f"{line}\n" for line in lines).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(output)))))
    chunks = [output[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(output)], strict=True)]
    assert split(chunks) == lines


@given(st.binary(max_size=300), st.integers(4, 20), st.data())
def test_the_cut_of_long_lines_does_not_depend_on_the_chunks(output: bytes, limit: int, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(output)), max_size=8)))
    chunks = [output[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(output)], strict=True)]
    assert split(chunks, limit) == split([output], limit)


@given(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"])), st.integers(4, 20))
def test_a_long_line_is_cut_between_characters_and_loses_nothing(line: str, limit: int) -> None:
    pieces = split([line.encode()], limit)
    assert "".join(pieces) == line
    assert all(len(piece.encode()) <= limit for piece in pieces)


def test_a_line_of_just_over_ten_thousand_bytes_becomes_two() -> None:
    assert [len(piece) for piece in split([b"x" * 10_001 + b"\n"])] == [10_000, 1]
    assert [len(piece) for piece in split([b"x" * 10_000 + b"\r\n"])] == [10_000]


def test_a_partial_last_line_is_flushed_and_an_empty_line_is_kept() -> None:
    assert split([b"one\n\ntw", b"o"]) == ["one", "", "two"]


def test_invalid_utf8_is_replaced() -> None:
    assert split([b"a\xffb\n"]) == ["a\ufffdb"]


def test_output_without_line_ends_does_not_pile_up() -> None:
    splitter = LineSplitter(100)
    lines = [line for _ in range(1000) for line in splitter.feed(b"y" * 99)]
    assert sum(map(len, lines)) >= 99 * 1000 - 101
