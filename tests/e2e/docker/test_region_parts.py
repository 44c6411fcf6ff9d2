"""A region's networks, keeper, guard and leftovers: made once, somebody else's left alone, removed whole."""

from __future__ import annotations

import ipaddress
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from docker_case import Case

from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.docker.engine import containers, execute, gc, inventory, networks
from declarative_paas.providers.docker.engine.gc import PrunableKind
from declarative_paas.providers.docker.engine.guard import Guard
from declarative_paas.providers.docker.engine.keeper import LOGS, RECORDS, Keeper
from declarative_paas.providers.docker.engine.labels import Labels, object_name
from declarative_paas.providers.docker.engine.networks import Pool

SMALL = Pool(cidr="10.213.77.0/27", prefix=29)


def foreign_network(case: Case, name: str, subnet: str) -> str:
    """Without a label of ours; the caller removes it."""
    from docker.types import IPAMConfig, IPAMPool

    ipam: Any = IPAMConfig(pool_configs=[IPAMPool(subnet=subnet)])
    made: Any = case.engine.api.create_network(name, ipam=ipam)
    return str(made["Id"])


def test_a_network_is_made_once_and_removed_with_what_is_on_it(case: Case) -> None:
    name = object_name(case.owner, "net")
    made = networks.ensure_network(case.engine, name, case.owner, case.pool)
    assert networks.ensure_network(case.engine, name, case.owner, case.pool).id == made.id
    assert ipaddress.IPv4Network(str(made.subnet)).prefixlen == 29
    case.listener("on-it", name, 5000)
    assert networks.remove_network(case.engine, name, case.owner) is True
    assert networks.remove_network(case.engine, name, case.owner) is False


def test_a_container_is_found_by_its_alias_and_connected_once(case: Case) -> None:
    name = object_name(case.owner, "net")
    networks.ensure_network(case.engine, name, case.owner, case.pool)
    dyno, addon = case.listener("dyno", name, 5000), case.listener("addon", "bridge", 5432)
    for _ in range(2):
        networks.connect(case.engine, addon.name, name, ["my-database"])
    assert case.probe(dyno.name, "my-database", 5432) == "reachable"
    for _ in range(2):
        networks.disconnect(case.engine, addon.name, name)
    assert case.probe(dyno.name, "my-database", 5432) == "unreachable"


def test_networks_made_at_once_get_subnets_that_do_not_touch(case: Case) -> None:
    """All of a pool of four; the fifth is told."""
    names = [object_name(case.owner, f"net{number}") for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda name: networks.ensure_network(case.engine, name, case.owner, SMALL), names))
    assert {str(network.subnet) for network in made} == {str(subnet) for subnet in SMALL.subnets()}
    with pytest.raises(ProviderError, match=r"10\.213\.77\.0/27 of region us has no free /29") as raised:
        networks.ensure_network(case.engine, object_name(case.owner, "net5"), case.owner, SMALL)
    assert raised.value.kind is ErrorKind.FAILED


def test_a_subnet_of_somebody_elses_network_is_passed_over(case: Case) -> None:
    """A larger network that takes half of the pool."""
    stranger = foreign_network(case, f"stranger-{case.owner.platform}", "10.213.77.0/28")
    try:
        for number in range(2):
            made = networks.ensure_network(case.engine, object_name(case.owner, f"n{number}"), case.owner, SMALL)
            assert ipaddress.IPv4Network(str(made.subnet)).subnet_of(ipaddress.IPv4Network("10.213.77.16/28"))
        with pytest.raises(ProviderError, match="has no free"):
            networks.ensure_network(case.engine, object_name(case.owner, "n3"), case.owner, SMALL)
    finally:
        case.engine.api.remove_network(stranger)


def test_a_network_of_somebody_elses_by_our_name_is_left_alone(case: Case) -> None:
    name = object_name(case.owner, "net")
    stranger = foreign_network(case, name, "10.213.78.0/29")
    try:
        for attempt in (
            lambda: networks.ensure_network(case.engine, name, case.owner, case.pool),
            lambda: networks.remove_network(case.engine, name, case.owner),
        ):
            with pytest.raises(ProviderError, match="nobody of this tool") as raised:
                attempt()
            assert raised.value.kind is ErrorKind.CONFLICT
        assert case.engine.api.inspect_network(stranger)["Name"] == name
    finally:
        case.engine.api.remove_network(stranger)


