"""Every format of a preview, by name: one redacted model in, one text out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final

from declarative_paas.preview.model import Preview


class Format(StrEnum):
    """`--format`."""

    TEXT = "text"
    MARKDOWN = "markdown"
    HTML = "html"
    JSON = "json"
    SARIF = "sarif"
    JUNIT = "junit"
    GITLAB = "gitlab"


SUFFIXES: Final[Mapping[str, Format]] = {
    ".txt": Format.TEXT,
    ".md": Format.MARKDOWN,
    ".html": Format.HTML,
    ".htm": Format.HTML,
    ".json": Format.JSON,
    ".sarif": Format.SARIF,
    ".xml": Format.JUNIT,
}
"""What a file's name asks for, where no format is named. GitLab's report is JSON too, so it must be named."""


def rendered(preview: Preview, form: Format) -> str:
    """The whole preview, ending in a line break. The same preview gives the same text."""
    return _RENDERERS[form](preview)


def _text(preview: Preview) -> str:
    from declarative_paas.preview.text_review import render_text_review

    return render_text_review(preview)


def _markdown(preview: Preview) -> str:
    from declarative_paas.preview.markdown import render_markdown

    return render_markdown(preview)


def _html(preview: Preview) -> str:
    from declarative_paas.preview.html import render_html

    return render_html(preview)


def _json(preview: Preview) -> str:
    from declarative_paas.preview.json_view import preview_view

    return json.dumps(preview_view(preview), indent=2) + "\n"


def _sarif(preview: Preview) -> str:
    from declarative_paas.preview.sarif import sarif_view

    return json.dumps(sarif_view(preview), indent=2) + "\n"


def _junit(preview: Preview) -> str:
    from declarative_paas.preview.junit import render_junit

    return render_junit(preview)


def _gitlab(preview: Preview) -> str:
    from declarative_paas.preview.gitlab import gitlab_view

    return json.dumps(gitlab_view(preview)) + "\n"


_RENDERERS: Final[Mapping[Format, Callable[[Preview], str]]] = {
    Format.TEXT: _text,
    Format.MARKDOWN: _markdown,
    Format.HTML: _html,
    Format.JSON: _json,
    Format.SARIF: _sarif,
    Format.JUNIT: _junit,
    Format.GITLAB: _gitlab,
}
