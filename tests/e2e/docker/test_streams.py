"""Commands in a container: every byte both ways, the ends told apart, the status right."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator

import pytest
from docker_case import Case

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.docker.engine.execute import run, streamed
from declarative_paas.providers.docker.engine.stream import STDERR, STDOUT


@pytest.fixture
def box(case: Case) -> str:
    """A running container."""
    return case.listener("box", "bridge", 5000).name


def test_ten_megabytes_go_in_and_come_out_exactly(case: Case, box: str) -> None:
    data = os.urandom(10_000_000)
    done = run(case.engine, box, ["cat"], stdin=data)
    assert (done.status, done.stderr) == (0, b"")
    assert hashlib.sha256(done.stdout).digest() == hashlib.sha256(data).digest()


def test_input_can_be_a_file_or_pieces(case: Case, box: str) -> None:
    def pieces() -> Iterator[bytes]:
        yield from (b"a" * 100_000, b"b", b"")

    assert run(case.engine, box, ["wc", "-c"], stdin=pieces()).stdout.strip() == b"100001"
    assert run(case.engine, box, ["wc", "-c"], stdin=io.BytesIO(b"x" * 300_000)).stdout.strip() == b"300000"
    assert run(case.engine, box, ["wc", "-c"], stdin=b"").stdout.strip() == b"0"


def test_output_and_errors_are_kept_apart_and_the_status_is_the_commands(case: Case, box: str) -> None:
    done = run(case.engine, box, ["sh", "-c", "echo out; echo err >&2; exit 7"])
    assert tuple(done) == (7, b"out\n", b"err\n")


def test_what_is_printed_at_once_is_never_lost(case: Case, box: str) -> None:
    assert {run(case.engine, box, ["echo", "at once"]).stdout for _ in range(30)} == {b"at once\n"}


def test_a_command_that_does_not_read_its_input_ends_with_its_status(case: Case, box: str) -> None:
    done = run(case.engine, box, ["sh", "-c", "exec 0<&-; echo done; exit 4"], stdin=b"x" * 5_000_000)
    assert (done.status, done.stdout) == (4, b"done\n")


def test_a_conversation_goes_both_ways_and_a_half_close_ends_only_the_input(case: Case, box: str) -> None:
    script = "while read -r word; do echo got $word; done; echo end of input; echo apart >&2; exit 5"
    with streamed(case.engine, box, ["sh", "-c", script]) as command:
        for word in (b"one", b"two"):
            command.send(word + b"\n")
            answer = command.receive(10)
            assert answer is not None and answer.data == b"got " + word + b"\n"
        with pytest.raises(TimeoutError):
            command.receive(0.1)
        command.half_close()
        left: dict[int, bytes] = {STDOUT: b"", STDERR: b""}
        while (frame := command.receive(10)) is not None:
            left[frame.stream] += frame.data
        assert (left[STDOUT], left[STDERR], command.status()) == (b"end of input\n", b"apart\n", 5)


def test_a_command_that_echoes_faster_than_it_is_read_does_not_block_the_sender(case: Case, box: str) -> None:
    data = os.urandom(3_000_000)
    received = bytearray()
    with streamed(case.engine, box, ["cat"]) as command:
        command.send(data)
        command.half_close()
        while (frame := command.receive(30)) is not None:
            received += frame.data
    assert bytes(received) == data


def test_a_command_that_takes_too_long_is_told(case: Case, box: str) -> None:
    with pytest.raises(ProviderError, match=r"did not end within 0\.2 s") as raised:
        run(case.engine, box, ["sleep", "60"], timeout_s=0.2)
    assert raised.value.kind is ErrorKind.FAILED


def test_a_program_that_is_not_there_has_the_shells_status(case: Case, box: str) -> None:
    assert run(case.engine, box, ["no-such-program"]).status in (126, 127)


def test_a_container_that_ends_under_a_command_ends_the_command(case: Case, box: str) -> None:
    with streamed(case.engine, box, ["sh", "-c", "echo begun; sleep 60"], stdin=False) as command:
        assert command.receive(10) is not None
        case.engine.api.kill(box)
        assert command.receive(30) is None
        assert command.status() == 137


def test_environment_user_and_directory_are_the_commands(case: Case, box: str) -> None:
    done = run(
        case.engine, box, ["sh", "-c", "id -u; pwd; echo $WORD"], user="1234", workdir="/usr", environment={"WORD": "x"}
    )
    assert done.stdout.split() == [b"1234", b"/usr", b"x"]
