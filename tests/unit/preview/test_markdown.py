"""A plan as a comment: small whatever the plan's size, inert whatever is written in it, and never silent on a loss."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hostile_plan import hostile_diagnostics, hostile_preview
from hypothesis import given, settings
from hypothesis import strategies as st
from injections import INJECTIONS
from large_plan import large_plan
from markdown_it import MarkdownIt
from markdown_it.token import Token
from preview_case import MARKER, plans, scalars

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.diagnostic import Position, error
from declarative_paas.core.plan import Action, Change, Plan, Risk, RiskKind
from declarative_paas.core.values import SecretRef, Sensitive
from declarative_paas.preview.markdown import LIMIT, render_markdown
from declarative_paas.preview.markdown_text import cell, code, marker, prose
from declarative_paas.preview.model import Origin
from declarative_paas.preview.review import Known, review, review_failure

PARSER = MarkdownIt("commonmark", {"html": True}).enable("table")
LIVE = re.compile(r"@\w|#\d|!\d|://|www\.|:\w+:|[0-9a-f]{7,}|<|>|\$[^\d]|\]\(|\w@\w")
"""What the forges make something of in plain text, also where Markdown does not."""

CODE = re.compile(r"<code>[^<>]*</code>")
OURS = re.compile(r"</?(details|summary|code|sub)>|<!-- dpaas preview: [\w./-]+ -->")


def pieces(text: str) -> tuple[list[str], list[str], list[str]]:
    """Plain text, raw HTML and links of a document, as a forge's parser sees them."""
    plain: list[str] = []
    html: list[str] = []
    links: list[str] = []

    def walk(tokens: list[Token]) -> None:
        for token in tokens:
            if token.type == "inline":
                walk(token.children or [])
            elif token.type == "text":
                plain.append(token.content)
            elif token.type in ("html_inline", "html_block"):
                html.append(token.content)
            elif token.type in ("link_open", "image"):
                links.append(str(token.attrs.get("href") or token.attrs.get("src")))

    walk(PARSER.parse(text))
    return plain, html, links


def check_inert(text: str) -> None:
    plain, html, links = pieces(text)
    assert links == []
    assert [one for one in plain if LIVE.search(one.replace("[!CAUTION]", ""))] == []
    for one in html:
        # Within our own <code> everything is an entity; our own tags away, nothing is left that could be one.
        assert LIVE.search(OURS.sub("", CODE.sub("", one))) is None
    assert sum(one.count("<details>") for one in html) == sum(one.count("</details>") for one in html)
    assert all(line.isprintable() for line in text.split("\n"))
    assert [line for line in text.splitlines() if re.match(r"\s*/\w|::|##\[|atlantis|@", line)] == []


@pytest.mark.parametrize("text", INJECTIONS)
def test_what_is_written_into_names_and_values_stays_text(text):
    check_inert(render_markdown(hostile_preview(text)))


@pytest.mark.parametrize("text", INJECTIONS)
def test_a_failure_s_diagnostics_stay_text_too(text):
    shown = render_markdown(review_failure(hostile_diagnostics(text), Scope(text)))
    check_inert(shown)
    assert "No plan: 1 error." in shown


def test_there_are_injections_of_every_kind():
    assert len(set(INJECTIONS)) >= 50


@settings(max_examples=40, deadline=None)
@given(plans())
def test_any_plan_is_small_and_inert(plan):
    shown = render_markdown(review(plan))
    assert len(shown.encode()) < LIMIT
    check_inert(shown)


@settings(max_examples=20, deadline=None)
@given(plans(leaf=scalars | st.just(Sensitive(MARKER, SecretRef("shop/key", 1, "d")))))
def test_no_secret_value_is_shown(plan):
    assert MARKER not in render_markdown(review(plan))


@pytest.mark.parametrize("text", INJECTIONS)
def test_a_code_span_holds_exactly_the_text(text):
    [paragraph] = [token for token in PARSER.parse(f"a {code(text)} b") if token.type == "inline"]
    kinds = [child.type for child in paragraph.children or []]
    assert kinds in (["text", "code_inline", "text"], ["text"])


