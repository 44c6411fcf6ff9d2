"""A PostgreSQL database copied between two servers: whole, verified within its snapshot, refused, resumed."""

from __future__ import annotations

import psutil
import pytest
from two_servers import PASSWORD, Database, Region, at, copy, without_administrator

from declarative_paas.core.copy_result import CopyIdentity, CopyNotVerified, Verdict
from declarative_paas.core.data import CopyRefused
from declarative_paas.core.provider import ErrorKind, ProviderError

SHOP = (
    "CREATE TABLE orders (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, who text NOT NULL, paid bool)",
    "INSERT INTO orders (who, paid) SELECT md5(n::text), n % 2 = 0 FROM generate_series(1, 20000) n",
    "CREATE INDEX orders_who ON orders (who)",
    "SELECT lo_from_bytea(4711, decode(repeat('00ff', 700000), 'hex'))",
)

EVERYTHING = (
    *SHOP,
    "CREATE EXTENSION hstore",
    "CREATE SCHEMA words",
    "CREATE EXTENSION citext SCHEMA words",
    "CREATE COLLATION german (provider = libc, locale = 'C')",
    "CREATE TYPE mood AS ENUM ('glad', 'sad')",
    "CREATE DOMAIN age AS int CHECK (VALUE >= 0)",
    "CREATE TYPE pair AS (a int, b text)",
    'CREATE SCHEMA "we ""ird; --"',
    'CREATE TABLE "we ""ird; --"."T\'s \\x" ("c o;l" text, "b\\n" bytea)',
    r"""INSERT INTO "we ""ird; --"."T's \x" VALUES (E'tab\tline\n\\.', '\x00ff0a5c'), (NULL, NULL), ('\.', '')""",
    "CREATE TABLE no_key (m mood, a age, p pair, ms mood[], ps pair[], j jsonb, h hstore, c words.citext,"
    " t text COLLATE german, n numeric, f float8, r regclass, i interval, ts timestamptz, x text[][])",
    *[
        "INSERT INTO no_key VALUES ('sad', 3, (1, 'x,y'), '{glad,sad}', ARRAY[(2, 'q')::pair], '{\"a\": [1, null]}',"
        " 'k=>v', 'Abc', 'Ärger', 1.00, 'NaN', 'orders', '1 mon 2 days', now(), '{{a,NULL},{\"b,c\",d}}')"
    ]
    * 3,
    "INSERT INTO no_key DEFAULT VALUES",
    "CREATE TABLE nothing ()",
    "INSERT INTO nothing DEFAULT VALUES",
    "INSERT INTO nothing DEFAULT VALUES",
    "CREATE TABLE never_filled (a int)",
    "CREATE TABLE made (a int, twice int GENERATED ALWAYS AS (a * 2) STORED)",
    "INSERT INTO made VALUES (4)",
    "CREATE TABLE only_made (twice int GENERATED ALWAYS AS (2) STORED)",
    "INSERT INTO only_made DEFAULT VALUES",
    "CREATE TABLE days (day date NOT NULL, what text) PARTITION BY RANGE (day)",
    "CREATE TABLE days_1 PARTITION OF days FOR VALUES FROM ('2026-01-01') TO ('2026-02-01')",
    "CREATE TABLE days_2 (what text, day date NOT NULL)",
    "ALTER TABLE days ATTACH PARTITION days_2 FOR VALUES FROM ('2026-02-01') TO ('2026-03-01')",
    "ALTER TABLE days ADD PRIMARY KEY (day)",
    "CREATE INDEX ON days (what)",
    "INSERT INTO days SELECT date '2026-01-01' + n, 'day ' || n FROM generate_series(0, 50) n",
    "CREATE TABLE parent (a int)",
    "CREATE TABLE child (b int) INHERITS (parent)",
    "ALTER TABLE parent ADD c text",
    "INSERT INTO parent VALUES (1, 'p')",
    "INSERT INTO child VALUES (2, 3, 'c')",
    "CREATE TABLE hen (id int PRIMARY KEY, egg int)",
    "CREATE TABLE egg (id int PRIMARY KEY, hen int REFERENCES hen)",
    "INSERT INTO hen VALUES (1, 1)",
    "INSERT INTO egg VALUES (1, 1)",
    "ALTER TABLE hen ADD FOREIGN KEY (egg) REFERENCES egg",
    "CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS n FROM orders",
    "CREATE UNIQUE INDEX ON counted (n)",
    "CREATE MATERIALIZED VIEW grouped AS SELECT id, who, count(*) FROM orders GROUP BY id",
    "CREATE INDEX ON grouped (who)",
    "CREATE MATERIALIZED VIEW unfilled AS SELECT 1 AS one WITH NO DATA",
    "CREATE VIEW paid AS SELECT * FROM orders WHERE paid",
    "CREATE UNLOGGED TABLE quick (a int)",
    "INSERT INTO quick VALUES (5)",
    "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $body$ BEGIN RAISE 'fired; '; END $body$",
    "CREATE FUNCTION plus(a int) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT CASE WHEN a > 0 THEN a + 1 END; END",
    "CREATE TRIGGER refusing BEFORE INSERT ON made FOR EACH ROW EXECUTE FUNCTION refuse()",
    "CREATE RULE quiet AS ON INSERT TO never_filled DO INSTEAD NOTHING",
    "ALTER TABLE egg ENABLE ROW LEVEL SECURITY",
    "CREATE POLICY mine ON egg TO CURRENT_USER USING (id < 0)",
    "ALTER TABLE egg FORCE ROW LEVEL SECURITY",
    "CREATE SEQUENCE fresh_numbers START 7",
    "CREATE SEQUENCE used_numbers CYCLE MAXVALUE 9",
    "SELECT nextval('used_numbers'), nextval('used_numbers')",
    "CREATE STATISTICS both_of ON a, c FROM parent",
    "COMMENT ON TABLE orders IS 'it''s; -- Name: x; Type: INDEX; Schema: -; Owner: '",
    "GRANT SELECT ON orders TO PUBLIC",
    "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC",
    "GRANT SELECT ON LARGE OBJECT 4711 TO PUBLIC",
    "CREATE TABLE wide (id int, moods mood[], filler text)",
    "ALTER TABLE wide ALTER filler SET STORAGE EXTERNAL",
    "INSERT INTO wide SELECT n, '{sad}', repeat(md5(n::text), 100) FROM generate_series(1, 2000) n",
)


