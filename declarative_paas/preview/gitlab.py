"""GitLab's `artifacts:reports:terraform`: three counts, shown in the merge request's widget."""

from __future__ import annotations

from declarative_paas.preview.model import Preview


def gitlab_view(preview: Preview) -> dict[str, int]:
    """A replacement is one of each, as in GitLab's own recipe for Terraform. Forgotten records destroy nothing."""
    verdict = preview.verdict
    return {
        "create": verdict.create + verdict.replace,
        "update": verdict.update + verdict.move,
        "delete": verdict.delete + verdict.replace,
    }