def test_a_container_of_somebody_elses_by_our_name_is_left_alone_and_told_with_whose_it_is(case: Case) -> None:
    keeper = Keeper(case.engine, case.owner, case.stack.id)
    others = replace(case.owner, platform=case.owner.platform, region="mars").with_(address="formation.shop")
    for labels, whose in ((None, "nobody of this tool"), (others, r"region mars \(formation\.shop\)")):
        made: Any = case.engine.api.create_container(
            case.stack.id, ["sleep", "9"], name=keeper.name, labels=labels.to_map() if labels else {}
        )
        try:
            for attempt in (keeper.ensure_running, keeper.remove):
                with pytest.raises(ProviderError, match=whose) as raised:
                    attempt()
                assert raised.value.kind is ErrorKind.CONFLICT
        finally:
            case.engine.api.remove_container(made["Id"])


def test_a_keeper_holds_its_records_over_its_own_loss(case: Case) -> None:
    keeper = Keeper(case.engine, case.owner, case.stack.id)
    keeper.ensure_running()
    keeper.ensure_running()
    done = execute.run(case.engine, keeper.name, ["sh", "-c", f"cat > {RECORDS}/one; id -u"], stdin=b"kept")
    assert done.stdout == b"65534\n"
    case.engine.api.remove_container(keeper.name, force=True, v=True)
    keeper.ensure_running()
    assert execute.run(case.engine, keeper.name, ["cat", f"{RECORDS}/one"]).stdout == b"kept"


def test_a_keeper_of_another_version_is_made_again_with_its_records(case: Case) -> None:
    keeper = Keeper(case.engine, case.owner, case.stack.id)
    keeper.ensure_running()
    execute.run(case.engine, keeper.name, ["sh", "-c", f"cat > {RECORDS}/one"], stdin=b"kept")
    case.engine.api.remove_container(keeper.name, force=True, v=True)
    older: Any = case.engine.api.create_container(
        case.stack.id,
        ["sleep", "3600"],
        name=keeper.name,
        labels=case.owner.with_(role="keeper").to_map(),
        host_config=case.engine.api.create_host_config(binds=[f"{keeper.volume}:{RECORDS}"]),
    )
    case.engine.api.start(older["Id"])
    keeper.ensure_running()
    assert case.engine.api.inspect_container(keeper.name)["Id"] != older["Id"]
    assert execute.run(case.engine, keeper.name, ["cat", f"{RECORDS}/one"]).stdout == b"kept"
    assert execute.run(case.engine, keeper.name, ["test", "-w", LOGS]).status == 0
    made = case.engine.api.inspect_container(keeper.name)["Id"]
    keeper.ensure_running()
    assert case.engine.api.inspect_container(keeper.name)["Id"] == made


def test_a_keeper_has_no_network_and_survives_a_prune(case: Case) -> None:
    keeper = Keeper(case.engine, case.owner, case.stack.id)
    keeper.ensure_running()
    assert case.shell(keeper.name, "ls /sys/class/net").split() == ["lo"]
    case.engine.api.prune_volumes(filters={"label": [f"dpaas.platform={case.owner.platform}"]})
    assert [view.name for view in inventory.volumes(case.engine, case.owner)] == [keeper.volume]
    keeper.remove()
    keeper.remove()
    assert inventory.volumes(case.engine, case.owner) == []


def test_a_guards_rules_match_its_own_bridges_only_and_go_with_it(case: Case) -> None:
    guard = Guard(case.engine, case.owner, case.stack.id, ["80", "20000:20099"])
    guard.ensure_running()
    guard.ensure_running()
    place = case.owner.place[:6]
    ours = [line for line in case.rules().splitlines() if place in line]
    assert f"-A INPUT -i dp{place}+ -j DPAAS-{place}-IN" in ours
    assert sum(line.startswith("-A INPUT") for line in ours) == 1
    assert any("--dport 20000:20099 -j RETURN" in line for line in ours)
    assert guard.problems() == ()
    guard.remove()
    guard.remove()
    assert place not in case.rules()
    assert guard.problems() == ("the guard is missing",)


