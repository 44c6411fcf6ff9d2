from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from declarative_paas.providers.runtime import processes
from declarative_paas.providers.runtime.backoff import Backoff
from declarative_paas.providers.runtime.dyno_program import dyno_program
from declarative_paas.providers.runtime.environment import (
    ReleaseEnvironmentError,
    dyno_environment,
    release_environment,
)
from declarative_paas.providers.runtime.instance import own_start_time
from declarative_paas.providers.runtime.spec import DynoSpec, SpecError
from declarative_paas.providers.runtime.status import DynoStatus, read_status, write_status
from declarative_paas.vault.keyring import Keyring


@pytest.fixture
def spec(tmp_path: Path) -> DynoSpec:
    return DynoSpec(
        app="storefront",
        name="web.1",
        process_type="web",
        release=3,
        id="storefront-web.1-v3",
        command="serve $PORT",
        slug_archive=tmp_path / "slug.tar.gz",
        working_root=tmp_path / "work",
        environment_file=tmp_path / "environment",
        key_file=tmp_path / "key",
        log=tmp_path / "storefront.log",
        status=tmp_path / "status.json",
        memory_mb=512,
        memory_kill_mb=1024,
        port=5000,
        path="$HOME/bin:/bin",
        backoff=Backoff(first_s=1),
    )


def status(**fields: object) -> DynoStatus:
    base = DynoStatus(name="web.1", release=3, state="up", since="2026-01-02T03:04:05.000+00:00", pid=5)
    return replace(base, **fields)  # type: ignore[arg-type]


def test_a_spec_survives_its_file(spec: DynoSpec, tmp_path: Path) -> None:
    spec.save(tmp_path / "specs" / "one.json")
    assert DynoSpec.load(tmp_path / "specs" / "one.json") == spec


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 2}', "null"])
def test_a_malformed_spec_is_told_apart_from_a_good_one(text: str) -> None:
    with pytest.raises(SpecError):
        DynoSpec.from_json(text)


def test_a_spec_with_a_field_of_the_future_is_refused(spec: DynoSpec) -> None:
    content = json.loads(spec.to_json()) | {"sidecar": "x"}
    with pytest.raises(SpecError, match="sidecar"):
        DynoSpec.from_json(json.dumps(content))


def test_an_id_cannot_name_a_directory_elsewhere(spec: DynoSpec) -> None:
    with pytest.raises(ValueError, match="id"):
        replace(spec, id="../other")


def test_supervisord_waits_longer_for_a_runner_than_the_runner_for_its_dyno(spec: DynoSpec, tmp_path: Path) -> None:
    assert dyno_program("p", spec, tmp_path / "spec.json").stop_wait_s > spec.stop_timeout_s


def test_a_release_environment_is_opened_for_the_dyno(spec: DynoSpec) -> None:
    variables = {"SECRET": "s3cret", "PORT": "1", "LANG": "de_DE.UTF-8", "LINES": "a\nb"}
    spec.environment_file.write_text(Keyring.load_or_create(spec.key_file).seal(json.dumps(variables)))
    found = dyno_environment(spec, release_environment(spec), Path("/t"))
    assert found["SECRET"] == "s3cret"
    assert found["LINES"] == "a\nb"
    assert found["LANG"] == "de_DE.UTF-8"
    assert found["PORT"] == "5000"
    assert found["DYNO"] == "web.1"
    assert found["PATH"] == f"{spec.home}/bin:/bin"
    assert found["HOME"] == str(spec.home)


def test_a_worker_has_no_port(spec: DynoSpec) -> None:
    assert "PORT" not in dyno_environment(replace(spec, port=None), {}, Path("/t"))


def test_an_environment_sealed_by_another_key_does_not_open(spec: DynoSpec, tmp_path: Path) -> None:
    spec.environment_file.write_text(Keyring.load_or_create(tmp_path / "other").seal("{}"))
    Keyring.load_or_create(spec.key_file)
    with pytest.raises(ReleaseEnvironmentError, match="does not open"):
        release_environment(spec)


@pytest.mark.parametrize("content", ["[]", '{"A": 1}', '{"A=B": "x"}', '{"A": "x\\u0000y"}', "s3cret, not JSON"])
def test_an_environment_of_another_shape_is_refused_and_not_shown(spec: DynoSpec, content: str) -> None:
    spec.environment_file.write_text(Keyring.load_or_create(spec.key_file).seal(content))
    with pytest.raises(ReleaseEnvironmentError) as refused:
        release_environment(spec)
    assert "s3cret" not in str(refused.value)


def test_a_missing_key_is_named(spec: DynoSpec) -> None:
    spec.environment_file.write_text("x")
    with pytest.raises(ReleaseEnvironmentError, match="no key file"):
        release_environment(spec)


def test_the_status_of_a_living_runner_is_believed(tmp_path: Path) -> None:
    alive = status(runner_pid=os.getpid(), runner_started=own_start_time())
    write_status(tmp_path / "status", alive)
    assert read_status(tmp_path / "status") == alive


def test_a_runner_whose_pid_another_process_got_is_not_believed(tmp_path: Path) -> None:
    write_status(tmp_path / "status", status(runner_pid=os.getpid(), runner_started=own_start_time() - 1))
    found = read_status(tmp_path / "status")
    assert found is not None
    assert (found.state, found.pid) == ("down", None)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"name": "x", "release": 1, "state": "odd", "since": "now"}'])
def test_a_file_that_holds_no_status_reads_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "status").write_text(text)
    assert read_status(tmp_path / "status") is None
    assert read_status(tmp_path / "absent") is None


def test_the_epoch_is_the_same_for_all_processes_of_one_boot() -> None:
    assert processes.epoch() == processes.epoch()


def test_a_process_is_not_alive_under_another_start_time() -> None:
    assert processes.is_alive(os.getpid(), own_start_time())
    assert not processes.is_alive(os.getpid(), own_start_time() + 1)
