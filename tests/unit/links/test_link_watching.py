"""HAProxy's own answer, as it was recorded, in words."""

from __future__ import annotations

from datetime import UTC, datetime

from declarative_paas.core.address import Scope
from declarative_paas.core.links import LinkAddress, LinkSpec
from declarative_paas.providers.links.program import TargetLink
from declarative_paas.providers.links.watching import link_problems, watched
from declarative_paas.transfer.link_keys import make_link_keys

LINK = LinkSpec(scope=Scope("acme"), id="a1", source="us", target="eu")
TARGET = TargetLink(
    link=LINK,
    keys=make_link_keys(LINK, datetime(2026, 11, 24, tzinfo=UTC))[1],
    address=LinkAddress(host="db.example.com", port=7443),
)


def answer(*rows: tuple[str, str, str, str, str]) -> str:
    """(proxy, server, status, check_status, last_chk): the columns that count, among others."""
    lines = ["# pxname,svname,qcur,status,check_status,last_chk,check_desc,"]
    return "\n".join([*lines, *(f"{p},{s},0,{status},{check},{last},," for p, s, status, check, last in rows), "", ""])


def problems(*rows: tuple[str, str, str, str, str]) -> tuple[str, ...]:
    return link_problems(TARGET, watched(answer(*rows)))


def test_a_listener_that_answers_is_no_problem():
    assert problems((LINK.label, "listener", "UP", "L7OK", ""), (LINK.label, "BACKEND", "UP", "", "")) == ()


def test_a_listener_that_does_not_is_told_with_its_address_and_why():
    row = (LINK.label, "listener", "DOWN", "L4TOUT", "Layer4 timeout")
    assert problems(row) == ("us does not answer at db.example.com:7443: Layer4 timeout",)


def test_one_that_was_not_asked_yet_is_not_taken_to_be_well():
    for check in ("INI", "* INI"):
        assert problems((LINK.label, "listener", "UP", check, "")) == (
            "us has not answered yet at db.example.com:7443",
        )


def test_a_look_that_is_under_way_tells_of_the_last_one():
    assert problems((LINK.label, "listener", "UP", "* L7OK", "")) == ()


def test_a_route_says_nothing_of_its_own_and_a_link_that_is_not_there_is_told():
    assert problems(("via-r1", "listener", "UP", "", "")) == ("the link end in eu does not watch us",)
