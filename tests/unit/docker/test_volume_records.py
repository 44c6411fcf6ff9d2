from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.core.values import Sensitive
from declarative_paas.providers.docker import keeping_inside
from declarative_paas.providers.docker.attached import attached
from declarative_paas.providers.docker.records import VolumeRecords
from declarative_paas.providers.hosting.records import Record, ReleaseRecord

APP = ResourceAddress("app", "shop")
SCOPE = "acme/default/main"


class Directory:
    """The keeper's end on a directory of this machine, in this process: what a volume holds, without an engine."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._held: dict[str, int] = {}

    def ask(self, **question: Any) -> dict[str, Any]:
        return keeping_inside.answer(self.path, question, self._held)

    def read(self, prefix: str = "") -> Mapping[str, str]:
        return self.ask(read=prefix)["files"]

    def put(self, files: Mapping[str, str]) -> None:
        self.ask(put=dict(files))

    def claim(self, name: str, text: str) -> bool:
        return "taken" not in self.ask(put={name: text}, exclusive=True)

    def remove(self, names: Sequence[str]) -> None:
        self.ask(remove=list(names))

    def locked(self, name: str):
        return nullcontext()


@pytest.fixture
def files(tmp_path: Path) -> Directory:
    return Directory(tmp_path)


@pytest.fixture
def records(files: Directory) -> VolumeRecords:
    return VolumeRecords(files)


def release(version: int, app: str = "shop") -> ReleaseRecord:
    return ReleaseRecord(
        app=app,
        version=version,
        slug="s",
        environment="sealed",
        inputs={"command": None},
        status="succeeded",
        created_at="2026-01-01T00:00:00+00:00",
        description="Deploy",
        key="k",
    )


def test_a_record_is_read_back_as_it_was_put(records: VolumeRecords):
    record = Record(attributes={"a": [1, {"b": None}]}, outputs={"id": "x"}, sealed="s", facts={"f": True})
    records.put(SCOPE, (APP, "i1"), record)
    assert records.get(SCOPE, (APP, "i1")) == record
    assert records.all() == {(SCOPE, APP, "i1"): record}
    assert records.all("acme/staging/main") == {}
    records.remove(SCOPE, (APP, "i1"))
    assert records.get(SCOPE, (APP, "i1")) is None


def test_the_current_instance_is_the_one_that_was_put_last(records: VolumeRecords):
    for instance, value in (("i1", 1), ("i2", 2), ("i1", 3)):
        records.put(SCOPE, (APP, instance), Record(attributes={"value": value}))
    assert records.current(SCOPE, APP) == Record(attributes={"value": 3})


def test_releases_come_oldest_first_also_beyond_the_ninth(records: VolumeRecords):
    for version in (10, 2, 1):
        records.put_release(release(version))
    records.put_release(release(1, app="shop--eu"))
    assert [item.version for item in records.releases("shop")] == [1, 2, 10]
    assert [(item.app, item.version) for item in records.all_releases()][-1] == ("shop--eu", 1)
    records.remove_releases("shop")
    assert [item.app for item in records.all_releases()] == ["shop--eu"]


def test_ports_are_claimed_once_an_app_and_never_twice(records: VolumeRecords, files: Directory):
    assert records.claim_app_port("shop", 9000, 9001) == 9000
    assert records.claim_app_port("shop", 9000, 9001) == 9000
    # Somebody else's claim that we have not read yet.
    assert files.claim("port.9001", json.dumps({"format": 1, "port": 9001, "app": "blog"}))
    assert records.claim_app_port("news", 9000, 9001) is None
    records.release_app_port("shop")
    assert records.claim_app_port("news", 9000, 9001) == 9000


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 2, "record": {}}'])
def test_a_damaged_record_is_told_and_nothing_is_concluded(files: Directory, records: VolumeRecords, text: str):
    files.put({"record.x": text})
    with pytest.raises(ProviderError) as failure:
        records.all()
    assert failure.value.kind is ErrorKind.FAILED


def test_a_secret_that_was_not_sealed_is_not_written(records: VolumeRecords, files: Directory):
    with pytest.raises(TypeError):
        records.put(SCOPE, (APP, "i1"), Record(attributes={"password": Sensitive("hunter2")}))
    assert files.read() == {}


def test_an_app_reaches_the_add_ons_that_are_attached_to_it_and_no_others(records: VolumeRecords):
    for scope, app in ((SCOPE, "shop"), (SCOPE, "blog"), ("acme/staging/main", "shop")):
        local = app if scope == SCOPE else f"{app}--staging"
        records.put(scope, (ResourceAddress("app", app), "i"), Record(attributes={}, facts={"name": local}))
        for alias in ("A", "B"):
            address = ResourceAddress("attachment", app, alias)
            records.put(scope, (address, "i"), Record(attributes={"addon": f"{local}-{alias}"}))
    found = attached(records)
    assert sorted(found) == ["blog", "shop", "shop--staging"]
    assert found["shop--staging"].addons == ("shop--staging-A", "shop--staging-B")
    assert found["shop"].scope == SCOPE


def test_the_keeper_s_end_answers_each_line_and_says_what_it_cannot_do(tmp_path: Path):
    questions = [
        {"put": {"a": "1", "b": "2"}},
        {"read": "a"},
        {"put": {"none/x": "1"}},
        {"remove": ["a", "gone"]},
        {"read": ""},
    ]
    done = subprocess.run(
        [sys.executable, "-I", "-c", Path(keeping_inside.__file__).read_text(encoding="utf-8"), str(tmp_path)],
        input="".join(json.dumps(question) + "\n" for question in questions),
        capture_output=True,
        text=True,
        timeout=30,
    )
    answers = [json.loads(line) for line in io.StringIO(done.stdout)]
    assert answers[1] == {"files": {"a": "1"}}
    assert answers[2] == {"error": "No such file or directory"}
    assert answers[4] == {"files": {"b": "2"}}


def test_a_lock_is_held_by_one_process_at_a_time(tmp_path: Path):
    mine, theirs = Directory(tmp_path), Directory(tmp_path)
    assert mine.ask(lock="k") == {"held": True}
    assert theirs.ask(lock="k") == {"held": False}
    mine.ask(unlock="k")
    assert theirs.ask(lock="k") == {"held": True}
    theirs.ask(unlock="k")
    assert mine.read() == {}, "a lock is no record"