@pytest.fixture
def source(us: Region) -> Database:
    found = us.database()
    found.ask(*SHOP)
    return found


@pytest.fixture
def target(eu: Region) -> Database:
    return eu.database()


def test_everything_in_a_database_is_copied_and_belongs_to_the_target_s_role(us: Region, target: Database):
    source = us.database()
    source.ask(*EVERYTHING)
    for alter in ("DATABASE {} SET search_path = public, words", "ROLE {} SET DateStyle = 'SQL, DMY'"):
        source.ask(f"ALTER {alter.format(source.name)}")
    source.ask(f"ALTER DATABASE {source.name} SET log_statement = 'all'", role="dpaas_admin")
    result = copy(source, target)
    assert result.verification.ok
    target.port.settle(result.identity)
    assert target.port.mark() is None
    kinds = {row.kind for row in result.verification.rows}
    assert kinds == {"table", "sequence", "large objects", "extension", "schema", "materialised view", "setting"}
    assert result.notes == ("setting log_statement is not taken over: only an administrator may make it",)
    assert target.ask(
        "SELECT unnest(setconfig) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = setdatabase"
        " WHERE datname = current_database() ORDER BY 1"
    ) == [
        ("DateStyle=SQL, DMY",),
        ("search_path=public, words",),
    ]
    rows = {row.name: row.target_rows for row in result.verification.rows if row.kind == "table"}
    assert (rows["public.orders"], rows["public.days_2"], rows["public.nothing"], rows["public.parent"]) == (
        20000,
        20,
        2,
        1,
    )
    for question in (
        "SELECT a, twice FROM made",
        "SELECT n FROM counted",
        "SELECT count(*), max(who) FROM grouped",
        'SELECT * FROM "we ""ird; --"."T\'s \\x" ORDER BY 1, 2',
        "SELECT to_jsonb(k) - 'r' FROM no_key k ORDER BY 1",
        "SELECT nextval('fresh_numbers'), nextval('used_numbers')",
        "SELECT lomacl IS NULL FROM pg_largeobject_metadata",
        "SELECT obj_description('orders'::regclass)",
    ):
        assert target.ask(question) == source.ask(question), question
    [(strangers,)] = target.ask(
        "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname !~ '^pg_'"
        " AND n.nspname <> 'information_schema' AND pg_get_userbyid(relowner) <> current_user"
    )
    assert strangers == 0


