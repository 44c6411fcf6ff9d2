"""`dpaas pg backup`, `backups` and `restore` on real databases, through the command line."""

from __future__ import annotations

import json

from project import Project


def test_a_backup_brings_a_database_back_and_fills_another(project: Project) -> None:
    for name in ("shop", "copy"):
        source = project.directory / name
        source.mkdir()
        (source / "index.html").write_text(f"<h1>{name}</h1>", encoding="utf-8")
        project.app(
            name,
            source={"path": f"./{name}"},
            formation={"web": {"size": "basic", "health": "/"}},
            addons=[{"plan": "postgres:essential-0", "as": "DATABASE"}],
        )
    project.apply()

    def sql(app: str, statement: str) -> str:
        return project.dpaas("pg", "psql", app, "--", "-Atqc", statement).stdout.strip()

    sql("shop", "CREATE TABLE orders AS SELECT generate_series(1, 100) AS n")
    assert project.dpaas("pg", "backups").stdout == "No backups.\n"
    made = project.dpaas("pg", "backup", "shop").stdout
    (backup,) = json.loads(project.dpaas("pg", "backups", "--json").stdout)["backups"]
    assert made.startswith(f"{backup['name']}: ") and backup["entries"] > 0
    listed = project.dpaas("pg", "backups", "shop").stdout
    assert backup["name"] in listed and "shop/DATABASE" in listed
    assert project.dpaas("pg", "backups", "copy").stdout == "No backups.\n"

    sql("shop", "DROP TABLE orders; CREATE TABLE other AS SELECT 1 AS n")
    refused = project.dpaas("pg", "restore", backup["name"], "--to", "shop", expect=1)
    assert "--confirm addon.shop/DATABASE" in refused.stderr
    assert sql("shop", "SELECT count(*) FROM other") == "1"
    project.dpaas("pg", "restore", backup["name"], "--to", "shop", "--confirm", "addon.shop/DATABASE")
    assert sql("shop", "SELECT sum(n) FROM orders") == "5050"
    assert sql("shop", "SELECT to_regclass('other') IS NULL") == "t"
    # An empty one needs no consent; the tables are its own role's.
    project.dpaas("pg", "restore", backup["name"], "--to", "copy/DATABASE")
    assert sql("copy", "SELECT sum(n) FROM orders") == "5050"
    assert sql("copy", "SELECT tableowner = current_user FROM pg_tables WHERE tablename = 'orders'") == "t"
    assert "No changes" in project.dpaas("plan", "--detailed-exitcode").stdout

    unknown = project.dpaas("pg", "restore", "shop-DATABASE-1", "--to", "shop", expect=1)
    assert "there is no backup 'shop-DATABASE-1'" in unknown.stderr
    assert "no add-on REPORTS" in project.dpaas("pg", "backup", "shop/REPORTS", expect=1).stderr
