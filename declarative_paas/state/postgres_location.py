"""`postgresql://…` of `spec.state`, taken apart: what libpq gets, what is ours, and what may be shown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from declarative_paas.core.state import StateError

DEFAULT_SCHEMA: Final = "dpaas"
EXPECTED: Final = "postgresql://[USER@]HOST[:PORT]/DATABASE[?options]"

_LOCATION = re.compile(
    r"(?P<scheme>postgres(?:ql)?)://(?:(?P<user>[^\s:@/?]+)@)?(?P<host>[^\s@/?]+)/(?P<database>[^\s@/?]+)"
    r"(?:\?(?P<options>\S*))?"
)
_SCHEMA = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_PASSWORDS: Final = frozenset({"password", "sslpassword", "oauth_client_secret"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresLocation:
    """`uri` is for libpq: the location without our own option. `shown` names the place to people."""

    uri: str
    host: str
    database: str
    schema: str

    @property
    def shown(self) -> str:
        place = f"postgresql://{self.host}/{self.database}"
        return place if self.schema == DEFAULT_SCHEMA else f"{place}?schema={self.schema}"

    @classmethod
    def parse(cls, location: str) -> PostgresLocation:
        """Raises StateError, which quotes nothing of the location: there may be a password in it."""
        match = _LOCATION.fullmatch(location)
        if match is None:
            raise StateError(f"the state's location is not of the form {EXPECTED}; {_NO_PASSWORD}")
        # As libpq reads them, where + is no blank; and what is for libpq reaches it as it was written.
        options = [(unquote(text.partition("=")[0]), text) for text in (match["options"] or "").split("&") if text]
        if any(name.lower() in _PASSWORDS for name, _ in options):
            raise StateError(f"the state's location holds a password; {_NO_PASSWORD}")
        ours = dict(options).get("schema")
        schema = DEFAULT_SCHEMA if ours is None else unquote(ours.partition("=")[2])
        # Names that PostgreSQL keeps for itself begin with pg_.
        if not _SCHEMA.fullmatch(schema) or schema.startswith("pg_"):
            raise StateError(
                "the option `schema` of the state's location is lowercase letters, digits and _, and not a "
                f"name of PostgreSQL's own: such as {DEFAULT_SCHEMA}"
            )
        rest = "&".join(text for name, text in options if name != "schema")
        base = location.partition("?")[0]
        return cls(
            uri=f"{base}?{rest}" if rest else base, host=match["host"], database=match["database"], schema=schema
        )


_NO_PASSWORD: Final = "its password comes from PGPASSWORD, a password file (PGPASSFILE) or a service, never from there"
