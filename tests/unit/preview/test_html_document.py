"""The HTML preview as a document: whole, self-contained, escaped; `tests/e2e/browser` opens it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest
from hostile_plan import hostile_preview
from hypothesis import given, settings
from injections import INJECTIONS
from large_plan import large_plan
from preview_case import plans

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.plan import Action, Change, Plan
from declarative_paas.preview.html import render_html
from declarative_paas.preview.model import Origin
from declarative_paas.preview.review import Known, review, review_failure
from declarative_paas.preview.values import printable

VOID = {"meta", "input", "br", "link", "img", "base"}
ALLOWED = set(
    re.findall(
        r"\w+",
        "html head meta title style body header main footer section article details summary form label input select "
        "option button table thead tbody tr th td ul li dl dt dd p h1 h2 h3 h4 pre code strong em span a div svg "
        "script noscript",
    )
)


class Page(HTMLParser):
    """Every tag, its attributes, and the text of the document; an element that is not closed is an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.inside: dict[str, list[str]] = {}
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)
        if self.open:
            self.inside.setdefault(self.open[-1], []).append(data)


def check_safe(text: str) -> Page:
    page = Page(text)
    assert {tag for tag, _ in page.tags} <= ALLOWED
    for tag, attributes in page.tags:
        assert not {name for name in attributes if name.startswith("on") or name in ("style", "srcdoc", "formaction")}
        assert "src" not in attributes
        assert tag != "a" or re.match(r"#|https://git\.example\.com/", attributes["href"] or "")
    assert sum(tag == "script" for tag, _ in page.tags) == 2
    style = "".join(page.inside["style"])
    assert "url(" not in style
    assert "@import" not in style
    return page


@pytest.mark.parametrize("text", INJECTIONS)
def test_what_is_written_into_names_and_values_stays_text(text):
    document = render_html(hostile_preview(text))
    document.encode("utf-8", errors="strict")
    page = check_safe(document)
    assert printable(text) in "".join(page.text)


@settings(max_examples=40, deadline=None)
@given(plans())
def test_any_plan_makes_a_whole_and_safe_document(plan):
    page = check_safe(render_html(review(plan)))
    keys = [attributes["data-key"] for _, attributes in page.tags if attributes.get("class") == "change"]
    assert len(keys) == len(plan.changes)
    assert len({attributes["id"] for _, attributes in page.tags if "id" in attributes}) == sum(
        "id" in attributes for _, attributes in page.tags
    )


def test_the_policy_names_the_digests_of_the_page_s_own_style_and_script_and_nothing_else():
    text = render_html(review(large_plan(10)))
    [policy] = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]+)"', text)
    style = re.search(r"<style>(.*?)</style>", text, re.S)
    script = re.search(r"<script>(.*?)</script>", text, re.S)
    assert style is not None
    assert script is not None
    digests = [
        f"'sha256-{base64.b64encode(hashlib.sha256(part[1].encode()).digest()).decode()}'" for part in (style, script)
    ]
    assert policy == (
        f"default-src 'none'; style-src {digests[0]}; script-src {digests[1]}; base-uri 'none'; form-action 'none'"
    )


def graph_of(text: str) -> dict:
    [data] = re.findall(r'<script type="application/json" id="graph-data">(.*?)</script>', text, re.S)
    return json.loads(data)


def test_a_large_plan_is_drawn_by_app_and_never_all_at_once():
    views = graph_of(render_html(review(large_plan(2_000))))
    assert len(views) == 401
    assert len(views[""]["nodes"]) == 400
    assert all(len(view["nodes"]) <= 8 for key, view in views.items() if key)


def test_a_small_plan_can_be_drawn_whole_and_an_app_of_too_many_resources_by_type():
    assert len(graph_of(render_html(review(large_plan(20))))["*"]["nodes"]) == 20
    changes = tuple(
        Change(
            address=ResourceAddress("domain", "shop", f"h{number}.example.com"),
            action=Action.CREATE,
            region="us",
            instance="i",
            after={},
            dependencies=(ResourceAddress("app", "shop"),),
        )
        for number in range(500)
    )
    app = Change(
        address=ResourceAddress("app", "shop"), action=Action.UPDATE, region="us", instance="i", before={}, after={}
    )
    plan = Plan(scope=Scope("acme"), lineage="", serial=0, tool_version="1", catalog_digest="", changes=(app, *changes))
    view = graph_of(render_html(review(plan)))["shop"]
    assert [node[0] for node in view["nodes"]] == ["create domain (500)", "update app (1)"]
    assert [edge[:2] for edge in view["edges"]] == [[0, 1]]


def test_links_to_lines_are_made_only_to_web_addresses():
    plan = large_plan(10)
    linked = render_html(review(plan, Known(origin=Origin(link_base="https://git.example.com/acme"))))
    assert 'href="https://git.example.com/acme/apps/app-00000.yaml#L1"' in linked
    assert "javascript:" not in render_html(review(plan, Known(origin=Origin(link_base="javascript:alert(1)//"))))


def test_a_plan_that_could_not_be_made_is_a_document_too():
    page = check_safe(render_html(review_failure([], Scope("acme"))))
    assert "No plan: 0 errors." in page.text


def test_the_same_plan_gives_the_same_document():
    assert render_html(review(large_plan(50))) == render_html(review(large_plan(50)))
