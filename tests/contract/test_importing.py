"""The contract of `Importable`: a region tells what it holds, and lets another scope have it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest
from provider_case import IMPLEMENTATIONS, Bench

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.provider import Absent, Discovered, Importable, Present, ReadQuery
from declarative_paas.core.values import Sensitive

OTHER = Scope("another")


@pytest.fixture(params=sorted(IMPLEMENTATIONS))
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with IMPLEMENTATIONS[request.param]() as found:
        yield found


def told(bench: Bench) -> Mapping[ResourceAddress, Discovered]:
    assert isinstance(bench.provider, Importable)
    return {thing.address: thing for thing in bench.provider.discover()}


def test_what_was_made_is_told_as_it_is_read_and_may_become_another_scopes(bench: Bench) -> None:
    assert told(bench) == {}
    done = bench.make_app()
    found = told(bench)
    assert found.keys() == bench.records.keys()
    for (address, instance), reading in bench.read().items():
        assert isinstance(reading, Present)
        record = bench.records[ResourceAddress.parse(address)]
        thing = found[record.address]
        assert (thing.instance, thing.remote_id) == (instance, record.remote_id), address
        assert thing.attributes == reading.attributes, address
        plain = {name: value for name, value in thing.outputs.items() if not isinstance(value, Sensitive)}
        assert plain == reading.outputs, address
    assert found[ResourceAddress("addon", "shop", "DATABASE")].outputs["url"] == done["addon"].outputs["url"]
    (mine,) = {thing.scope for thing in found.values()}

    # Another scope's from now on, and nothing else about it is different; once more, nothing happens.
    assert isinstance(bench.provider, Importable)
    for _ in range(2):
        bench.provider.adopt(list(found.values()), OTHER)
        assert told(bench) == {address: replace(thing, scope=OTHER) for address, thing in found.items()}
    known = list(bench.records.values())
    assert set(bench.provider.read(ReadQuery(scope=mine, known=known)).values()) == {Absent()}
    for key, reading in bench.provider.read(ReadQuery(scope=OTHER, known=known)).items():
        assert isinstance(reading, Present), key
        assert reading.problems == (), key

    # And back, to be removed without a trace.
    bench.provider.adopt(list(told(bench).values()), mine)
    bench.remove_app()
    assert told(bench) == {}
