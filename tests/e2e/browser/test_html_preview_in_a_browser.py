"""The HTML preview as people use it: opened from a file in Chromium, by mouse, keyboard, phone and screen reader."""

from __future__ import annotations

import importlib
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from published_files import axe, lacking

from declarative_paas.core.diagnostic import warning
from declarative_paas.preview.html import render_html
from declarative_paas.preview.review import Known, review

sys.path.insert(0, str(Path(__file__).parents[2] / "unit" / "preview"))

from hostile_plan import hostile_preview
from injections import INJECTIONS
from large_plan import large_plan

playwright = importlib.import_module("playwright.sync_api")

CHROMIUM = next((path for path in map(Path, ["/usr/bin/chromium", "/usr/bin/chromium-browser"]) if path.exists()), None)
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        lacking("Debian's chromium is not installed")
    with playwright.sync_playwright() as tools:
        started = tools.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def files() -> Iterator[dict[str, Path]]:
    with tempfile.TemporaryDirectory(prefix="dpaas-page-") as name:
        known = Known(diagnostics=[warning("odd", "something is odd")])
        pages = {
            "small": render_html(review(large_plan(20), known)),
            "large": render_html(review(large_plan(2_000), known)),
            "hostile": render_html(hostile_preview("".join(INJECTIONS))),
        }
        paths = {key: Path(name) / f"{key}.html" for key in pages}
        for key, text in pages.items():
            paths[key].write_text(text, encoding="utf-8")
        yield paths


class Opened:
    """One page, with everything that it complained of or asked the network for."""

    def __init__(self, browser: Any, file: Path, hash_: str = "", **context: Any) -> None:
        self.context = browser.new_context(**{"viewport": {"width": 1200, "height": 900}, **context})
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda problem: self.complaints.append(str(problem)))
        self.page.on("dialog", lambda dialog: self.complaints.append(f"dialog {dialog.message}"))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(f"file://{file}{hash_}")

    def __enter__(self) -> Opened:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()

    def count(self) -> str:
        return str(self.page.text_content("#count"))

    def shown(self) -> int:
        return int(self.page.locator(".change:not([hidden])").count())


@pytest.mark.parametrize("name", ["small", "large", "hostile"])
def test_a_page_opens_from_a_file_without_a_complaint_and_asks_for_nothing(browser, files, name):
    with Opened(browser, files[name]) as opened:
        assert opened.page.locator("#drawing g[role=button]").count() > 0
        assert opened.complaints == []
        assert opened.requests == [f"file://{files[name]}"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 360])
def test_axe_finds_no_violation(browser, files, scheme, width):
    script = axe()
    with Opened(browser, files["small"], viewport={"width": width, "height": 800}, color_scheme=scheme) as opened:
        opened.page.evaluate(f"{script};0")
        result = opened.page.evaluate("axe.run(document)")
        assert [(one["id"], one["nodes"][0]["html"]) for one in result["violations"]] == []
        assert len(result["passes"]) > 30


def test_axe_sees_a_mistake(browser, files):
    script = axe()
    with Opened(browser, files["small"]) as opened:
        opened.page.evaluate("document.querySelector('label[for=q]').remove()")
        opened.page.evaluate(f"{script};0")
        result = opened.page.evaluate("axe.run(document)")
        assert "label" in [one["id"] for one in result["violations"]]


def test_filters_and_search_leave_what_was_asked_for(browser, files):
    plan = large_plan(2_000)
    with Opened(browser, files["large"]) as opened:
        page = opened.page
        assert opened.count() == "Showing all 2000 changes."
        page.select_option("#action", "delete")
        assert opened.count() == "Showing 500 of 2000 changes."
        page.select_option("#risk", "data loss")
        assert opened.shown() == 100
        page.select_option("#risk", "")
        page.select_option("#action", "")
        page.select_option("#region", "us")
        us = sum("us" in (change.region, change.prior_region) for change in plan.changes)
        assert opened.count() == f"Showing {us} of 2000 changes."
        page.select_option("#region", "")
        page.fill("#q", "formation.app-00007")
        assert opened.count() == "Showing 1 of 2000 changes."
        assert page.locator("details.app:not([hidden])").count() == 1
        assert page.locator(".change:not([hidden]) h4").first.is_visible()
        page.click("#clear")
        assert opened.count() == "Showing all 2000 changes."
        page.select_option("#app", "app-00042")
        assert opened.shown() == 5
        assert opened.complaints == []


def test_the_page_s_address_holds_its_state(browser, files):
    with Opened(browser, files["large"]) as opened:
        opened.page.fill("#q", "formation.app")
        opened.page.select_option("#action", "update")
        opened.page.select_option("#view", "app-00001")
        count, hash_ = opened.count(), opened.page.evaluate("location.hash")
    assert {"q=formation.app", "action=update", "view=app-00001"} <= set(hash_.lstrip("#").split("&"))
    with Opened(browser, files["large"], hash_) as again:
        assert again.count() == count == "Showing 100 of 2000 changes."
        assert again.page.input_value("#q") == "formation.app"
        assert again.page.input_value("#view") == "app-00001"


