"""The contract of `Provider`: every implementation passes every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from provider_case import DECLINED, IMPLEMENTATIONS, Bench, parts_of

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.provider import Absent, Present
from declarative_paas.core.values import Sensitive

OUTPUTS = {
    "app": {"id", "name", "url", "web_url", "host"},
    "addon": {"id", "url"},
    "attachment": {"revision"},
    "config": {"revision"},
    "slug": {"id"},
    "release": {"version"},
}


"""One worker has the engines: more at once only wait for each other."""


@pytest.fixture(params=sorted(IMPLEMENTATIONS))
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with IMPLEMENTATIONS[request.param]() as found:
        assert found.provider.capabilities().declined == DECLINED[request.param]
        yield found


def test_an_app_s_whole_life_from_the_first_create_to_nothing_left(bench: Bench):
    done = bench.make_app()
    for name, outputs in OUTPUTS.items():
        assert outputs <= set(done[name].outputs), name
    assert isinstance(done["addon"].outputs["url"], Sensitive)

    # Read back: everything is there, as it was asked for, and nothing is broken.
    for (address, _), reading in bench.read().items():
        assert isinstance(reading, Present), address
        assert reading.problems == (), address
        record = next(record for where, record in bench.records.items() if str(where) == address)
        assert reading.attributes == record.attributes, address
        assert not any(isinstance(value, Sensitive) for value in reading.outputs.values())

    # The same step again makes nothing new.
    again = bench.create("release.shop", bench.release_attributes(done))
    assert again.outputs["version"] == done["release"].outputs["version"] == 1

    # A config change gives a new revision and a new release, numbered one higher.
    config = bench.update("config.shop", {"vars": {"GREETING": "good day"}})
    assert config.outputs["revision"] != done["config"].outputs["revision"]
    release = bench.update("release.shop", bench.release_attributes({**done, "config": config}))
    assert release.outputs["version"] == 2
    bench.update("formation.shop", bench.formation_attributes(release))

    # What breaks is named, and an update repairs it.
    bench.damage("formation.shop")
    reading = bench.read()["formation.shop", "i1"]
    assert isinstance(reading, Present)
    assert reading.problems
    bench.update("formation.shop", bench.formation_attributes(release))
    repaired = bench.read()["formation.shop", "i1"]
    assert isinstance(repaired, Present)
    assert repaired.problems == ()

    # What was begun and never recorded is found by its instance; what never began is absent.
    record = bench.records.pop(next(where for where in bench.records if str(where) == "config.shop"))
    found = bench.read(("config.shop", "i1"), ("config.shop", "i2"))
    assert isinstance(found["config.shop", "i1"], Present)
    assert isinstance(found["config.shop", "i2"], Absent)
    bench.records[record.address] = record

    bench.remove_app()
    gone = bench.read(("app.shop", "i1"), ("addon.shop/DATABASE", "i1"), ("formation.shop", "i1"))
    assert all(isinstance(reading, Absent) for reading in gone.values())

    # Removing what is gone is no error.
    bench.delete("config.shop")


def test_a_region_in_which_nothing_was_made_reads_as_absent(bench: Bench):
    assert bench.read(("app.shop", "i1")) == {("app.shop", "i1"): Absent()}


def test_a_change_that_is_made_undone_and_made_again_is_in_force(bench: Bench):
    bench.create("config.shop", {"vars": {"A": "1"}})
    for value in ("2", "1", "2"):
        bench.update("config.shop", {"vars": {"A": value}})
        reading = bench.read()["config.shop", "i1"]
        assert isinstance(reading, Present)
        assert reading.attributes == {"vars": {"A": value}}


def test_a_renamed_app_keeps_its_data_its_releases_and_what_runs(bench: Bench):
    assert bench.provider.capabilities().renames
    done = bench.make_app()
    bench.create("domain.shop/www.example.com", {"hostname": "www.example.com"})
    for old, new in zip(parts_of("shop"), parts_of("store"), strict=True):
        bench.rename(old, new)
        if new == "app.store":
            app = bench.update("app.store", {"name": "store"})
            assert "store" in app.outputs["host"]
            assert app.outputs["name"] == "store"
    bench.rename("domain.shop/www.example.com", "domain.store/www.example.com")
    found = bench.read()
    assert {address for address, _ in found} == {*parts_of("store"), "domain.store/www.example.com"}
    for (address, _), reading in found.items():
        # A formation that is read without problems runs: it was never stopped, and nobody started it.
        assert isinstance(reading, Present), address
        assert reading.problems == (), address
    # The same add-on, at the same address of its server, whatever else is asked of it.
    database = {"service": "postgres", "plan": "standard-0", "version": "18"}
    renamed = bench.update("addon.store/DATABASE", database)
    assert renamed.outputs["id"] == done["addon"].outputs["id"]
    assert renamed.outputs["url"].reveal() == done["addon"].outputs["url"].reveal()
    release = bench.update("release.store", {**bench.release_attributes(done), "command": "true"})
    assert release.outputs["version"] == 2
    bench.update("formation.store", bench.formation_attributes(release))

    # Its old name is free again, and another app that takes it is another app.
    other = bench.make_app()
    assert other["app"].outputs["url"] != app.outputs["url"]
    assert other["release"].outputs["version"] == 1
    assert all(isinstance(item, Present) and item.problems == () for item in bench.read().values())
    bench.delete("domain.store/www.example.com")
    bench.remove_app("store")
    assert all(isinstance(item, Present) and item.problems == () for item in bench.read().values())
    bench.remove_app("shop")
    gone = [(address, "i1") for app in ("shop", "store") for address in parts_of(app)]
    assert all(isinstance(item, Absent) for item in bench.read(*gone).values())


def test_a_renaming_that_was_killed_between_is_made_good_by_the_same_step(bench: Bench):
    bench.make_app()
    for old, new in zip(parts_of("shop"), parts_of("store"), strict=True):
        before = bench.records[ResourceAddress.parse(old)]
        bench.rename(old, new)
        # Its result was never recorded: it is asked for once more, by what the state still says.
        bench.records[before.address] = before
        bench.rename(old, new)
    bench.update("app.store", {"name": "store"})
    assert all(isinstance(item, Present) and item.problems == () for item in bench.read().values())
    bench.remove_app("store")
