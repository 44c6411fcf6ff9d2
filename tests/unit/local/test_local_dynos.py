from __future__ import annotations

import pytest

from declarative_paas.catalog.load import packaged
from declarative_paas.core.provider import ErrorKind, ProviderError
from declarative_paas.providers.hosting.dynos import wanted_dynos

WEB = {"command": "serve", "size": "standard-1x", "quantity": 2, "health": "/up"}
WORKER = {"command": "work", "size": "standard-2x", "quantity": 1, "health": None}


def dynos(release: int = 3, place: str = "here", **processes):
    return wanted_dynos(place, "shop", release, processes, packaged())


def test_web_dynos_come_first_and_are_numbered_from_one():
    assert [dyno.name for dyno in dynos(clock=WORKER, web=WEB, worker=WORKER)] == [
        "web.1",
        "web.2",
        "clock.1",
        "worker.1",
    ]


def test_the_same_dyno_has_the_same_id_whatever_the_quantity():
    two, three = dynos(web=WEB), dynos(web={**WEB, "quantity": 3})
    assert [dyno.id for dyno in two] == [dyno.id for dyno in three][:2]


@pytest.mark.parametrize("change", [{"command": "other"}, {"size": "standard-2x"}])
def test_another_command_or_size_is_another_dyno(change):
    assert dynos(web=WEB)[0].id != dynos(web={**WEB, **change})[0].id


def test_another_release_is_another_dyno():
    assert dynos(release=3, web=WEB)[0].id != dynos(release=4, web=WEB)[0].id


def test_a_health_path_alone_restarts_nothing():
    assert dynos(web=WEB)[0].id == dynos(web={**WEB, "health": "/other"})[0].id


def test_an_unknown_size_is_refused():
    with pytest.raises(ProviderError) as refused:
        dynos(web={**WEB, "size": "colossal"})
    assert refused.value.kind is ErrorKind.INVALID


def test_the_same_app_on_another_platform_has_dynos_of_its_own():
    here, there = dynos(place="here", web=WEB), dynos(place="there", web=WEB)
    assert not {dyno.id for dyno in here} & {dyno.id for dyno in there}
