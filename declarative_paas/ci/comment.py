"""One comment for each stack: found by its hidden marker, edited in place, made when somebody deleted it."""

from __future__ import annotations

from typing import Final

from declarative_paas.ci.forge import Comment, Forge
from declarative_paas.ci.http import ForgeError, MaybeDone

LIMIT: Final = 65_536
"""Characters that GitHub takes; GitLab and Gitea take more."""

_ATTEMPTS: Final = 3


def put_comment(forge: Forge, proposal: int, body: str) -> None:
    """The first line of the body is the marker. Raises ForgeError.

    A comment that holds the marker and is somebody else's is left alone: what we show must not stand where
    another person can edit it.
    """
    marker = body.partition("\n")[0]
    assert marker.startswith("<!--"), "a comment without its marker would never be found again"
    assert len(body) <= LIMIT, "a preview keeps below what a forge takes"
    for attempt in range(1, _ATTEMPTS + 1):
        mine = find_comment(forge, proposal, marker)
        if mine is not None and mine.body == body:
            return
        try:
            if mine is None:
                forge.add_comment(proposal, body)
            else:
                forge.edit_comment(proposal, mine.id, body)
        except MaybeDone:
            # Looked for again before it is added again: two comments are worse than a moment more.
            if attempt == _ATTEMPTS:
                raise
        except ForgeError as problem:
            if mine is None or problem.status != 404 or attempt == _ATTEMPTS:
                raise  # 404: deleted between the two requests
        else:
            return


def find_comment(forge: Forge, proposal: int, marker: str) -> Comment | None:
    """The oldest comment of ours that begins with the marker."""
    return next(
        (
            comment
            for comment in forge.comments(proposal)
            if comment.is_ours and comment.body.lstrip().startswith(marker)
        ),
        None,
    )
