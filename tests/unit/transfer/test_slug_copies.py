"""A slug is built once and sent: whole or not at all, and whatever stands in the way is told and no failure."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.plan import Operation
from declarative_paas.core.provider import Done, ErrorKind, ProviderError, StepContext, StepRequest
from declarative_paas.core.slugs import SlugStock
from declarative_paas.providers.local.slug_stock import LocalSlugStock
from declarative_paas.providers.slugs.stack import Stack
from declarative_paas.providers.slugs.store import Slug, SlugStore
from declarative_paas.transfer.slug_copies import SlugCopies

CONTENT = b"an archive " * 100_000
SLUG = "0123456789abcdef"


def stock(directory: Path, version: str = "3.11") -> LocalSlugStock:
    directory.mkdir(exist_ok=True)
    stack = Stack(path="/bin", python="/usr/bin/python3", directory=directory, user=None, versions={"python3": version})
    return LocalSlugStock(SlugStore(directory), stack)


@pytest.fixture
def us(tmp_path: Path) -> LocalSlugStock:
    """A region that has the slug."""
    found = stock(tmp_path / "us")
    store = found._store
    store.archive_path(SLUG).write_bytes(CONTENT)
    store.add(
        Slug(
            id=SLUG,
            archive=store.archive_path(SLUG),
            archive_digest=hashlib.sha256(CONTENT).hexdigest(),
            size_bytes=len(CONTENT),
            process_types={"web": "serve"},
            runtime_env={"PATH": "{app}/bin:$PATH"},
        )
    )
    return found


@pytest.fixture
def eu(tmp_path: Path) -> LocalSlugStock:
    return stock(tmp_path / "eu")


def ship(regions: dict[str, SlugStock], told: list[str], *, cancelled: bool = False) -> Done:
    def find(region: str) -> SlugStock:
        if region not in regions:
            raise ProviderError(ErrorKind.UNAVAILABLE, f"{region} cannot be reached")
        return regions[region]

    between = {"from": {"app": "shop", "region": "us"}, "to": {"app": "shop-eu", "region": "eu"}}
    request = StepRequest(
        scope=Scope("acme"),
        step_id="1",
        key="k",
        operation=Operation.CREATE,
        address=ResourceAddress("slug_copy", "shop-eu"),
        instance="i",
        attributes={"slug": SLUG, "between": between},
    )
    done = SlugCopies(find=find).begin(request, StepContext(report=told.append, cancelled=lambda: cancelled))
    assert isinstance(done, Done)
    return done


def test_a_slug_arrives_with_its_bytes_and_all_that_is_known_of_it(us: LocalSlugStock, eu: LocalSlugStock) -> None:
    told: list[str] = []
    assert ship({"us": us, "eu": eu}, told).outputs["shipped"] is True
    assert eu.label(SLUG) == us.label(SLUG)
    slug = eu._store.get(SLUG)
    assert slug is not None
    assert eu._store.is_intact(slug)
    assert dict(slug.runtime_env) == {"PATH": "{app}/bin:$PATH"}
    assert any("sending slug 01234567 (1.0 MB) from us to eu" in line for line in told)


def test_a_slug_that_is_there_is_not_sent_again(us: LocalSlugStock, eu: LocalSlugStock) -> None:
    ship({"us": us, "eu": eu}, [])
    us._store.archive_path(SLUG).write_bytes(b"")
    told: list[str] = []
    assert ship({"us": us, "eu": eu}, told).outputs["shipped"] is True
    assert not any("sending" in line for line in told)


def without(region: str, us: LocalSlugStock, eu: LocalSlugStock, tmp_path: Path) -> tuple[dict[str, SlugStock], str]:
    match region:
        case "another stack":
            return {"us": us, "eu": stock(tmp_path / "other", "3.12")}, "eu cannot run"
        case "no source":
            return {"eu": eu}, "us cannot be reached"
        case "no target":
            return {"us": us}, "eu cannot be reached"
        case _:
            us._store.remove(SLUG)
            return {"us": us, "eu": eu}, "us has it no more"


@pytest.mark.parametrize("what", ["another stack", "no source", "no target", "no slug"])
def test_what_stands_in_the_way_is_told_and_leaves_it_to_be_built(
    what: str, us: LocalSlugStock, eu: LocalSlugStock, tmp_path: Path
) -> None:
    regions, why = without(what, us, eu, tmp_path)
    told: list[str] = []
    outputs = ship(regions, told).outputs
    assert outputs["shipped"] is False
    assert why in outputs["why_not"]
    assert any("will be built again in eu" in line for line in told)
    assert eu._store.ids() == set()


class Damaged:
    """A region whose archive is not what its label says: bytes were lost or changed on the way."""

    def __init__(self, stock: LocalSlugStock, content: bytes) -> None:
        self._stock = stock
        self._content = content

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stock, name)

    def export(self, slug_id: str) -> io.BytesIO:
        return io.BytesIO(self._content)


@pytest.mark.parametrize("content", [CONTENT[:-1], CONTENT[:-1] + b"!", CONTENT + b" ", b""])
def test_what_did_not_arrive_whole_counts_for_nothing_and_leaves_nothing(
    us: LocalSlugStock, eu: LocalSlugStock, content: bytes
) -> None:
    outputs = ship({"us": Damaged(us, content), "eu": eu}, []).outputs  # type: ignore[dict-item]
    assert "did not arrive as it was sent" in outputs["why_not"]
    assert left(eu) == []


def test_a_step_that_is_to_end_ends_and_leaves_nothing(us: LocalSlugStock, eu: LocalSlugStock) -> None:
    with pytest.raises(ProviderError) as stopped:
        ship({"us": us, "eu": eu}, [], cancelled=True)
    assert stopped.value.kind is ErrorKind.CANCELLED
    assert left(eu) == []


def left(eu: LocalSlugStock) -> Sequence[str]:
    return sorted(path.name for path in eu._store.directory.iterdir())