def test_an_empty_database_is_copied(us: Region, target: Database):
    result = copy(us.database(), target)
    assert result.verification.ok
    assert (result.rows_copied, [row.name for row in result.verification.rows]) == (0, ["plpgsql"])


def test_a_grant_to_a_role_that_the_target_lacks_is_dropped_and_told(us: Region, source: Database, target: Database):
    source.ask("CREATE ROLE only_here", "GRANT SELECT ON orders TO only_here", role="dpaas_admin")
    try:
        result = copy(source, target)
    finally:
        source.ask("DROP OWNED BY only_here", "DROP ROLE only_here", role="dpaas_admin")
    assert [note for note in result.notes if "only_here" in note] == [
        "a grant to or by only_here on public.TABLE orders was dropped: the target has no such role"
    ]


def test_what_is_written_during_the_copy_is_not_in_it_and_fails_nothing(source: Database, target: Database):
    def write() -> None:
        source.ask(
            "INSERT INTO orders (who) SELECT 'late' FROM generate_series(1, 500)",
            "UPDATE orders SET who = 'changed' WHERE id <= 500",
            "DELETE FROM orders WHERE id BETWEEN 1000 AND 1500",
            "SELECT lo_unlink(4711)",
        )

    result = copy(source, target, at("schema", write))
    assert result.verification.ok
    assert target.ask("SELECT count(*), count(*) FILTER (WHERE who IN ('late', 'changed')) FROM orders") == [(20000, 0)]
    assert target.ask("SELECT count(*) FROM pg_largeobject_metadata") == [(1,)]


@pytest.mark.parametrize(
    ("damage", "kind", "name", "verdict"),
    [
        (
            "UPDATE orders SET who = overlay(who PLACING '~' FROM 5) WHERE id = 77",
            "table",
            "public.orders",
            "DIFFERENT",
        ),
        ("DELETE FROM orders WHERE id = 77", "table", "public.orders", "DIFFERENT"),
        ("SELECT setval('orders_id_seq', 19999)", "sequence", "public.orders_id_seq", "DIFFERENT"),
        ("DROP INDEX orders_who", "schema", "INDEX public.orders_who", "MISSING"),
        ("SELECT lo_unlink(4711)", "large objects", "all", "MISSING"),
        ("SELECT lo_put(4711, 1300000, '\\x01')", "large objects", "all", "DIFFERENT"),
        ("CREATE TABLE more ()", "schema", "TABLE public.more", "EXTRA"),
    ],
)
def test_the_smallest_difference_fails_the_verification(
    source: Database, target: Database, damage: str, kind: str, name: str, verdict: str
):
    with pytest.raises(CopyNotVerified) as caught:
        copy(source, target, at("verification", lambda: target.ask(damage)))
    wrong = caught.value.verification.wrong
    assert [(row.kind, row.name, row.verdict) for row in wrong] == [(kind, name, Verdict[verdict])]
    assert name in " ".join(caught.value.detail)


def test_a_copy_that_was_not_verified_is_begun_anew_in_a_fresh_database(source: Database, target: Database):
    with pytest.raises(CopyNotVerified):
        copy(source, target, at("verification", lambda: target.ask("DELETE FROM orders WHERE id = 1")))
    result = copy(source, target)
    assert result.verification.ok
    assert target.ask("SELECT count(*) FROM orders") == [(20000,)]


def test_a_verified_copy_is_never_repeated(source: Database, target: Database):
    first = copy(source, target)
    source.ask("DELETE FROM orders")
    assert copy(source, target) == first
    target.port.settle(first.identity)
    with pytest.raises(CopyRefused, match="not empty"):
        copy(source, target)


