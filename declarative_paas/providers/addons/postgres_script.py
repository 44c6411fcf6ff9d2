"""Pure: what pg_dump wrote, as statements with their names, so that they can be chosen, rewritten and compared."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from declarative_paas.providers.addons.postgres_follow_names import is_stream

_HEADER: Final = re.compile(r"^-- Name: (.*); Type: ([A-Z ]+); Schema: (.*); Owner: ", re.MULTILINE)

_TOKEN: Final = re.compile(
    r"""(?P<comment>--[^\n]*\n?|/\*.*?\*/)
      | (?P<quote>[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*')
      | (?P<identifier>"(?:[^"]|"")*")
      | (?P<dollar>\$(?P<tag>[A-Za-z_\x80-\uffff]?[\w\x80-\uffff]*)\$.*?\$(?P=tag)\$)
      | (?P<word>[\w\x80-\uffff$]+)
      | (?P<end>;)
      | (?P<meta>^\\[^\n]*\n?)
      | (?P<space>\s+)
      | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One statement of a dump, without its semicolon. `type` is pg_dump's ("INDEX", "ACL"), empty in the preamble."""

    type: str
    name: str
    schema: str
    sql: str

    @property
    def label(self) -> str:
        """As people name it: `public.orders_pkey`."""
        return self.name if self.schema in ("", "-") else f"{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str


def _tokens(text: str) -> Iterator[_Token]:
    # A routine's SQL body has semicolons of its own: BEGIN ATOMIC … END.
    for found in _TOKEN.finditer(text):
        yield _Token(found.lastgroup if found.lastgroup != "tag" else "dollar", found[0])  # type: ignore[arg-type]


def entries(script: str) -> Iterator[Entry]:
    """Every statement in order. Comments, and psql's own commands (pg_dump writes `\\restrict`), are left out."""
    kind, name, schema = "", "", ""
    sql: list[str] = []
    atomic = cases = 0
    previous = ""
    for token in _tokens(script):
        if token.kind == "comment" and not sql:
            header = _HEADER.match(token.text)
            if header:
                name, kind, schema = header.groups()
            continue
        if token.kind == "meta" and not sql:
            continue
        if token.kind == "end" and not atomic:
            yield _entry(kind, name, schema, "".join(sql).strip())
            sql, previous, cases = [], "", 0
            continue
        if token.kind == "space" and not sql:
            continue
        if token.kind == "word":
            word = token.text.upper()
            if word == "ATOMIC" and previous == "BEGIN":
                atomic = 1
            elif atomic and word == "CASE":
                cases += 1
            elif atomic and word == "END":
                cases, atomic = (cases - 1, atomic) if cases else (0, 0)
            previous = word
        sql.append(token.text)


def _entry(kind: str, name: str, schema: str, sql: str) -> Entry:
    # A setting stands before the header of what it is for: it belongs to nothing.
    if sql.startswith("SET ") and not sql.startswith("SET SESSION AUTHORIZATION"):
        return Entry(type="", name="", schema="", sql=sql)
    return Entry(type=kind, name=name, schema=schema, sql=sql)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleMap:
    """The source's app role is the target's; of the others only those count that the target has too."""

    source_role: str
    target_role: str
    target_roles: frozenset[str]

    def mapped(self, role: str) -> str | None:
        """The role of the target, None when there is none."""
        if role == self.source_role:
            return self.target_role
        return role if role in self.target_roles or role.lower() in ("public", "current_user") else None


_NOT_COPIED: Final = {
    "PUBLICATION": "publications are not taken over: nobody subscribes to the copy",
    "PUBLICATION TABLE": "",
    "PUBLICATION TABLES IN SCHEMA": "",
    "SUBSCRIPTION": "subscriptions are not taken over: the copy would receive what its source receives",
    "SUBSCRIPTION TABLE": "",
    "EVENT TRIGGER": "event triggers are not taken over: only a server's administrator may have them",
}


def taken_over(found: Entry, roles: RoleMap) -> tuple[Entry | None, str]:
    """The statement for the target, None when it must not run there; and what to tell of it, empty for nothing."""
    if found.type in _NOT_COPIED:
        # Our own are there while a source is followed.
        reason = "" if is_stream(found.name) else _NOT_COPIED[found.type]
        return None, f"{found.type.lower()} {found.label}: {reason}" if reason else ""
    if found.type == "EXTENSION" or found.name.startswith("EXTENSION "):
        return None, ""  # made before, with their version
    if found.type == "SCHEMA":
        # `public`, and the schemas of extensions, are there already.
        return replace(found, sql=re.sub(r"^CREATE SCHEMA (?!IF )", "CREATE SCHEMA IF NOT EXISTS ", found.sql)), ""
    if found.type in ("ACL", "DEFAULT ACL"):
        return _grant(found, roles)
    if found.type == "POLICY":
        return _policy(found, roles)
    return found, ""


def _name(token: _Token) -> str:
    return token.text[1:-1].replace('""', '"') if token.kind == "identifier" else token.text


def _written(role: str) -> str:
    plain = re.fullmatch(r"[a-z_][a-z0-9_$]*", role)
    return role if plain or role in ("PUBLIC", "CURRENT_USER") else '"' + role.replace('"', '""') + '"'


def _grant(found: Entry, roles: RoleMap) -> tuple[Entry | None, str]:
    """`GRANT … TO role [WITH GRANT OPTION]`, `REVOKE … FROM role`, both behind ALTER DEFAULT PRIVILEGES FOR ROLE."""
    if found.sql.upper().startswith(("SET SESSION AUTHORIZATION", "RESET SESSION")):
        return None, ""
    tokens = [token for token in _tokens(found.sql) if token.kind != "comment"]
    words = [(index, token.text.upper()) for index, token in enumerate(tokens) if token.kind == "word"]
    last = max((index for index, word in words if word in ("TO", "FROM")), default=None)
    if last is None:
        return found, ""
    places = [last]
    if found.type == "DEFAULT ACL":
        places += [
            index for (_, before), (index, word) in itertools.pairwise(words) if (before, word) == ("FOR", "ROLE")
        ][:1]
    for place in places:
        role = _name(tokens[place + 2])
        mapped = roles.mapped(role)
        if mapped is None:
            return None, f"a grant to or by {role} on {found.label} was dropped: the target has no such role"
        if mapped != role:
            tokens[place + 2] = _Token("word", _written(mapped))
    return replace(found, sql="".join(token.text for token in tokens)), ""


def _policy(found: Entry, roles: RoleMap) -> tuple[Entry, str]:
    """`CREATE POLICY … TO role, role USING (…)`: roles that the target has not are left alone, and fail there."""
    tokens = list(_tokens(found.sql))
    inside = False
    depth = 0
    for index, token in enumerate(tokens):
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        word = token.text.upper() if token.kind == "word" else ""
        if depth == 0 and word in ("TO", "USING", "WITH"):
            inside = word == "TO"
        elif inside and token.kind in ("word", "identifier") and _name(token) == roles.source_role:
            tokens[index] = _Token("word", _written(roles.target_role))
    return replace(found, sql="".join(token.text for token in tokens)), ""


def is_grant_to(found: Entry, role: str) -> bool:
    """Whether a grant only says what an owner has anyway: dumps leave that out or not, as it was granted."""
    if found.type not in ("ACL", "DEFAULT ACL"):
        return False
    return re.search(rf"\b(?:TO|FROM) {re.escape(_written(role))}(?: WITH GRANT OPTION)?$", found.sql) is not None


_OWNER: Final = "dpaas_owner"


def comparable(found: Iterable[Entry], owner: str) -> Iterator[Entry]:
    """The statements that both sides must have, with the app's role under one name.

    Left out: what is never taken over, and grants to roles other than the app's and PUBLIC, which a target need
    not have.
    """
    roles = RoleMap(source_role=owner, target_role=_OWNER, target_roles=frozenset())
    for entry in found:
        kept, _ = taken_over(entry, roles)
        if kept and kept.type and not _is_elsewhere(kept) and not is_grant_to(kept, _OWNER):
            yield kept


def _is_elsewhere(found: Entry) -> bool:
    """Large objects, which are compared by their content; `public`, which every database has."""
    if found.type in ("SCHEMA", "COMMENT") and found.name in ("public", "SCHEMA public"):
        return True
    return found.type.startswith("BLOB") or found.name.startswith("LARGE OBJECT")
