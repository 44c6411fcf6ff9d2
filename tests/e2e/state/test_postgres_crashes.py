"""The crash harness on a team's state: a SIGKILL at a write or an effect is made good by the next run."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import doomed as harness
import pytest
import yaml
from doomed import Doomed
from exhaustive import SIDES, walk
from postgres_stage import PASSWORD, SHARED, Stage, administrator, location_for, schema_for
from psycopg import sql
from scenarios import SCENARIOS, Apps, Scenario

from declarative_paas.state.postgres import PostgresStore
from declarative_paas.state.postgres_location import PostgresLocation
from declarative_paas.vault.keyring import Keyring

STRIDE = 20


class TeamDoomed(Doomed):
    """The same, with a state in a schema that is new at each beginning."""

    def __init__(self) -> None:
        super().__init__()
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
        self.write(scenario.after)

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


@pytest.fixture(scope="module")
def doomed() -> Iterator[Doomed]:
    harness.ENVIRONMENT["PGPASSWORD"] = PASSWORD
    made = TeamDoomed()
    try:
        yield made
    finally:
        made.close()
        del harness.ENVIRONMENT["PGPASSWORD"]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name.replace(" ", "-"))
@pytest.mark.parametrize(("first", "kind"), list(enumerate(SIDES, 2)), ids=[" ".join(kind) for kind in SIDES])
def test_a_run_killed_anywhere_is_made_good_by_the_next(
    server: Stage, doomed: Doomed, scenario: Scenario, first: int, kind: tuple[str, str]
) -> None:
    what, side = kind
    tally = walk(doomed, scenario, what, side, numbers=itertools.count(first, STRIDE), parallelism=8)
    assert tally.kill_points > 0
    assert tally.bad == []