def test_a_cell_never_ends_early():
    row = f"| {cell('a|b')} | {cell('a|b`|`')} |"
    [body] = [token for token in PARSER.parse(f"| x | y |\n|---|---|\n{row}\n") if token.type == "tbody_open"]
    assert body
    cells = [token for token in PARSER.parse(f"| x | y |\n|---|---|\n{row}\n") if token.type == "td_open"]
    assert len(cells) == 2


def test_our_own_sentences_stay_readable():
    assert prose("region changed us -> eu: forces replacement") == "region changed us → eu: forces replacement"
    assert prose("kept, until `dpaas move finish shop`") == "kept, until `dpaas move finish shop`"
    assert prose("web.2 is crashed: exit status 137") == "`web.2` is crashed: exit status 137"


def test_the_marker_is_one_a_platform_environment_and_stack_and_cannot_be_left():
    assert marker("acme/production/main") == "<!-- dpaas preview: acme/production/main -->"
    assert marker("a --> <b>") == "<!-- dpaas preview: a-b -->"
    assert render_markdown(review(large_plan(10))).startswith("<!-- dpaas preview: acme/production/main -->\n")


@pytest.mark.parametrize("changes", [10, 400, 1_000, 5_000])
@pytest.mark.parametrize("long_values", [False, True])
def test_a_comment_never_grows_over_its_limit_and_tells_what_it_leaves_out(changes, long_values):
    plan = large_plan(changes, long_values=long_values)
    shown = render_markdown(review(plan))
    assert len(shown.encode()) < LIMIT
    for count, verb in ((plan.count(action), action.value) for action in (Action.CREATE, Action.DELETE)):
        assert count == 0 or f"{count} to {verb}" in shown
    if changes > 10:
        assert f"#### Deleted: {plan.count(Action.DELETE)}, Replaced: {plan.count(Action.REPLACE)}" in shown
    if changes >= 1_000:
        assert re.search(r"\d+ more deleted, \d+ more replaced, which do not fit here", shown)
        assert re.search(r"\d+ apps do not fit here", shown)


def test_every_deletion_replacement_risk_and_error_is_shown_or_counted():
    plan = large_plan(5_000)
    errors = [error("unconfirmed-data-loss", f"delete of slug.app-{n:05} destroys its data") for n in range(400)]
    shown = render_markdown(review(plan, Known(diagnostics=errors)))
    listed = len(re.findall(r"^- `(?:-|-/\+) ", _part(shown, "#### Deleted"), re.M))
    found = re.search(r"(\d+) more deleted, (\d+) more replaced", shown)
    assert found is not None
    assert listed + int(found[1]) + int(found[2]) == plan.count(Action.DELETE, Action.REPLACE)
    listed = len(re.findall(r"^- \*\*error\*\*", shown, re.M))
    more = re.search(r"and (\d+) more that do not fit here\*\*: `unconfirmed-data-loss` (\d+) times", shown)
    assert more is not None
    assert listed + int(more[1]) == 400
    for kind in (RiskKind.DATA_LOSS, RiskKind.REGION_MOVE):
        concerned = sum(risk.kind is kind for change in plan.changes for risk in change.risks)
        assert f"> - **{kind.value.upper()}** ({concerned} resources" in shown


def test_dangers_that_are_all_different_are_shown_or_counted():
    plan = large_plan(5_000)
    kinds = (RiskKind.DATA_LOSS, RiskKind.DOWNTIME)
    changes = [
        replace(change, risks=(Risk(kinds[number % 2], f"the one thing called x{number}y is lost"),))
        for number, change in enumerate(plan.changes[:1_000])
    ]
    shown = render_markdown(review(replace(plan, changes=tuple(changes))))
    assert len(shown.encode()) < LIMIT
    more = re.search(r"and (\d+) more that do not fit here\*\*, in \d+ apps: (.*)", shown)
    assert more is not None
    assert shown.count("> - **DATA LOSS**") + shown.count("> - **DOWNTIME**") + int(more[1]) == 1_000
    assert more[2].endswith("downtime 500 times")


