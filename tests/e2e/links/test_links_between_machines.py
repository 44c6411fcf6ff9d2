"""A link between two local regions that take each other to be on other machines: HAProxy at both ends, no engine."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from links_bench import Linked, Side, free_port, knock, local_side, wait_until

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.links import LinkAddress, route_name
from declarative_paas.core.plan import Operation
from declarative_paas.core.provider import Absent, Present, ProviderError
from declarative_paas.providers.hosting.link_records import LinkRecords
from declarative_paas.providers.local.links import PROGRAM
from declarative_paas.transfer.link_keys import make_link_keys


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Linked, int]]:
    port = free_port()
    with local_side("us", link_address=f"127.0.0.1:{port}") as us, local_side("eu") as eu:
        for side in (us, eu):
            for app in ("shop", "blog"):
                side.database(app)
        yield Linked(us, eu), port


@pytest.fixture
def linked(pair: tuple[Linked, int]) -> Iterator[Linked]:
    found, _ = pair
    found.open()
    try:
        yield found
    finally:
        found.close()


@pytest.fixture
def port(pair: tuple[Linked, int]) -> int:
    return pair[1]


def haproxy(side: Side) -> psutil.Process:
    return psutil.Process(side.region.supervisor.programs()[PROGRAM].pid)


def test_a_route_leads_to_the_named_server_of_the_source(linked: Linked) -> None:
    endpoint = linked.endpoint()
    assert linked.problems() == ()
    assert linked.eu.through("shop", endpoint, linked.us.urls["shop"]) == "shop in us"
    assert linked.endpoint() == endpoint


def test_each_route_has_an_endpoint_of_its_own_that_outlives_other_routes(linked: Linked) -> None:
    shop, blog = linked.endpoint("shop"), linked.endpoint("blog")
    assert shop != blog
    linked.part("shop")
    assert linked.eu.through("blog", blog, linked.us.urls["blog"]) == "blog in us"
    assert linked.eu.through("shop", shop, linked.us.urls["shop"]).startswith("error:")
    linked.part("shop")
    assert linked.endpoint("blog") == blog


def test_the_listener_refuses_whoever_lacks_the_certificate_of_that_link(linked: Linked, port: int) -> None:
    linked.endpoint()
    link, route = linked.spec, route_name(linked.identity())
    keys = linked.eu.link_keys(link)
    _, of_another_making = make_link_keys(link, datetime.now(UTC))
    _, of_another_link = make_link_keys(replace(link, id="i2"), datetime.now(UTC))
    assert knock("127.0.0.1", port, link.name_of(route), keys) == "led"
    assert knock("127.0.0.1", port, link.name_of(route)) == "TLSV13_ALERT_CERTIFICATE_REQUIRED"
    assert knock("127.0.0.1", port, link.name_of(route), of_another_making) == "TLSV1_ALERT_DECRYPT_ERROR"
    assert knock("127.0.0.1", port, link.name_of(route), of_another_link) == "TLSV1_ALERT_UNKNOWN_CA"
    assert knock("127.0.0.1", port, None, keys) == "TLSV1_UNRECOGNIZED_NAME"
    assert knock("127.0.0.1", port, f"{route}.elsewhere.internal", keys) == "TLSV1_UNRECOGNIZED_NAME"
    assert knock("127.0.0.1", port, link.name_of("r0"), keys) == "closed"
    # The listener's own certificate is none to come in with.
    assert (
        knock("127.0.0.1", port, link.name_of(route), linked.us.link_keys(link))
        == "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE"
    )


def test_no_key_stands_in_a_file_or_a_command_line(linked: Linked) -> None:
    for side in (linked.us, linked.eu):
        secret = side.link_keys(linked.spec).key.reveal().splitlines()[1]
        for path in side.region.home.data.rglob("*"):
            if path.is_file():
                assert secret.encode() not in path.read_bytes(), path
        process = haproxy(side)
        assert all(secret not in text for text in (*process.cmdline(), *process.environ().values()))


def test_an_end_runs_as_the_user_of_all_services(linked: Linked) -> None:
    wanted = "nobody" if os.geteuid() == 0 else psutil.Process().username()
    assert {haproxy(side).username() for side in (linked.us, linked.eu)} == {wanted}


@pytest.mark.parametrize("end", ["us", "eu"])
def test_an_end_that_is_killed_comes_back_by_itself(linked: Linked, end: str) -> None:
    endpoint = linked.endpoint()
    side = linked.us if end == "us" else linked.eu
    before = haproxy(side)
    before.send_signal(signal.SIGKILL)
    wait_until(lambda: linked.eu.through("shop", endpoint, linked.us.urls["shop"]) == "shop in us", "the way back")
    wait_until(lambda: linked.problems() == (), "a link without problems")


@pytest.mark.parametrize("end", ["us", "eu"])
def test_an_end_that_was_taken_away_is_a_problem_and_an_update_mends_it(linked: Linked, end: str) -> None:
    endpoint = linked.endpoint()
    side = linked.us if end == "us" else linked.eu
    side.region.supervisor.remove(PROGRAM)
    assert linked.problems() == (f"the link end of region {end} is not running",)
    keys = linked.eu.link_keys(linked.spec)
    linked.open()
    assert linked.problems() == ()
    assert linked.eu.through("shop", endpoint, linked.us.urls["shop"]) == "shop in us"
    assert linked.eu.link_keys(linked.spec) == keys


def test_an_end_whose_record_was_lost_gets_new_keys_at_both_ends(linked: Linked) -> None:
    before = linked.us.link_keys(linked.spec).generation
    LinkRecords(linked.eu.region.records, linked.eu.region.keyring, "eu").remove_end(linked.spec)
    assert linked.problems() == ("it has no end in eu",)
    linked.open()
    assert linked.problems() == ()
    generations = {side.link_keys(linked.spec).generation for side in (linked.us, linked.eu)}
    assert len(generations) == 1
    assert before not in generations


@pytest.mark.parametrize("opened", ["us", "eu"])
def test_a_link_of_which_only_one_end_was_opened_before_the_kill_is_opened_whole(
    pair: tuple[Linked, int], opened: str
) -> None:
    linked, port = pair
    keys = make_link_keys(linked.spec, datetime.now(UTC))
    side, its = (linked.us, keys[0]) if opened == "us" else (linked.eu, keys[1])
    assert linked.pending() == Absent()
    side.provider.link_end().open(linked.spec, LinkAddress(host="127.0.0.1", port=port), its)
    reading = linked.pending()
    assert isinstance(reading, Present)
    assert (reading.attributes, reading.problems) == (linked.attributes, ("opening it was interrupted",))
    linked.step(Operation.CREATE)
    try:
        assert linked.problems() == ()
        assert linked.eu.through("shop", linked.endpoint(), linked.us.urls["shop"]) == "shop in us"
    finally:
        linked.close()


def test_another_instance_of_a_link_takes_the_place_of_one_that_nobody_recorded(pair: tuple[Linked, int]) -> None:
    linked, port = pair
    lost = replace(linked.spec, id="lost")
    theirs, ours = make_link_keys(lost, datetime.now(UTC))
    for side, keys in ((linked.us, theirs), (linked.eu, ours)):
        side.provider.link_end().open(lost, LinkAddress(host="127.0.0.1", port=port), keys)
    linked.step(Operation.CREATE)
    assert linked.problems() == ()
    linked.close()
    assert [side.provider.link_end().read(lost) for side in (linked.us, linked.eu)] == [None, None]


def test_an_address_that_has_changed_is_a_problem_and_an_update_moves_both_ends(linked: Linked, port: int) -> None:
    settings, elsewhere = linked.us.provider._settings, free_port()
    linked.us.provider._settings = replace(
        settings, options={**settings.options, "link_address": f"127.0.0.1:{elsewhere}"}
    )
    try:
        assert linked.problems()[0] == f"its end in us is for 127.0.0.1:{port}, and us is at 127.0.0.1:{elsewhere} now"
        linked.open()
        assert linked.problems() == ()
        assert knock("127.0.0.1", port, "x") == "nobody listens"
        assert linked.eu.through("shop", linked.endpoint(), linked.us.urls["shop"]) == "shop in us"
    finally:
        linked.us.provider._settings = settings


def test_a_port_that_somebody_else_has_is_a_conflict_that_names_the_option(pair: tuple[Linked, int], port: int) -> None:
    linked, _ = pair
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("0.0.0.0", port))
        other.listen()
        with pytest.raises(ProviderError, match="link_address"):
            linked.step(Operation.CREATE)
    linked.step(Operation.CREATE)
    linked.close()


def test_closing_leaves_no_process_no_port_and_no_file_and_can_be_done_again(pair: tuple[Linked, int]) -> None:
    linked, port = pair
    linked.open()
    endpoint = linked.endpoint()
    processes = [haproxy(side) for side in (linked.us, linked.eu)]
    linked.close()
    assert not any(process.is_running() for process in processes)
    assert knock("127.0.0.1", port, "x") == "nobody listens"
    assert knock(endpoint.host, endpoint.port, "x") == "nobody listens"
    for side in (linked.us, linked.eu):
        assert not (Path(side.region.directory) / "links").exists()
        assert not any("/link/" in owner for owner in side.region.ports.claims())
        assert not any(address.type.startswith("link") for _, address, _ in side.region.records.all())
    linked.close()


def test_an_import_sees_no_link_among_the_things_of_a_region(linked: Linked) -> None:
    linked.endpoint()
    assert {thing.address.type for thing in linked.us.provider.discover()} == {"addon"}


def test_an_add_on_that_is_not_there_is_refused(linked: Linked) -> None:
    with pytest.raises(ProviderError, match=r"addon.nobody/DATABASE is not in region us"):
        linked.links.endpoint(
            linked.us.scope,
            "i1",
            linked.identity(),
            source_region="us",
            source_addon=ResourceAddress("addon", "nobody", "DATABASE"),
            target_region="eu",
            target_addon=ResourceAddress("addon", "shop", "DATABASE"),
        )
