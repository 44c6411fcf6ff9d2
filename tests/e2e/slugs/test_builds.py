"""Slugs from real builds, by the dyno's user, with what package registries give."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from build_bench import USER, Bench

from declarative_paas.providers.slugs.build import BuildFailed, build_source
from declarative_paas.providers.slugs.inspect import inspect_source
from declarative_paas.providers.slugs.source import SourceError

needs_node = pytest.mark.skipif(shutil.which("npm") is None, reason="node and npm are not installed")

PYTHON_APP = {
    "requirements.txt": "click==8.1.8\nsix==1.17.0\n",
    "app.py": "import six, os; print(six.__version__, os.path.dirname(six.__file__))",
}


def test_a_python_app_finds_its_requirements_and_their_programs_in_the_slug(bench: Bench) -> None:
    source = bench.source("app", {**PYTHON_APP, "requirements.txt": "six==1.17.0\nmarkdown==3.7\n"})
    slug = bench.build(source)
    assert slug.built
    printed = bench.run(slug, "python app.py; echo '*a*' | markdown_py; echo; head -n 1 vendor/bin/markdown_py")
    version, _, where = printed.splitlines()[0].partition(" ")
    assert version == "1.17.0"
    assert where == str(bench.base / f"dyno-{slug.id}" / "app" / "vendor")
    assert "<em>a</em>" in printed
    assert printed.splitlines()[-1] == "#!/usr/bin/env python3"


def test_the_same_source_gives_the_same_bytes_in_another_place(bench: Bench) -> None:
    source = bench.source("app", PYTHON_APP)
    moved = bench.directory / "sources" / "moved"
    shutil.copytree(source, moved)
    one, two = bench.build(source), bench.build(moved, store=bench.other_store)
    assert one.id == two.id
    assert one.archive_digest == two.archive_digest
    assert one.archive.read_bytes() == two.archive.read_bytes()


def test_python_programs_come_compiled_and_the_compiled_form_is_used(bench: Bench) -> None:
    slug = bench.build(bench.source("app", PYTHON_APP))
    code = "import click; print(click.__cached__); import os; print(os.path.exists(click.__cached__))"
    cached, exists = bench.run(slug, f'python -B -c "{code}"').splitlines()
    assert exists == "True"
    # Flags 1: checked against nothing, so no file time can make it stale.
    assert Path(cached).read_bytes()[4:8] == b"\x01\0\0\0"


@needs_node
def test_a_node_app_is_built_with_npm_and_its_build_script(bench: Bench) -> None:
    package = {
        "name": "x",
        "version": "1.0.0",
        "scripts": {"build": "node -e \"fs.writeFileSync('made.txt', 'made')\"", "start": "node server.js"},
    }
    source = bench.source("node", {"package.json": json.dumps(package), "server.js": "console.log(1)"})
    slug = bench.build(source)
    assert slug.process_types == {"web": "npm start"}
    assert bench.run(slug, "cat made.txt") == "made"


@needs_node
def test_a_node_app_with_a_lock_file_and_a_local_dependency_is_installed_exactly(bench: Bench) -> None:
    files = {
        "package.json": json.dumps({"name": "x", "version": "1.0.0", "dependencies": {"dep": "file:./dep"}}),
        "package-lock.json": json.dumps(
            {
                "name": "x",
                "version": "1.0.0",
                "lockfileVersion": 3,
                "packages": {
                    "": {"name": "x", "version": "1.0.0", "dependencies": {"dep": "file:./dep"}},
                    "dep": {"version": "2.0.0"},
                    "node_modules/dep": {"resolved": "dep", "link": True},
                },
            }
        ),
        "dep/package.json": json.dumps({"name": "dep", "version": "2.0.0"}),
        "dep/index.js": "module.exports = 'from the dependency'",
    }
    slug = bench.build(bench.source("node", files))
    assert any(line.startswith("$ npm ci") for line in bench.lines)
    assert bench.run(slug, "node -e \"console.log(require('dep'))\"") == "from the dependency\n"


def test_a_static_site_brings_its_server_and_starts_it_by_itself(bench: Bench) -> None:
    slug = bench.build(bench.source("site", {"index.html": "<p>hello", ".slugignore": "draft\n", "draft": "x"}))
    app = bench.extract(slug)
    assert {str(path.relative_to(app)) for path in app.rglob("*")} == {
        "index.html",
        ".slugignore",
        ".dpaas",
        ".dpaas/static_server.py",
    }
    assert slug.process_types == {"web": "exec python3 .dpaas/static_server.py ."}


def test_a_procfile_goes_before_what_the_source_implies(bench: Bench) -> None:
    slug = bench.build(bench.source("site", {"index.html": "x", "Procfile": "web: own\nclock: tick\n"}))
    assert slug.process_types == {"web": "own", "clock": "tick"}


def test_a_build_runs_as_the_dynos_user_in_a_clean_environment(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-for-builds")
    slug = bench.build(
        bench.source("app", {"a": "a"}), 'id -un > user; env | sort > env; umask > umask; touch "$HOME/x"'
    )
    app = bench.extract(slug)
    if USER is not None:
        assert (app / "user").read_text() == f"{USER}\n"
    assert "not-for-builds" not in (app / "env").read_text()
    assert (app / "umask").read_text() == "0022\n"
    assert not (app / "x").exists()


def test_a_slug_is_built_once_and_read_from_then_on(bench: Bench) -> None:
    source = bench.source("app", {"a": "a"})
    first = bench.build(source, "date +%N > when")
    again = bench.build(source, "date +%N > when")
    assert (first.built, again.built) == (True, False)
    assert again == first
    assert sum(line.startswith("$ ") for line in bench.lines) == 1


def test_of_two_builds_of_one_slug_at_once_one_waits(bench: Bench) -> None:
    source = bench.source("app", {"a": "a"})
    built: list[bool] = []
    threads = [threading.Thread(target=lambda: built.append(bench.build(source, "sleep 0.5").built)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(built) == [False, False, True]


def test_source_command_and_stack_each_make_another_slug(bench: Bench) -> None:
    source = bench.source("app", {"a": "a"})
    ids = {bench.build(source).id, bench.build(source, "true").id, bench.build(source, "true ").id}
    (source / "a").write_text("b")
    ids.add(bench.build(source).id)
    assert len(ids) == 4


def test_a_damaged_archive_is_built_again(bench: Bench) -> None:
    source = bench.source("app", {"a": "a"})
    slug = bench.build(source)
    good = slug.archive.read_bytes()
    slug.archive.write_bytes(bytes(len(good)))
    again = bench.build(source)
    assert again.built
    assert again.archive.read_bytes() == good


def test_a_failing_build_tells_its_last_lines_and_leaves_nothing(bench: Bench) -> None:
    source = bench.source("app", {"a": "a"})
    with pytest.raises(BuildFailed) as failed:
        bench.build(source, "for i in $(seq 60); do echo line $i; done; echo oops >&2; mkdir -m 500 locked; exit 3")
    assert failed.value.exit_code == 3
    assert failed.value.lines == (*(f"line {number}" for number in range(12, 61)), "oops")
    assert bench.left_in_store() == []
    with pytest.raises(BuildFailed, match="was killed by signal 9"):
        bench.build(source, "kill -9 $$")


def test_a_requirement_that_does_not_exist_fails_the_build_with_pips_words(bench: Bench) -> None:
    # Without an index nothing is looked up anywhere.
    source = bench.source("app", {"requirements.txt": "--no-index\nsurely-not-there==1.0\n"})
    with pytest.raises(BuildFailed, match="python3 -m pip install") as failed:
        bench.build(source)
    assert any("surely-not-there" in line for line in failed.value.lines)


def test_a_build_that_takes_too_long_is_ended_with_all_its_processes(bench: Bench) -> None:
    source = bench.source("app", {"a": "a"})
    with pytest.raises(BuildFailed, match="did not end in time"):
        bench.build(source, "setsid sleep 600 & echo started; sleep 600", timeout_s=1)
    assert bench.processes() == []
    with pytest.raises(BuildFailed, match="did not end in time"):
        bench.build(source, "yes", timeout_s=1)
    assert bench.left_in_store() == []


def test_what_a_build_leaves_running_neither_delays_nor_outlives_it(bench: Bench) -> None:
    slug = bench.build(bench.source("app", {"a": "a"}), "sleep 600 & setsid sleep 600 & echo made > made")
    assert bench.run(slug, "cat made") == "made\n"
    assert bench.processes() == []


def test_output_is_told_line_by_line_whatever_it_is(bench: Bench) -> None:
    bench.build(bench.source("app", {"a": "a"}), r"printf 'one\r\ntwo\rthree\n\377bad\n\nno end'")
    assert bench.lines[1:-1] == ["one", "two", "three", "\ufffdbad", "", "no end"]


def test_registry_credentials_reach_the_build_and_no_line(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://me:s3cr3t@index.invalid/simple")
    command = 'case "$PIP_EXTRA_INDEX_URL" in *s3cr3t*) echo got $PIP_EXTRA_INDEX_URL; exit 4;; esac'
    with pytest.raises(BuildFailed) as failed:
        bench.build(bench.source("app", {"a": "a"}), command)
    assert failed.value.exit_code == 4
    assert failed.value.lines == ("got https://me:[secret]@index.invalid/simple",)
    assert "s3cr3t" not in " ".join(bench.lines)


def test_a_source_that_changed_since_the_plan_is_refused(bench: Bench) -> None:
    source = bench.source("app", {"a": "a"})
    planned = inspect_source(source, None).digest
    (source / "a").write_text("b")
    with pytest.raises(SourceError, match="has changed since the plan"):
        build_source(
            source,
            expected_digest=planned,
            build=None,
            stack=bench.stack,
            store=bench.store,
            user=USER,
            on_line=bench.lines.append,
            timeout_s=60,
        )
    assert bench.left_in_store() == []


def test_the_same_pip_as_in_a_manifest_works_in_a_build_of_ones_own(bench: Bench) -> None:
    source = bench.source("app", {"requirements.txt": "six==1.17.0\n", "app.py": "import six; print(six.__name__)"})
    slug = bench.build(source, "pip install --target vendor -r requirements.txt")
    assert bench.run(slug, "python app.py") == "six\n"


@contextmanager
def _largest_file(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_slug_that_cannot_be_written_fails_clearly_and_leaves_nothing(bench: Bench) -> None:
    source = bench.source("app", {"a": "a"})
    (source / "noise").write_bytes(os.urandom(3_000_000))
    with _largest_file(3_000_000), pytest.raises(BuildFailed, match="the slug cannot be written: File too large"):
        bench.build(source)
    assert bench.left_in_store() == []
    assert bench.build(source).built


KILLED = """
import sys
sys.path[:0] = [{package!r}, {here!r}]
from pathlib import Path
from build_bench import USER
from declarative_paas.providers.slugs.build import build_source
from declarative_paas.providers.slugs.inspect import inspect_source
from declarative_paas.providers.slugs.stack import local_stack
from declarative_paas.providers.slugs.store import SlugStore
source, build = Path({source!r}), "echo ready; setsid sleep 600"
build_source(source, expected_digest=inspect_source(source, build).digest, build=build,
             stack=local_stack(USER, Path({stack!r})), store=SlugStore(Path({store!r})), user=USER,
             on_line=lambda line: print(line, flush=True), timeout_s=600)
