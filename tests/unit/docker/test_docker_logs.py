from __future__ import annotations

from datetime import UTC, datetime

import pytest

from declarative_paas.providers.docker.logs import dyno_source, moment, parse

AT = datetime(2026, 11, 24, 10, 0, 0, 123456, tzinfo=UTC)


def test_a_container_s_line_becomes_one_in_heroku_s_form():
    found = parse(b"2026-11-24T10:00:00.123456789Z hello world\r")
    assert found == (AT, "hello world")
    assert dyno_source("c", "web.1").told(*found) == "2026-11-24T10:00:00.123456+00:00 app[web.1]: hello world"


@pytest.mark.parametrize("text", [b"", b"no time here", b"2026-99-24T10:00:00Z x"])
def test_what_has_no_time_is_no_line(text: bytes):
    assert parse(text) is None


def test_a_short_fraction_and_none_are_times_too_and_never_is_none():
    assert moment("2026-11-24T10:00:00.1Z") == AT.replace(microsecond=100_000)
    assert moment("2026-11-24T10:00:00Z") == AT.replace(microsecond=0)
    assert moment("2026-11-24T11:00:00.123456789+01:00") == AT
    assert moment("0001-01-01T00:00:00Z") is None
