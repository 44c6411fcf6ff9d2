"""What a reviewer reads of a fork: sizes and times in words, the way it goes, what it does not get."""

from __future__ import annotations

from dataclasses import replace

import pytest

from declarative_paas.core.address import Scope
from declarative_paas.core.fork_review import DataFate, ForkedAddon, ForkReview
from declarative_paas.core.plan import Plan
from declarative_paas.preview.forks import fork_lines, fork_markdown
from declarative_paas.preview.html import render_html
from declarative_paas.preview.review import review
from declarative_paas.preview.text import render_text

FORK = ForkReview(
    fork="shop-eu",
    source="shop",
    from_region="us",
    to_region="eu",
    from_jurisdiction="US",
    to_jurisdiction="EU",
    addons=(ForkedAddon(alias="DATABASE", plan="postgres:standard-0", fate=DataFate.COPIED, remark="at 20 MB/s"),),
    slug="built in eu",
    common=("shop/KEY (generated)",),
    left_behind=("domain www.example.com: it is the source's",),
    price_cents=14_000,
)


def plan(*forks: ForkReview) -> Plan:
    return Plan(scope=Scope("acme"), lineage="l", serial=1, tool_version="1", catalog_digest="c", forks=forks)


def told(fork: ForkReview) -> str:
    return "\n".join(fork_lines(plan(fork)))


def test_a_plan_without_forks_says_nothing_of_them() -> None:
    assert list(fork_lines(plan())) == list(fork_markdown(plan())) == []
    assert "Forks" not in render_text(plan(), colour=False)


def test_the_whole_text_has_the_section_before_the_changes() -> None:
    assert "Forks:\n    shop-eu, of shop: us -> eu, jurisdiction US -> EU\n" in render_text(plan(FORK), colour=False)
    assert review(plan(FORK)).plan.forks == (FORK,)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "us -> eu, jurisdiction US -> EU"),
        ({"to_jurisdiction": None}, "jurisdiction US -> undeclared"),
        ({"to_jurisdiction": "US"}, "shop-eu, of shop: us -> eu\n"),
        ({"to_region": "us", "to_jurisdiction": "US"}, "in us, beside it"),
        ({"price_cents": 0}, "price: $0"),
    ],
)
def test_the_way_is_told(change: dict[str, object], words: str) -> None:
    assert words in told(replace(FORK, **change))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("size", "seconds", "words"),
    [
        (512, 0.1, "copied, 0 kB now, under 5 s"),
        (3 * 2**20, 4.9, "copied, 3.0 MB now, under 5 s"),
        (5 * 2**30 // 2, 89.0, "copied, 2.5 GB now, about 89 s"),
        (2**30, 600.0, "about 10 min"),
        (2**40, 7200.0, "1024.0 GB now, about 2.0 h"),
    ],
)
def test_size_and_time_are_told_in_words(size: int, seconds: float, words: str) -> None:
    addon = replace(FORK.addons[0], size_bytes=size, seconds=seconds)
    assert words in told(replace(FORK, addons=(addon,)))


@pytest.mark.parametrize("fate", DataFate)
def test_what_becomes_of_each_add_on_is_told(fate: DataFate) -> None:
    line = told(replace(FORK, addons=(ForkedAddon(alias="REDIS", plan="", fate=fate, remark="so it is"),)))
    assert "REDIS: " in line
    assert "so it is" in line


def test_the_page_has_the_section_too() -> None:
    page = render_html(review(plan(FORK)))
    assert "<h2>Forks</h2>" in page
    assert "<li>not taken over: domain www.example.com: it is the source&#x27;s</li>" in page


def test_forks_that_do_not_fit_a_comment_are_counted() -> None:
    many = [replace(FORK, fork=f"shop-{number}") for number in range(200)]
    markdown = "\n".join(fork_markdown(plan(*many)))
    assert len(markdown.encode()) < 5_000
    assert "more forks that do not fit here" in markdown
