"""What an engine says, as it is told to a person; the texts are those of real engines."""

from __future__ import annotations

import socket

import docker.errors
import pytest
import requests

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.docker.engine.build import EngineAnswer, check_progress
from declarative_paas.providers.docker.engine.errors import told

ANSWERS = [
    (
        409,
        'Conflict. The container name "/web.1" is already in use by container "0123456789abcdef". You have to remove '
        "(or rename) that container to be able to reuse that name.",
        ErrorKind.CONFLICT,
        "the name web.1 is taken by container 0123456789ab",
    ),
    (409, "network with name x-y already exists", ErrorKind.CONFLICT, "the network x-y exists already"),
    (403, "error while removing network: network x id 1 has active endpoints", ErrorKind.TRANSIENT, "still in use"),
    (404, "No such image: nothing:1", ErrorKind.INVALID, "the image nothing:1 is not on the engine"),
    (404, "No such container: web.1", ErrorKind.FAILED, "it was removed by somebody"),
    (404, "network abc not found", ErrorKind.FAILED, "the network is gone"),
    (
        409,
        "Container abc is restarting, wait until the container is running",
        ErrorKind.TRANSIENT,
        "is being restarted",
    ),
    (409, "removal of container abc is already in progress", ErrorKind.TRANSIENT, "it is being removed already"),
    (500, "write /var/lib/docker/x: no space left on device", ErrorKind.FAILED, "the engine's disk is full"),
    (500, "driver failed: Bind for 0.0.0.0:80 failed: port is already allocated", ErrorKind.CONFLICT, "port is taken"),
    (403, "Pool overlaps with other one on this address space", ErrorKind.CONFLICT, "the subnet is in use"),
    (
        400,
        "client version 1.99 is too new. Maximum supported API version is 1.41",
        ErrorKind.INVALID,
        "API version 1.99",
    ),
    (400, "Client sent an HTTP request to an HTTPS server.", ErrorKind.UNAVAILABLE, "one side speaks TLS"),
    (404, "pull access denied for x, repository does not exist", ErrorKind.INVALID, "cannot be pulled"),
    (503, "busy", ErrorKind.TRANSIENT, "busy"),
    (500, "something nobody has seen", ErrorKind.FAILED, "something nobody has seen"),
]


def engine_says(status: int, explanation: str) -> docker.errors.APIError:
    response = requests.Response()
    response.status_code = status
    return docker.errors.APIError("an error", response=response, explanation=explanation)


@pytest.mark.parametrize(("status", "says", "kind", "meaning"), ANSWERS)
def test_an_answer_is_told_by_what_it_means(status: int, says: str, kind: ErrorKind, meaning: str) -> None:
    with pytest.raises(ProviderError) as raised, told("the engine at x", "make the container web.1"):
        raise engine_says(status, says)
    assert raised.value.kind is kind
    assert raised.value.summary.startswith("make the container web.1: ")
    assert meaning in raised.value.summary
    # The engine's own words are kept, for whoever wants to look further.
    assert says in " ".join((raised.value.summary, *raised.value.detail))


@pytest.mark.parametrize(
    ("problem", "kind", "meaning"),
    [
        (ConnectionRefusedError(111, "Connection refused"), ErrorKind.UNAVAILABLE, "cannot be reached"),
        (requests.ConnectionError(FileNotFoundError(2, "No such file")), ErrorKind.UNAVAILABLE, "No such file"),
        (requests.ReadTimeout("read timed out"), ErrorKind.UNAVAILABLE, "did not answer in time"),
        (TimeoutError(), ErrorKind.UNAVAILABLE, "did not answer in time"),
        (socket.gaierror(-2, "Name or service not known"), ErrorKind.UNAVAILABLE, "Name or service not known"),
        (docker.errors.TLSParameterError("no key"), ErrorKind.INVALID, "TLS settings"),
    ],
)
def test_a_way_that_fails_is_told_by_why(problem: Exception, kind: ErrorKind, meaning: str) -> None:
    with pytest.raises(ProviderError, match=meaning) as raised, told("the engine at x", "connect"):
        raise problem
    assert raised.value.kind is kind


def test_a_bug_of_ours_is_not_told_as_the_engines() -> None:
    with pytest.raises(KeyError), told("the engine at x", "connect"):
        raise KeyError("bug")


def test_an_error_within_a_good_answer_is_raised_with_the_lines_before_it() -> None:
    answer = [{"stream": "Step 1\n"}, {"status": "Pulling"}, {"error": "no space left on device"}]
    with pytest.raises(EngineAnswer) as raised:
        check_progress(answer, "build")
    assert raised.value.lines == ("Step 1", "Pulling")
    with pytest.raises(ProviderError, match="disk is full"), told("x", "build"):
        check_progress(answer, "build")
    assert check_progress(answer[:2], "build") == ["Step 1", "Pulling"]


def test_what_failed_in_a_build_is_told_with_its_last_lines_and_as_no_unreachable_engine() -> None:
    answer = [{"stream": "one\ntw"}, {"stream": "o\nthree"}, {"error": "returned a non-zero code: 9"}]
    with pytest.raises(ProviderError, match="returned a non-zero code: 9") as raised, told("x", "build"):
        check_progress(answer, "build")
    assert (raised.value.kind, raised.value.detail) == (ErrorKind.FAILED, ("one", "two", "three"))


def test_lines_are_told_as_they_come_and_the_progress_of_each_layer_is_not() -> None:
    came: list[str] = []
    layer = {"status": "Downloading", "id": "1f2e", "progressDetail": {"current": 1, "total": 2}}
    answer = [{"status": "Pulling from x"}, layer, {"stream": "Step 1/1 : FROM x\n"}, {"stream": "\n"}]
    assert check_progress(answer, "build", on_line=came.append) == came == ["Pulling from x", "Step 1/1 : FROM x"]