def box_of_the_view(page: Any) -> list[float]:
    return [float(part) for part in page.get_attribute("#drawing", "viewBox").split()]


def test_the_graph_opens_an_app_zooms_moves_and_goes_back(browser, files):
    with Opened(browser, files["large"]) as opened:
        page = opened.page
        assert page.locator("#drawing g[role=button]").count() == 400
        page.locator("#drawing g[role=button]", has_text="app-00000 (5)").first.click()
        assert page.input_value("#view") == "app-00000"
        assert page.locator("#drawing g[role=button]").count() <= 8
        before = box_of_the_view(page)
        page.click("#zoom-in")
        assert box_of_the_view(page)[2] < before[2]
        page.click("#zoom-fit")
        fitted = box_of_the_view(page)
        place = page.locator("#drawing").bounding_box()
        page.mouse.move(place["x"] + 20, place["y"] + 20)
        page.mouse.down()
        page.mouse.move(place["x"] + 120, place["y"] + 60)
        page.mouse.up()
        moved = box_of_the_view(page)
        assert moved[0] < fitted[0]
        assert moved[1] < fitted[1]
        page.click("#all-apps")
        assert page.locator("#drawing g[role=button]").count() == 400
        assert opened.complaints == []


def test_a_box_of_the_graph_tells_its_neighbours_and_leads_to_its_change(browser, files):
    with Opened(browser, files["large"], "#view=app-00001") as opened:
        page = opened.page
        page.locator("#drawing g[role=button]", has_text="config.app-00001").first.click()
        told = page.text_content("#node")
        assert told == "config.app-00001: update. Needs app.app-00001. Needed by slug.app-00001."
        assert page.locator("#drawing .far").count() > 0
        page.click("#to-change")
        target = page.locator(".change.shown")
        assert target.get_attribute("data-key") == "config.app-00001"
        assert target.is_visible()
        assert page.evaluate("document.activeElement.dataset.key") == "config.app-00001"


def test_the_search_marks_boxes_of_the_graph(browser, files):
    with Opened(browser, files["small"], "#view=*") as opened:
        opened.page.fill("#q", "formation.app-00002")
        assert opened.page.locator("#drawing .found").count() == 1


def test_everything_can_be_done_with_the_keyboard(browser, files):
    with Opened(browser, files["small"]) as opened:
        page = opened.page
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the changes"
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.id") == "q"
        page.keyboard.type("formation.app-00003")
        assert opened.count() == "Showing 1 of 20 changes."
        page.focus("#drawing g[role=button][tabindex='0']")
        first = page.evaluate("document.activeElement.getAttribute('aria-label')")
        page.keyboard.press("ArrowRight")
        assert page.evaluate("document.activeElement.getAttribute('aria-label')") != first
        page.keyboard.press("Enter")
        assert re.fullmatch(r"app-0000\d", page.input_value("#view"))
        page.focus("#drawing g[role=button][tabindex='0']")
        page.keyboard.press("Enter")
        assert page.locator("#drawing .picked").count() == 1
        before = box_of_the_view(page)
        page.keyboard.press("+")
        assert box_of_the_view(page)[2] < before[2]
        page.keyboard.press("Escape")
        assert page.locator("#drawing .picked").count() == 0


def test_a_phone_s_width_needs_no_scrolling_sideways(browser, files):
    for name in ("small", "large", "hostile"):
        with Opened(browser, files[name], viewport={"width": 360, "height": 700}) as opened:
            opened.page.evaluate("for (const app of document.querySelectorAll('details.app')) app.open = true")
            assert opened.page.evaluate("document.documentElement.scrollWidth") <= 360


def test_dark_and_light_are_different_pages(browser, files):
    colours = set()
    for scheme in ("light", "dark"):
        with Opened(browser, files["small"], color_scheme=scheme) as opened:
            colours.add(opened.page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(colours) == 2


def test_print_shows_every_change_and_no_controls(browser, files):
    with Opened(browser, files["large"]) as opened:
        page = opened.page
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        page.emulate_media(media="print")
        assert not page.locator("#filters").is_visible()
        assert not page.locator("#graph").is_visible()
        assert page.locator("details.app:not([open])").count() == 0


def test_without_its_script_the_page_tells_all_there_is(browser, files):
    with Opened(browser, files["small"], java_script_enabled=False) as opened:
        assert opened.page.locator(".change").count() == 20
        assert opened.page.locator(".change h4").first.is_visible()
        assert not opened.page.locator("#filters").is_visible()
        assert "need JavaScript" in str(opened.page.text_content("noscript"))


def test_what_a_manifest_smuggles_in_does_not_run_even_unescaped(browser, files):
    text = files["small"].read_text(encoding="utf-8")
    smuggled = text.replace("</main>", "<script>document.title = 'run'</script><img src=x onerror=\"alert(1)\"></main>")
    file = files["small"].with_name("smuggled.html")
    file.write_text(smuggled, encoding="utf-8")
    with Opened(browser, file) as opened:
        assert opened.page.title() != "run"
        assert any("Content Security Policy" in complaint for complaint in opened.complaints)
        assert not any(complaint.startswith("dialog") for complaint in opened.complaints)