def test_a_copy_of_another_source_is_not_replaced(us: Region, source: Database, target: Database):
    copy(source, target)
    with pytest.raises(CopyRefused) as caught:
        copy(us.database(), target)
    assert caught.value.code == "copy-of-another-source"
    assert target.ask("SELECT count(*) FROM orders") == [(20000,)]


def test_a_target_that_is_not_empty_is_refused_and_left_alone(source: Database, target: Database):
    target.ask("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    with pytest.raises(CopyRefused) as caught:
        copy(source, target)
    assert caught.value.code == "target-not-empty"
    assert target.port.mark() is None


def test_another_encoding_is_refused(source: Database, target: Database):
    with target.running.server.connect() as connection:
        connection.execute(f"DROP DATABASE {target.name}".encode())
        made = (
            f"CREATE DATABASE {target.name} OWNER {target.name} TEMPLATE template0 ENCODING LATIN1 LOCALE_PROVIDER libc"
        )
        connection.execute(f"{made} LOCALE 'C'".encode())
    with pytest.raises(CopyRefused) as caught:
        copy(source, target)
    assert caught.value.code == "other-encoding"


def test_a_database_that_its_own_role_cannot_read_whole_is_refused_by_the_names(source: Database, target: Database):
    source.ask("CREATE TABLE theirs ()", role="dpaas_admin")
    with pytest.raises(CopyRefused, match=r"public\.theirs"):
        copy(source, target, source_port=without_administrator(source.port))
    assert copy(source, target).verification.ok


def test_an_unfinished_copy_is_no_source(us: Region, source: Database, target: Database):
    with pytest.raises(CopyNotVerified):
        copy(source, target, at("verification", lambda: target.ask("DELETE FROM orders WHERE id = 1")))
    with pytest.raises(CopyRefused) as caught:
        copy(target, us.database())
    assert caught.value.code == "source-unfinished"


def test_an_extension_that_only_an_administrator_makes_needs_one(source: Database, target: Database):
    source.ask("CREATE EXTENSION pageinspect", role="dpaas_admin")
    with pytest.raises(CopyRefused) as caught:
        copy(source, target, target_port=without_administrator(target.port))
    assert caught.value.code == "extension-needs-administrator"
    assert copy(source, target).verification.ok


def test_two_copies_into_one_database_exclude_each_other(source: Database, target: Database):
    seen: list[ProviderError] = []

    def second() -> None:
        other = CopyIdentity(source_instance="another", target_instance=target.spec.key)
        with pytest.raises(ProviderError) as caught, target.port.intake(other):
            pass
        seen.append(caught.value)

    def third() -> None:
        with pytest.raises(ProviderError, match="under way") as caught:
            copy(source, target)
        seen.append(caught.value)

    copy(source, target, at("schema", lambda: (second(), third())))
    assert [problem.kind for problem in seen] == [ErrorKind.CONFLICT] * 2


def test_a_cancelled_copy_ends_soon_and_leaves_no_session(source: Database, target: Database):
    cancelled: list[bool] = []
    with pytest.raises(ProviderError) as caught:
        copy(source, target, at("data", lambda: cancelled.append(True)), cancelled=lambda: bool(cancelled))
    assert caught.value.kind is ErrorKind.CANCELLED
    assert [child.name() for child in psutil.Process().children() if child.name() in ("psql", "pg_dump")] == []
    assert copy(source, target).verification.ok


def test_the_plan_s_connections_bound_the_streams(us: Region, source: Database, eu: Region):
    narrow = eu.database(limit=3)
    assert narrow.port.facts().streams == 1
    assert copy(source, narrow).verification.ok


def test_no_password_is_in_an_argument_or_an_environment(source: Database, target: Database):
    seen: list[str] = []

    def look() -> None:
        for child in psutil.Process().children(recursive=True):
            if child.name() in ("psql", "pg_dump"):
                seen.append(" ".join(child.cmdline()) + repr(child.environ()))

    copy(source, target, at("schema", look))
    assert seen
    secrets = (PASSWORD, source.running.server.password.reveal(), target.running.server.password.reveal())
    assert not [text for text in seen for secret in secrets if secret in text]