def _part(text: str, heading: str) -> str:
    start = text.index(heading)
    return text[start : text.index("\n#### ", start + 1)]


def test_detail_is_cut_from_the_least_risky_app_on():
    quiet = [
        Change(
            address=ResourceAddress("config", f"a-{n:04}"),
            action=Action.CREATE,
            region="us",
            instance="i",
            after={"vars": {"A": "x" * 200}},
        )
        for n in range(600)
    ]
    risky = Change(
        address=ResourceAddress("addon", "zebra", "DB"),
        action=Action.DELETE,
        region="us",
        instance="i",
        before={"service": "postgres", "plan": "standard-0"},
        risks=(Risk(RiskKind.DATA_LOSS, "the data of addon.zebra/DB is destroyed"),),
    )
    plan = Plan(scope=Scope("acme"), lineage="", serial=0, tool_version="1", catalog_digest="", changes=(*quiet, risky))
    shown = render_markdown(review(plan))
    assert "<code>zebra</code>" in shown
    assert "`a-0599`" not in shown
    assert shown.index("<code>zebra</code>") < shown.index("<code>a-0000</code>")


def test_a_plan_of_one_huge_app_is_shown_in_part_and_counted():
    changes = tuple(
        Change(
            address=ResourceAddress("domain", "shop", f"h{n}.example.com"),
            action=Action.CREATE,
            region="us",
            instance="i",
            after={},
        )
        for n in range(3_000)
    )
    plan = Plan(scope=Scope("acme"), lineage="", serial=0, tool_version="1", catalog_digest="", changes=changes)
    shown = render_markdown(review(plan))
    listed = shown.count("- `+ domain.shop/")
    assert listed > 100
    assert f"- and {3_000 - listed} more: {3_000 - listed} to create" in shown


def test_lines_become_links_where_it_is_known_what_can_be_read():
    plan = large_plan(10)
    known = Known(origin=Origin(base="b" * 40, head="h" * 40, link_base="https://git.example.com/acme/shop/blob/abc"))
    shown = render_markdown(review(plan, known))
    assert "[`apps/app-00000.yaml:1`](<https://git.example.com/acme/shop/blob/abc/apps/app-00000.yaml#L1>)" in shown
    assert f"base `{'b' * 40}` · head `{'h' * 40}`" in shown


def test_the_log_of_the_job_is_linked_where_it_is_a_web_address():
    def links_of(job: str) -> list[str]:
        return pieces(render_markdown(review(large_plan(5), Known(origin=Origin(job=job)))))[2]

    assert links_of("https://git.example.com/jobs/1") == ["https://git.example.com/jobs/1"]
    assert links_of("https://git.example.com/1>) [x](y") == ["https://git.example.com/1%3E%29%20%5Bx%5D%28y"]
    assert links_of("javascript:alert(1)") == []


def test_a_link_s_target_cannot_be_left():
    plan = replace(large_plan(5), targets=())
    first = replace(plan.changes[0], position=Position("a>b) [x](y).yaml", 1, 1))
    known = Known(origin=Origin(link_base="https://git.example.com"))
    _, _, links = pieces(render_markdown(review(replace(plan, changes=(first, *plan.changes[1:])), known)))
    assert "https://git.example.com/a%3Eb%29%20%5Bx%5D%28y%29.yaml#L1" in links
    assert all(link.startswith("https://git.example.com/") for link in links)


def test_the_same_plan_gives_the_same_comment_whatever_the_order_of_its_changes():
    plan = large_plan(200)
    turned = replace(plan, changes=tuple(reversed(plan.changes)))
    assert render_markdown(review(plan)) == render_markdown(review(turned))
