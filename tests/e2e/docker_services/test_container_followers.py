"""A database in a container that follows another one, by programs beside their servers."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from services_region import AddonRegion, wait_until

from declarative_paas.core.copy_result import CopyIdentity
from declarative_paas.core.follow import Endpoint, FollowPort, FollowState
from declarative_paas.core.provider import StepContext
from declarative_paas.providers.addons.driver import AddonInstance
from declarative_paas.providers.docker.engine import containers
from declarative_paas.providers.docker.engine.containers import Entry
from declarative_paas.providers.docker.services.postgres import PORT
from declarative_paas.transfer.follow_steps import Following, promote
from declarative_paas.transfer.follower_sides import FollowSide

CONTENT = """
CREATE TABLE orders (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, note text);
INSERT INTO orders (note) SELECT md5(n::text) FROM generate_series(1, 5000) n;
"""
FINGERPRINT = "SELECT count(*), md5(string_agg(id || note, ',' ORDER BY id)) FROM orders"
CONTEXT = StepContext(report=lambda line: None, cancelled=lambda: False)


class Clock:
    monotonic = staticmethod(time.monotonic)

    def now(self) -> datetime:
        return datetime.now(UTC)


def side(region: AddonRegion, instance: AddonInstance) -> FollowSide:
    found = region.addons.data_side(instance.key)
    assert isinstance(found.port, FollowPort)
    return FollowSide(port=found.port, fresh=found.fresh)


def test_a_database_in_a_container_follows_is_read_only_and_is_promoted(region: AddonRegion) -> None:
    source, target = region.instance("postgres"), region.instance("postgres")
    source_url, target_url = region.provision(source), region.provision(target)
    # Both servers are on the dyno's network, where the one finds the other.
    dyno = region.dyno(source.key, target.key)
    region.sql(dyno, source_url, CONTENT)
    theirs, ours = side(region, source), side(region, target)
    identity = CopyIdentity(source_instance=source.key, target_instance=target.key)
    endpoint = Endpoint(host=region.server(source), port=PORT)
    following = Following(
        identity=identity, source=theirs, target=ours, dial=lambda: endpoint, clock=Clock(), context=CONTEXT
    )
    assert following.begin().verification.ok
    region.sql(dyno, source_url, "UPDATE orders SET note = 'changed' WHERE id % 3 = 0")
    position = theirs.port.position()
    wait_until(lambda: ours.port.caught_up(position), "the follower's catching up")
    assert region.sql(dyno, target_url, FINGERPRINT) == region.sql(dyno, source_url, FINGERPRINT)
    assert "permission denied for table orders" in region.sql(dyno, target_url, "DELETE FROM orders")
    status = theirs.port.source_status(identity)
    assert status is not None
    assert status.state is FollowState.STREAMING
    region.wait_healthy(target)
    assert region.reading(target).problems == region.reading(source).problems == ()
    promote(identity, theirs.port, ours.port, clock=Clock(), context=CONTEXT, alone=False)
    theirs.port.unpublish(identity)
    region.sql(dyno, target_url, "INSERT INTO orders (note) VALUES ('own')")
    assert "5001" in region.sql(dyno, target_url, "SELECT max(id) FROM orders")
    assert theirs.port.source_status(identity) is None
    region.wait_healthy(target)
    assert region.reading(target).problems == ()


def test_a_server_with_the_configuration_of_an_earlier_version_says_so_until_it_was_started_anew(
    region: AddonRegion,
) -> None:
    shop = region.instance("postgres")
    region.provision(shop)
    name, port = region.server(shop), side(region, shop).port
    region.addons.stop()
    older = b"""data_directory = '/data/server'
hba_file = '/dpaas/pg_hba.conf'
ident_file = '/dpaas/pg_ident.conf'
unix_socket_directories = '/data/socket'
"""
    containers.put(region.engine, name, (Entry(path="/dpaas/postgresql.conf", content=older, mode=0o644, uid=0),))
    containers.start(region.engine, name)
    wait_until(lambda: not region.reading(shop).problems, "the server")
    [objection] = port.follow_objections()
    assert objection.code == "follow-older-server"
    assert "dpaas down" in (objection.expected or "")
    region.addons.stop()
    region.addons.start()
    wait_until(lambda: not region.reading(shop).problems, "the server")
    assert port.follow_objections() == []