def test_a_guards_rules_stay_when_it_is_stopped_and_come_back_when_it_starts(case: Case) -> None:
    guard = Guard(case.engine, case.owner, case.stack.id, ["80"])
    guard.ensure_running()
    place = case.owner.place[:6]
    jump = f"-A INPUT -i dp{place}+ -j DPAAS-{place}-IN"
    containers.stop(case.engine, guard.name, 10)
    assert jump in case.rules()
    assert guard.problems() == ("the guard is not running",)
    case.shell(case.host(), f"iptables -t mangle -D INPUT -i dp{place}+ -j DPAAS-{place}-IN")
    assert jump not in case.rules()
    guard.ensure_running()
    assert jump in case.rules()
    guard.remove()


def test_a_guard_with_other_ports_replaces_the_first(case: Case) -> None:
    Guard(case.engine, case.owner, case.stack.id, ["80"]).ensure_running()
    guard = Guard(case.engine, case.owner, case.stack.id, ["8080"])
    guard.ensure_running()
    ours = [line for line in case.rules().splitlines() if f"DPAAS-{case.owner.place[:6]}-IN" in line]
    assert [line for line in ours if "--dport" in line] == [
        f"-A DPAAS-{case.owner.place[:6]}-IN -p tcp -m tcp --dport 8080 -j RETURN"
    ]
    guard.remove()


def test_a_guard_that_cannot_set_its_rules_says_why(case: Case) -> None:
    guard = Guard(case.engine, case.owner, case.stack.id, ["not-a-port"])
    with pytest.raises(ProviderError, match="guard: false") as raised:
        guard.ensure_running()
    assert any("not-a-port" in line for line in raised.value.detail)


def test_what_is_not_needed_is_found_and_pruned_and_nothing_else(case: Case) -> None:
    kept, unused = case.build({"a.txt": "kept"}), case.build({"a.txt": "unused"})
    running = case.dyno(case.build({"a.txt": "running"}), "web.1", "sleep 100")
    case.start(running, listening=False)
    for name in ("lost", "kept"):
        networks.ensure_network(case.engine, object_name(case.owner, name), case.owner, case.pool)
        containers.ensure_volume(case.engine, object_name(case.owner, name), case.owner)
    stranger = object_name(Labels(platform="another", region="us"), case.owner.platform)
    case.engine.api.create_volume(stranger)
    keep = object_name(case.owner, "kept")
    try:
        found = gc.prunable(case.engine, case.owner, keep_slugs=[kept.key], keep_networks=[keep], keep_volumes=[keep])
        assert [(item.kind, item.name) for item in found] == [
            (PrunableKind.NETWORK, object_name(case.owner, "lost")),
            (PrunableKind.VOLUME, object_name(case.owner, "lost")),
            (PrunableKind.SLUG, unused.key),
        ]
        assert gc.prune(case.engine, case.owner, found) == []
        left = gc.prunable(case.engine, case.owner, keep_slugs=[kept.key], keep_networks=[keep], keep_volumes=[keep])
        assert left == []
        assert [view.name for view in inventory.volumes(case.engine, case.owner)] == [keep]
        assert case.engine.api.inspect_volume(stranger)["Name"] == stranger
    finally:
        case.engine.api.remove_volume(stranger)


def test_the_inventory_shows_what_is_ours_and_how_it_is(case: Case) -> None:
    dyno = case.dyno(case.server_slug(), "web.1", "exit 3", restarts=False)
    case.start(dyno, listening=False)
    case.engine.api.wait(dyno.name, timeout=30)
    addon = case.listener("addon", str(dyno.network), 5000)
    mine = inventory.containers(case.engine, inventory.place_of(case.owner))
    assert [(view.name, view.state, view.labels.role) for view in mine] == [
        (addon.name, "running", "addon"),
        (dyno.name, "exited", "dyno"),
    ]
    assert mine[1].status.startswith("Exited (3)")
    assert mine[0].networks == {dyno.network: addon.ip}
    assert inventory.containers(case.engine, case.owner.with_(role="addon"))[0].id == mine[0].id
    assert inventory.containers(case.engine, replace(case.owner, region="mars")) == []
    assert [view.name for view in inventory.networks(case.engine, inventory.place_of(case.owner))] == [dyno.network]
