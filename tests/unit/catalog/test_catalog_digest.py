"""The catalog's digest: the same for the same offer, another for any other."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from declarative_paas.catalog.canonical import as_data
from declarative_paas.catalog.extension import NOTHING, extended
from declarative_paas.catalog.load import packaged


def test_the_digest_does_not_depend_on_the_process() -> None:
    script = "from declarative_paas.catalog.load import packaged; print(packaged().digest)"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={"PYTHONHASHSEED": "7", "PYTHONPATH": ":".join(sys.path)},
    )
    assert done.stdout.strip() == packaged().digest


def test_a_catalog_written_as_data_reads_back_as_itself() -> None:
    catalog, problems = extended(NOTHING, as_data(packaged()))
    assert problems == []
    assert catalog == packaged()
    assert catalog.digest == packaged().digest


@given(st.randoms(use_true_random=False))
def test_the_order_of_declaration_does_not_matter(order: random.Random) -> None:
    catalog, problems = extended(NOTHING, _shuffled(as_data(packaged()), order))
    assert problems == []
    assert catalog.digest == packaged().digest


@pytest.mark.parametrize(
    "extension",
    [
        {"limits": {"dynos_per_app": 99}},
        {"regions": {"us": {"jurisdiction": "CA"}}},
        {"regions": {"mars": {"jurisdiction": "UN"}}},
        {"services": {"redis": {"default_version": "8"}}},
        {"services": {"redis": {"aliases": []}}},
        {"services": {"redis": {"plans": {"mini": {"regions": ["us"]}}}}},
        {"services": {"redis": {"plans": {"mini": {"persistent": True}}}}},
        {"services": {"redis": {"plans": {"mini": {"storage_gb": 1}}}}},
    ],
)
def test_any_other_offer_has_another_digest(extension: dict[str, Any]) -> None:
    catalog, problems = extended(packaged(), extension)
    assert problems == []
    assert catalog.digest != packaged().digest


@given(name=st.sampled_from(packaged().size_names()), cents=st.integers(0, 10**6))
def test_the_digest_changes_exactly_when_a_price_does(name: str, cents: int) -> None:
    size = packaged().sizes[name]
    catalog = replace(packaged(), sizes={**packaged().sizes, name: replace(size, price_monthly_cents=cents)})
    assert (catalog.digest == packaged().digest) is (cents == size.price_monthly_cents)


def test_a_catalog_cannot_be_changed_in_place() -> None:
    with pytest.raises(TypeError):
        packaged().sizes["eco"] = packaged().sizes["basic"]  # type: ignore[index]  # pyright: ignore[reportIndexIssue]


def _shuffled(data: Any, order: random.Random) -> Any:
    if not isinstance(data, dict):
        return data
    return dict(_in_order(cast("dict[str, Any]", data), order))


def _in_order(data: dict[str, Any], order: random.Random) -> Iterator[tuple[str, Any]]:
    keys = list(data)
    order.shuffle(keys)
    for key in keys:
        yield key, _shuffled(data[key], order)
