from __future__ import annotations

import itertools
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from declarative_paas.providers import logfile
from declarative_paas.providers.local.loglines import follow, last_lines, tail

START = datetime(2026, 1, 1, tzinfo=UTC)


def write(path: Path, *messages: str, dyno: str = "web.1", source: str = "app", at: datetime = START) -> None:
    logfile.append(path, [logfile.log_line(at, source, dyno, message) for message in messages])


def test_a_line_has_heroku_s_form():
    line = logfile.log_line(datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC), "app", "web.1", "hello")
    assert line == "2026-01-02T03:04:05.000006+00:00 app[web.1]: hello"


def test_the_tail_reaches_across_a_rotation(tmp_path: Path):
    path = tmp_path / "shop.log"
    write(path.with_name("shop.log.1"), "one", "two")
    write(path, "three")
    assert [line.rpartition(" ")[2] for line in tail(path, 2)] == ["two", "three"]
    assert tail(path, 0) == []
    assert tail(tmp_path / "none.log", 5) == []


def test_a_full_log_is_moved_aside(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(logfile, "ROTATE_AT_BYTES", 200)
    path = tmp_path / "shop.log"
    for number in range(6):
        write(path, f"line {number} " + "x" * 40)
    assert path.with_name("shop.log.1").exists()
    assert "line 5" in tail(path, 1)[0]


def test_a_dyno_s_last_words_are_its_own_since_its_start_and_no_samples(tmp_path: Path):
    path = tmp_path / "shop.log"
    write(path, "from an earlier life")
    later = START + timedelta(minutes=1)
    write(path, "booting", at=later)
    write(path, "somebody else", dyno="web.2", at=later)
    write(path, "source=web.1 sample#memory_total=1MB", source="heroku", at=later)
    write(path, "Process exited with status 1", source="heroku", at=later)
    assert last_lines(path, "web.1", since=later) == [
        "app[web.1]: booting",
        "heroku[web.1]: Process exited with status 1",
    ]


def test_following_goes_on_through_a_rotation(tmp_path: Path):
    path = tmp_path / "shop.log"
    write(path, "first")
    lines = follow(path, 10)
    assert next(lines).endswith("first")

    def later() -> None:
        time.sleep(0.3)
        path.rename(path.with_name("shop.log.1"))
        write(path, "second", "third")

    thread = threading.Thread(target=later)
    thread.start()
    assert [line.rpartition(" ")[2] for line in itertools.islice(lines, 2)] == ["second", "third"]
    thread.join()
