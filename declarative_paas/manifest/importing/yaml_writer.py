"""Single values as YAML text, quoted only where they must be."""

from __future__ import annotations

import json
import re
from typing import Final

from declarative_paas.manifest.scalars import boolean_spelling, resolve
from declarative_paas.manifest.variables import MARK

_SAFE: Final = re.compile(r"[A-Za-z0-9_./$][^\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]*")
_NOT_PRINTABLE: Final = re.compile(r"[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def scalar(text: str) -> str:
    """A text value for a block mapping or list; `${var.` in it is escaped, it is not meant as a variable."""
    text = text.encode("utf-8", "replace").decode("utf-8").replace(MARK, "$" + MARK)
    if _is_plain(text):
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return _NOT_PRINTABLE.sub(lambda found: f"\\u{ord(found.group()):04x}", quoted)


def _is_plain(text: str) -> bool:
    return (
        _SAFE.fullmatch(text) is not None
        and ": " not in text
        and " #" not in text
        and not text.endswith((":", " "))
        and not text.startswith(("...", "---"))
        and isinstance(resolve(text), str)
        # Other readers of this file may know YAML 1.1 only, to which these are booleans and numbers.
        and boolean_spelling(text) is None
        and not text[0].isdigit()
        and re.match(r"\.\w", text) is None
    )


def comment(text: str, indent: int = 0) -> list[str]:
    """Comment lines; control characters become spaces."""
    cleaned = re.sub(r"[^\S\n]|[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\ufeff]", " ", text)
    return [f"{' ' * indent}# {line}".rstrip() for line in re.split(r"[\n\u2028\u2029]", cleaned)]
