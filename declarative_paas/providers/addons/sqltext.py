"""Names and values as SQL text, for statements that take no parameters (CREATE ROLE, ALTER DATABASE). Pure."""

from __future__ import annotations


def identifier(name: str) -> str:
    """A quoted name."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str | int) -> str:
    """A quoted text, or a number as it is; right whatever `standard_conforming_strings` says."""
    if isinstance(value, int):
        return str(value)
    text = value.replace("'", "''")
    return f" E'{text.replace(chr(92), chr(92) * 2)}'" if "\\" in text else f"'{text}'"
