"""`python docs/previews/regenerate.py`: the previews and pictures that docs/preview.md shows, from examples/storefront.

The example is applied to a memory platform, changed as the document tells, and previewed in every format. Pictures
need Debian's chromium and Python's playwright; without them the old ones stay.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tests" / "architecture"))

if TYPE_CHECKING:
    from document_project import DocumentProject

EDITS = (
    "sed -i 's/standard-0/standard-2/; s/quantity: 2/quantity: 3/; /redis/d' dpaas.yaml",
    "sed -i 's/LOG_LEVEL: info/LOG_LEVEL: debug\\n    PAY: sk_live_4eC39HqLyjWDarjtT1zdp7dc/' dpaas.yaml",
)
FILES = {
    "storefront.txt": "text",
    "storefront.md": "markdown",
    "storefront.html": "html",
    "storefront.json": "json",
    "storefront.sarif": "sarif",
    "storefront.xml": "junit",
    "storefront.gitlab.json": "gitlab",
}
CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def main() -> None:
    from document_project import DocumentProject

    project = DocumentProject("storefront", "memory")
    try:
        _run(project, "dpaas apply --auto-approve")
        for edit in EDITS:
            _run(project, edit)
        for name, form in FILES.items():
            # Exit 1: the data loss is not confirmed, which is what the document shows.
            _run(project, f"dpaas preview --format {form} --out preview.out", expect=1)
            (HERE / name).write_bytes((project.directory / "preview.out").read_bytes())
    finally:
        project.close()
    _pictures()


def _run(project: DocumentProject, command: str, expect: int = 0) -> None:
    code, printed = project.run(command)
    if code != expect:
        raise SystemExit(f"{command}: exit {code}\n{printed}")


def _pictures() -> None:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        print("no pictures: playwright is not installed")
        return
    if not CHROMIUM.exists():
        print(f"no pictures: {CHROMIUM} is not there")
        return
    with sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        for name, width, height, scheme in (
            ("light", 1200, 1000, "light"),
            ("dark", 1200, 1000, "dark"),
            ("phone", 390, 844, "light"),
        ):
            page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
            page.goto((HERE / "storefront.html").as_uri())
            page.screenshot(path=HERE / f"storefront-{name}.png")
        page = browser.new_page(viewport={"width": 1200, "height": 700})
        page.goto(f"{(HERE / 'storefront.html').as_uri()}#node=release.storefront")
        page.locator("#graph").screenshot(path=HERE / "storefront-graph.png")
        browser.close()


if __name__ == "__main__":
    main()