"""


def test_what_a_killed_build_left_is_cleared_by_the_next(bench: Bench) -> None:
    import declarative_paas

    code = KILLED.format(
        package=str(Path(declarative_paas.__file__).parent.parent),
        here=str(Path(__file__).parent),
        source=str(bench.source("killed", {"a": "a"})),
        stack=str(bench.stack.directory),
        store=str(bench.store.directory),
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None
        assert any(line == "ready\n" for line in killed.stdout)
        killed.send_signal(signal.SIGKILL)
    assert any(name.startswith(".building-") for name in bench.left_in_store())
    deadline = time.monotonic() + 20
    while not any("sleep" in process.name() for process in bench.processes()):
        assert time.monotonic() < deadline, "the killed build's process is not there: nothing to clear"
        time.sleep(0.05)
    slug = bench.build(bench.source("next", {"b": "b"}), "true")
    assert bench.processes() == []
    assert [name for name in bench.left_in_store() if not name.startswith(slug.id) and not name.endswith(".lock")] == []


def test_a_program_that_the_machine_lacks_is_named(bench: Bench) -> None:
    from dataclasses import replace

    bench.stack = replace(bench.stack, versions={"python3": "Python 3"})
    source = bench.source("node", {"package.json": "{}"})
    with pytest.raises(BuildFailed, match=r"a node app is built with node, and this machine has none that .* install"):
        bench.build(source)
