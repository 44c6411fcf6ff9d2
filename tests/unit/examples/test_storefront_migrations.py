from __future__ import annotations

import pytest
from examples_case import shop_module

migrations = shop_module("migrate")


def _write(directory, *names):
    for name in names:
        (directory / name).write_text("SELECT 1;\n", encoding="utf-8")


def test_migrations_run_in_the_order_of_their_numbers(tmp_path):
    _write(tmp_path, "0002_processing.sql", "0010_j.sql", "0001_orders.sql", *(f"{n:04}_x.sql" for n in range(3, 10)))
    found = migrations.find_migrations(tmp_path)
    assert [migration.version for migration in found] == list(range(1, 11))
    assert (found[0].name, found[1].name) == ("orders", "processing")


def test_what_has_run_is_not_pending(tmp_path):
    _write(tmp_path, "0001_orders.sql", "0002_processing.sql", "0003_customers.sql")
    found = migrations.find_migrations(tmp_path)
    assert [migration.version for migration in migrations.pending(found[::-1], {1})] == [2, 3]
    assert migrations.pending(found, {1, 2, 3}) == []


@pytest.mark.parametrize(
    "names", [("0001_a.sql", "0001_b.sql"), ("0001_a.sql", "0003_c.sql"), ("0000_a.sql",), ("0002_b.sql",)]
)
def test_a_gap_or_a_repeated_number_is_refused(tmp_path, names):
    _write(tmp_path, *names)
    with pytest.raises(ValueError, match="without gap or repetition"):
        migrations.find_migrations(tmp_path)


@pytest.mark.parametrize("name", ["1_orders.sql", "0001-orders.sql", "orders.sql", "0001_Orders.sql"])
def test_a_file_without_a_proper_number_is_refused(tmp_path, name):
    _write(tmp_path, name)
    with pytest.raises(ValueError, match=r"expected NNNN_name\.sql"):
        migrations.find_migrations(tmp_path)


def test_the_storefronts_own_migrations_are_well_numbered():
    found = migrations.find_migrations(migrations.MIGRATIONS)
    assert [migration.name for migration in found] == ["orders", "processing"]
