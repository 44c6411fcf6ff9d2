from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from supervisor.options import ServerOptions, UnhosedConfigParser

from declarative_paas.providers.runtime.definitions import Definitions
from declarative_paas.providers.runtime.programs import Program, program_ini

WORDS = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=30)


def as_supervisord_reads(text: str) -> dict[str, object]:
    """What supervisord's own parser makes of a program's file."""
    parser = UnhosedConfigParser()
    parser.read_string(text)
    options = ServerOptions()
    options.here = "/"
    (group,) = options.process_groups_from_parser(parser)
    (process,) = group.process_configs
    return {**vars(process), "group": group}


@given(st.lists(WORDS, min_size=1, max_size=5))
def test_supervisord_reads_every_command_as_it_was_meant(command: list[str]) -> None:
    program = Program(name="p", command=tuple(command), directory=Path("/"))
    read = as_supervisord_reads(program_ini(program, directory="/", log="/tmp/p.log", as_root=False))
    assert shlex.split(str(read["command"])) == command


@given(st.dictionaries(st.from_regex(r"[A-Z_]{1,8}", fullmatch=True), WORDS, min_size=1, max_size=4))
def test_an_environment_survives_quotes_percents_and_blanks(environment: dict[str, str]) -> None:
    program = Program(name="p", command=("server",), directory=Path("/"), environment=environment)
    read = as_supervisord_reads(program_ini(program, directory="/", log="/tmp/p.log", as_root=False))
    _, *words = shlex.split(str(read["command"]))
    assert dict(word.split("=", 1) for word in words[:-1]) == environment
    assert words[-1] == "server"


@pytest.mark.parametrize("name", ["a b", "50% off", "x ;y", "x #y", "it's", 'say "hi"', "[brackets]*", "ünï"])
def test_a_directory_and_a_log_may_have_any_name(tmp_path: Path, name: str) -> None:
    definitions = Definitions(directory=tmp_path / "region", run=tmp_path / "run")
    definitions.directory.mkdir()
    definitions.make_directories()
    odd = tmp_path / name
    odd.mkdir()
    definitions.write(Program(name="p", command=("x",), directory=odd, log=odd / "out.log"))
    read = as_supervisord_reads((definitions.directory / "conf.d" / "p.ini").read_text())
    assert Path(str(read["directory"])).samefile(odd)
    assert Path(str(read["stdout_logfile"])).parent.samefile(odd)


def test_a_definition_names_priority_signal_patience_and_restart(tmp_path: Path) -> None:
    definitions = Definitions(directory=tmp_path / "region", run=tmp_path / "run")
    definitions.directory.mkdir()
    definitions.make_directories()
    program = Program(
        name="db",
        command=("postgres",),
        directory=tmp_path,
        priority=100,
        stop_signal="INT",
        stop_wait_s=42,
        autorestart=False,
        start_seconds=3,
    )
    definitions.write(program)
    read = as_supervisord_reads((definitions.directory / "conf.d" / "db.ini").read_text())
    assert (read["priority"], read["stopsignal"], read["stopwaitsecs"], read["startsecs"]) == (100, 2, 42, 3)
    assert not read["autorestart"]
    assert read["killasgroup"]
    assert (definitions.stop_wait_s("db"), definitions.stop_signal("db")) == (42, 2)
    assert definitions.longest_stop_wait_s() == 42


def test_a_definition_that_the_file_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="control character"):
        Program(name="p", command=("a\nb",), directory=Path("/"))
    with pytest.raises(ValueError, match="not a program name"):
        Program(name="a/../b", command=("x",), directory=Path("/"))
