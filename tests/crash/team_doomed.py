"""A team's doomed project: the same platform, its state in a PostgreSQL schema that is new at each beginning."""

from __future__ import annotations

import itertools
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import doomed as harness
import yaml
from doomed import Doomed
from postgres_stage import PASSWORD, SHARED, administrator, location_for, schema_for
from psycopg import sql
from scenarios import Apps, Scenario

from declarative_paas.state.postgres import PostgresStore
from declarative_paas.state.postgres_location import PostgresLocation
from declarative_paas.vault.keyring import Keyring


class TeamDoomed(Doomed):
    """Needs the server of `postgres_stage`, which is started when there is none. Not for two threads."""

    def __init__(self) -> None:
        super().__init__()
        # As a user gives it, to every command of the harness.
        harness.ENVIRONMENT["PGPASSWORD"] = PASSWORD
        self._beginnings = itertools.count()
        self._place = self.root
        self._stores: list[PostgresStore] = []

    def close(self) -> None:
        self._close_stores()
        super().close()

    def write(self, apps: Apps, **options: Any) -> None:
        super().write(apps, **options)
        manifest = self.directory / "dpaas.yaml"
        platform, *others = yaml.safe_load_all(manifest.read_text())
        platform["spec"]["state"] = location_for(self._place)
        manifest.write_text(yaml.safe_dump_all([platform, *others], sort_keys=False))

    def begin(self, scenario: Scenario) -> None:
        self._close_stores()
        self._place = self.root / str(next(self._beginnings))
        shutil.rmtree(self.directory, ignore_errors=True)
        self.world.call("load", "nothing")
        if scenario.before is not None:
            self.write(scenario.before)
            self.must("apply", "--auto-approve")
        self.write(scenario.after, moved=scenario.moved)

    def lease(self) -> tuple[str, datetime] | None:
        schema = sql.Identifier(schema_for(self._place))
        with administrator(SHARED) as connection:
            made = connection.execute("SELECT to_regclass(%s)", (f"{schema_for(self._place)}.leases",)).fetchone()
            if made == (None,):
                return None
            row = connection.execute(
                sql.SQL("SELECT holder, expires FROM {}.leases WHERE expires > 'epoch'").format(schema)
            ).fetchone()
        if row is None:
            return None
        holder, expires = row
        assert isinstance(expires, datetime)
        return str(holder), expires

    def store(self) -> Any:
        key = Path(self.directory / ".dpaas" / "secret.key")
        place = PostgresLocation.parse(location_for(self._place))
        self._stores.append(PostgresStore(place, keyring=lambda: Keyring.load(key)))
        return self._stores[-1]

    def _close_stores(self) -> None:
        while self._stores:
            self._stores.pop().close()
