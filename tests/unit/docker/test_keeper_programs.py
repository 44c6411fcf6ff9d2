"""The programs that run inside the keeper: what is noted of memory, and the last lines of each app."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest

from declarative_paas.providers.docker import logbook_inside
from declarative_paas.providers.docker.engine import keeper_inside
from declarative_paas.providers.docker.engine.keeper_inside import VERSION_1, VERSION_2, Notes, Over, over
from declarative_paas.providers.docker.logbook import memory_lines

MB = 2**20
ONE, TWO, THREE = ("1" * 64, "2" * 64, "3" * 64)


def group(directory: Path, **files: int | str) -> None:
    directory.mkdir(parents=True)
    for name, content in files.items():
        (directory / name.replace("__", ".")).write_text(f"{content}\n")


def test_a_container_above_its_reservation_is_found_in_control_groups_of_version_1(tmp_path: Path) -> None:
    docker = tmp_path / "memory/docker"
    usual = {"memory__soft_limit_in_bytes": 64 * MB, "memory__stat": f"cache 1\ntotal_inactive_file {10 * MB}"}
    group(docker / ONE, memory__usage_in_bytes=100 * MB, **usual)
    group(docker / TWO, memory__usage_in_bytes=70 * MB, **usual)  # without what the kernel would give back: 60
    unlimited = {**usual, "memory__soft_limit_in_bytes": 9223372036854771712}
    group(docker / THREE, memory__usage_in_bytes=900 * MB, **unlimited)
    group(docker / "not-a-container", memory__usage_in_bytes=900 * MB, **usual)
    assert list(over(tmp_path, VERSION_1)) == [Over(ONE, 90, 64)]


def test_a_container_above_its_reservation_is_found_in_control_groups_of_version_2(tmp_path: Path) -> None:
    slices = tmp_path / "system.slice"
    group(slices / f"docker-{ONE}.scope", memory__low=64 * MB, memory__current=99 * MB, memory__stat="inactive_file 0")
    group(slices / f"docker-{ONE}.scope/init.scope/{TWO}", memory__low=1, memory__current=99 * MB, memory__stat="")
    group(slices / f"docker-{THREE}.scope", memory__low=0, memory__current=99 * MB, memory__stat="")
    group(tmp_path / "docker" / TWO, memory__low="max", memory__current=99 * MB, memory__stat="")
    assert list(over(tmp_path, VERSION_2)) == [Over(ONE, 99, 64)]


def test_a_container_that_ends_while_it_is_looked_at_is_passed_over(tmp_path: Path) -> None:
    group(tmp_path / ONE, memory__low=64 * MB)
    assert list(over(tmp_path, VERSION_2)) == []


def test_memory_is_noted_once_in_twenty_seconds_and_told_as_heroku_does(tmp_path: Path) -> None:
    notes = Notes(tmp_path)
    for now in (100.0, 102.0, 119.9, 120.0):
        notes.take(Over(ONE, 90, 64), now)
    notes.take(Over(TWO, 80, 64), 121.0)
    noted = (tmp_path / "memory").read_text().splitlines()
    assert [note.split(" ")[1] for note in noted] == [ONE, ONE, TWO]
    first, second = memory_lines(noted[0], {ONE: "web.1"})
    assert first.endswith(" heroku[web.1]: Process running mem=90M(140.6%)")
    assert second.endswith(" heroku[web.1]: Error R14 (Memory quota exceeded)")
    assert first < second


def test_the_notes_do_not_grow_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper_inside, "KEPT_BYTES", 1000)
    notes = Notes(tmp_path)
    for now in range(0, 2000, 20):
        notes.take(Over(ONE, 90, 64), float(now))
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 2200


def test_what_nobody_wrote_to_for_a_week_is_forgotten(tmp_path: Path) -> None:
    for name, age_days in (("old.said", 8), ("new.said", 6)):
        (tmp_path / name).write_text("line\n")
        os.utime(tmp_path / name, (1e9 - age_days * 86400, 1e9 - age_days * 86400))
    keeper_inside.forget(tmp_path, 1e9)
    assert [path.name for path in tmp_path.iterdir()] == ["new.said"]


def asked(directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *questions: Any) -> Any:
    """The answers of one run of the program."""
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(json.dumps(one) + "\n" for one in questions)))
    logbook_inside.main(directory)
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def write(app: str, *, said: list[str] | None = None, told: list[str] | None = None) -> dict[str, Any]:
    return {"write": app, "said": said or [], "told": told or [], "now": []}


def read(app: str, since: str = "") -> dict[str, Any]:
    return {"read": app, "kinds": ["said", "told"], "since": since}


def test_lines_are_kept_by_app_and_kind_in_the_order_of_time_and_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = asked(
        tmp_path,
        monkeypatch,
        capsys,
        write("shop", said=["2 b", "1 a"], told=["3 up"]),
        write("shop", said=["1 a", "0 late"]),
        write("other", said=["9 z"]),
        read("shop"),
        read("shop", since="2"),
        read("nobody"),
    )
    assert answers[3] == {"said": ["0 late", "1 a", "2 b"], "told": ["3 up"]}
    assert answers[4] == {"said": ["2 b"], "told": ["3 up"]}
    assert answers[5] == {"said": [], "told": []}


def test_the_last_lines_are_kept_and_no_more_than_a_megabyte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    many = [f"{number:05} line" for number in range(2000)]
    long = [f"{number:05} {'x' * 9990}" for number in range(200)]
    answers = asked(
        tmp_path, monkeypatch, capsys, write("many", said=many), write("long", said=long), read("many"), read("long")
    )
    assert answers[2]["said"] == many[-1500:]
    assert answers[3]["said"] == long[-len(answers[3]["said"]) :]
    assert 90 < len(answers[3]["said"]) < 110


def test_a_log_that_cannot_be_written_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "missing"
    assert asked(missing, monkeypatch, capsys, write("shop", said=["1 a"]), read("shop")) == [
        {},
        {"said": [], "told": []},
    ]
