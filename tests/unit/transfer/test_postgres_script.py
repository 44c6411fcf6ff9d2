"""What pg_dump wrote, as statements: split where SQL ends, not where a text looks like it; roles mapped."""

from __future__ import annotations

from typing import Any

import pytest

from declarative_paas.core.data import DataFacts
from declarative_paas.providers.addons.postgres_facts import objections
from declarative_paas.providers.addons.postgres_script import Entry, RoleMap, comparable, entries, taken_over

ROLES = RoleMap(source_role="shop_us", target_role="shop_eu", target_roles=frozenset({"reader"}))


def dumped(kind: str, name: str, sql: str) -> str:
    return f"--\n-- Name: {name}; Type: {kind}; Schema: public; Owner: -\n--\n\n{sql}\n\n"


@pytest.mark.parametrize(
    "sql",
    [
        "COMMENT ON TABLE t IS '--\n-- Name: x; Type: INDEX; Schema: -; Owner: -\n;'",
        'CREATE TABLE "a;b""c" (d int)',
        "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $_$ SELECT ';$$' $_$",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END",
        "SELECT E'it\\'s; fine'",
        "SELECT 1 /* ; */ + 2",
        "SELECT 'a\n\\restrict b\n'",
    ],
)
def test_a_statement_ends_where_sql_ends_it(sql: str):
    found = list(entries(dumped("TABLE", "t", f"{sql};") + dumped("INDEX", "i", "CREATE INDEX i;")))
    assert [(entry.type, entry.sql) for entry in found] == [("TABLE", sql), ("INDEX", "CREATE INDEX i")]


def test_commands_to_psql_and_settings_belong_to_nothing():
    text = "\\restrict abc\n\nSET check_function_bodies = false;\n" + dumped("TABLE", "t", "CREATE TABLE t ();")
    text += "SET default_table_access_method = heap;\n\\unrestrict abc\n"
    assert [(entry.type, entry.sql.split(" ")[0]) for entry in entries(text)] == [
        ("", "SET"),
        ("TABLE", "CREATE"),
        ("", "SET"),
    ]


@pytest.mark.parametrize(
    ("kind", "sql", "expected"),
    [
        ("ACL", "GRANT SELECT ON TABLE public.t TO shop_us WITH GRANT OPTION", "TO shop_eu WITH GRANT OPTION"),
        ("ACL", 'REVOKE ALL ON TABLE public."TO x" FROM PUBLIC', "FROM PUBLIC"),
        ("ACL", "GRANT SELECT ON TABLE public.t TO reader", "TO reader"),
        ("ACL", "GRANT SELECT ON TABLE public.t TO stranger", None),
        ("ACL", "SET SESSION AUTHORIZATION shop_us", None),
        (
            "DEFAULT ACL",
            "ALTER DEFAULT PRIVILEGES FOR ROLE shop_us IN SCHEMA public GRANT SELECT ON TABLES TO reader",
            "FOR ROLE shop_eu IN SCHEMA public GRANT SELECT ON TABLES TO reader",
        ),
        ("POLICY", "CREATE POLICY p ON t TO shop_us, reader USING ((who = 'TO shop_us'))", "TO shop_eu, reader USING"),
        ("SCHEMA", "CREATE SCHEMA words", "CREATE SCHEMA IF NOT EXISTS words"),
        ("PUBLICATION", "CREATE PUBLICATION p", None),
        ("EXTENSION", "CREATE EXTENSION hstore", None),
        ("TABLE", "CREATE TABLE shop_us ()", "CREATE TABLE shop_us ()"),
    ],
)
def test_roles_are_mapped_and_what_cannot_be_there_is_left_out(kind: str, sql: str, expected: str | None):
    kept, _ = taken_over(Entry(type=kind, name="t", schema="public", sql=sql), ROLES)
    if expected is None:
        assert kept is None
    else:
        assert kept is not None
        assert expected in kept.sql


def test_a_dropped_grant_is_told():
    entry = Entry(type="ACL", name="TABLE t", schema="public", sql="GRANT SELECT ON TABLE t TO stranger")
    _, note = taken_over(entry, ROLES)
    assert note == "a grant to or by stranger on public.TABLE t was dropped: the target has no such role"


def test_two_databases_of_different_owners_compare_equal():
    def statements(role: str) -> list[Entry]:
        return [
            Entry(type="ACL", name="TABLE t", schema="public", sql=f"GRANT ALL ON TABLE t TO {role}"),
            Entry(type="POLICY", name="t p", schema="public", sql=f"CREATE POLICY p ON t TO {role} USING (true)"),
            Entry(type="TABLE", name="t", schema="public", sql="CREATE TABLE t ()"),
        ]

    assert list(comparable(statements("us"), "us")) == list(comparable(statements("eu"), "eu"))
    assert len(list(comparable(statements("us"), "us"))) == 2


def facts(version: str = "18.6", **traits: Any) -> DataFacts:
    plain: dict[str, Any] = {
        "is_marked": False,
        "follows": False,
        "encoding": "UTF8",
        "content": 0,
        "unreadable": [],
        "extensions": {},
        "available": {"hstore": {"1.8": True}, "pageinspect": {"1.12": False}},
        "defaults": {"hstore": "1.8", "pageinspect": "1.12"},
        "policy_roles": [],
        "roles": ["app"],
        "owner": "app",
        "is_admin": False,
        "collate": "C",
        "provider": "b",
    }
    return DataFacts(service="postgres", version=version, size_bytes=1, streams=1, traits={**plain, **traits})


@pytest.mark.parametrize(
    ("source", "target", "codes"),
    [
        (facts(), facts(), []),
        (facts("17.6"), facts("18.6"), []),
        (facts("18.6"), facts("17.6"), ["older-major"]),
        (facts(encoding="LATIN1"), facts(), ["other-encoding"]),
        (facts(), facts(content=1), ["target-not-empty"]),
        (facts(unreadable=["public.t"]), facts(), ["source-unreadable"]),
        (facts(is_marked=True), facts(), ["source-unfinished"]),
        (facts(extensions={"postgis": ["3.4", "public"]}), facts(), ["extension-missing"]),
        (facts(extensions={"hstore": ["1.7", "public"]}), facts(), ["extension-version"]),
        (facts(extensions={"pageinspect": ["1.12", "public"]}), facts(), ["extension-needs-administrator"]),
        (facts(extensions={"pageinspect": ["1.12", "public"]}), facts(is_admin=True), []),
        (facts(policy_roles=["stranger"]), facts(), ["policy-role-missing"]),
        (facts(collate="de_DE.UTF-8"), facts(), ["other-collation"]),
        (facts(clock_ahead_s=-3600.0), facts(clock_ahead_s=0.2), ["clock-skew"]),
        (facts(clock_ahead_s=3600.0), facts(clock_ahead_s=3600.9), []),
    ],
)
def test_what_does_not_fit_is_told_by_its_code(source: DataFacts, target: DataFacts, codes: list[str]):
    assert [found.code for found in objections(source, target)] == codes
