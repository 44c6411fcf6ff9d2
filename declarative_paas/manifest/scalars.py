"""What an unquoted YAML scalar means: the core schema of YAML 1.2, narrowed where readers disagree.

YAML 1.1 reads `NO` and `on` as booleans, `012` as ten and `1:30` as ninety; YAML 1.2 does not, and editors
differ. Here each of them is text, so that nobody is surprised: where a number or a boolean is wanted, text
is a diagnostic that shows the plain spelling. `.inf` and `.nan` are text too: JSON has no such numbers.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from declarative_paas.manifest.nodes import ScalarValue

_WORDS: Final[dict[str, ScalarValue]] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
_NUMBER = re.compile(
    r"""(?P<integer>[-+]?(?:0|[1-9][0-9]*))
      | 0x(?P<hexadecimal>[0-9a-fA-F]+)
      | 0o(?P<octal>[0-7]+)
      | (?P<decimal>[-+]?(?:(?:0|[1-9][0-9]*)?\.[0-9]+|(?:0|[1-9][0-9]*)\.)(?:[eE][-+]?[0-9]{1,3})?)
      | (?P<exponent>[-+]?(?:0|[1-9][0-9]*)[eE][-+]?[0-9]{1,3})""",
    re.VERBOSE,
)
_MAY_BE_NUMBER: Final = frozenset("0123456789+-.")
_LONGEST_NUMBER: Final = 64
"""Longer digits are text: Python refuses to convert very long integers, and no field here wants one."""


@lru_cache(maxsize=4096)
def resolve(text: str) -> ScalarValue:
    """The value of an unquoted scalar. Text when nothing else fits."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _MAY_BE_NUMBER or len(text) > _LONGEST_NUMBER:
        return text
    match = _NUMBER.fullmatch(text)
    if match is None:
        return text
    match match.lastgroup:
        case "integer":
            return int(text)
        case "hexadecimal":
            return int(text, 16)
        case "octal":
            return int(text, 8)
        case _:
            number = float(text)
            return number if abs(number) != float("inf") else text


_BOOLEAN_WORDS: Final[dict[str, str]] = {
    "yes": "true",
    "on": "true",
    "y": "true",
    "no": "false",
    "off": "false",
    "n": "false",
}


def boolean_spelling(text: str) -> str | None:
    """`true` or `false` for the words YAML 1.1 took as booleans, in any case; None for others."""
    return _BOOLEAN_WORDS.get(text.lower())


def integer_spelling(text: str) -> str | None:
    """`012` -> `12`, `1_000` -> `1000`, `"3"` -> `3`; None when the text is no whole number."""
    digits = text.strip().replace("_", "")
    return str(int(digits)) if re.fullmatch(r"[-+]?[0-9]{1,18}", digits) else None
