"""The preview's wording, where it decides what a reviewer understands. Whole plans: tests/golden."""

from __future__ import annotations

from dataclasses import replace

import pytest
from preview_case import HOSTILE

from declarative_paas.core.address import ResourceAddress, Scope
from declarative_paas.core.plan import Action, Change, FieldChange, Plan, Risk, RiskKind
from declarative_paas.core.resource import ResourceState
from declarative_paas.core.values import UNKNOWN, Reference, SecretRef, Sensitive
from declarative_paas.preview.summary import banner_lines, banners, verdict_line, verdict_of
from declarative_paas.preview.text import render_text
from declarative_paas.preview.values import dollars, printable, show, show_change

EMPTY = Plan(scope=Scope("acme"), lineage="", serial=0, tool_version="", catalog_digest="")


def change(address: str, action: Action = Action.UPDATE, **parts) -> Change:
    return Change(
        **{"region": "us", "instance": "i", "address": ResourceAddress.parse(address), "action": action, **parts}
    )


def text(*changes: Change, **options) -> str:
    verbose = options.pop("verbose", False)
    return render_text(replace(EMPTY, changes=changes, **options), colour=False, verbose=verbose)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "none"),
        (True, "true"),
        (3, "3"),
        ("info", '"info"'),
        ('say "hi"', '"say \\"hi\\""'),
        ("two\nlines", '"two\\nlines"'),
        ("two\\nlines", '"two\\\\nlines"'),
        ("\x1b[31mred\r", '"\\x1b[31mred\\r"'),
        ("\u202eoffice", '"\\u202eoffice"'),
        ("a" * 64, f'"{"a" * 58}…'),
        (UNKNOWN, "(known after apply)"),
        (Reference(ResourceAddress.parse("app.api"), "url"), "from app.api.url (known after apply)"),
        (SecretRef("shop/key", 1, "d"), "[secret shop/key]"),
        (SecretRef("@acme/addon.shop/DB.url", 1, "d"), "[secret]"),
        (Sensitive("value", SecretRef("shop/key", 1, "d")), "[secret]"),
        ({"b": [1, "x"], "a": None}, '{a: none, b: [1, "x"]}'),
    ],
)
def test_a_value_is_shown_in_one_unambiguous_way(value, shown):
    assert show(value) == shown


def test_a_secret_is_told_as_changed_or_same_and_never_by_its_digest():
    one, other = SecretRef("k", 1, "digest-1"), SecretRef("k", 2, "digest-2")
    assert show_change(one, other) == "[secret k] (changed)"
    assert show_change(one, SecretRef("l", 1, "digest-1")) == "[secret k] -> [secret l] (same value)"
    assert show_change("plain", one) == '"plain" -> [secret k]'


def test_long_values_that_begin_alike_still_differ_on_the_screen():
    before, after = "https://example.com/" + "p" * 80 + "?v=1", "https://example.com/" + "p" * 80 + "?v=2"
    old, _, new = show_change(before, after, 60).partition(" -> ")
    assert old != new
    assert old.endswith('v=1"')
    assert new.endswith('v=2"')
    assert len(old) + len(new) <= 61


def test_long_values_that_begin_differently_are_cut_at_the_end():
    old, _, new = show_change("a" * 10 + "-" * 90, "b" * 10 + "-" * 90, 60).partition(" -> ")
    assert old.startswith('"aaaaaaaaaa')
    assert new.startswith('"bbbbbbbbbb')
    assert old.endswith("…")


def test_a_hostile_text_keeps_no_character_that_a_terminal_obeys():
    assert printable(HOSTILE).isprintable()


@pytest.mark.parametrize(
    ("cents", "shown"), [(0, "$0.00"), (1250, "$12.50"), (-5, "-$0.05"), (1_234_567_89, "$1,234,567.89")]
)
def test_money_is_told_in_dollars_and_cents(cents, shown):
    assert dollars(cents) == shown


def test_the_verdict_names_counts_price_and_the_worst_risk():
    plan = replace(
        EMPTY,
        changes=(
            change("app.shop", Action.CREATE),
            change("formation.shop", risks=(Risk(RiskKind.RESTART, "web.1 restarts"),)),
        ),
        unchanged=2,
        price_before_cents=5000,
        price_after_cents=6200,
    )
    assert verdict_line(verdict_of(plan)) == (
        "Plan: 1 to create, 1 to update (2 unchanged). $62.00/mo (+$12.00, +24 %). Highest risk: restart."
    )


def test_a_change_of_price_too_small_for_a_percentage_shows_none():
    plan = replace(EMPTY, changes=(change("app.a"),), price_before_cents=1_000_000, price_after_cents=999_900)
    assert "$9,999.00/mo (-$1.00)." in verdict_line(verdict_of(plan))


def test_an_empty_plan_says_so_and_tells_what_an_apply_would_still_do():
    assert text() == "No changes. The platform matches the manifests.\n"
    assert text(destroy=True) == "No changes. Nothing is left to destroy.\n"
    assert "matches the manifests" not in text(targets=("app.shop",))
    assert "Settles 1 step of an interrupted apply." in text(settles=("create:app.shop#i",))
    record = ResourceState(
        address=ResourceAddress.parse("app.a"), instance="i", region="us", remote_id="r", attributes={}
    )
    assert "1 record is out of date" in text(refreshed=(record,))
    assert "2 records are out of date" in text(refreshed=(record, record))


def test_banners_stand_worst_first_and_one_line_covers_many_resources():
    move = Risk(RiskKind.REGION_MOVE, "region us -> eu")
    lost = Risk(RiskKind.DATA_LOSS, "the data of addon.shop/DB is destroyed")
    changes = [change(f"domain.shop/d{number}", Action.REPLACE, risks=(move,)) for number in range(4)]
    changes.append(change("addon.shop/DB", Action.REPLACE, risks=(move, lost)))
    plan = replace(EMPTY, changes=tuple(changes))
    lines = text(*changes).splitlines()
    assert lines[1:3] == [
        "! DATA LOSS: the data of addon.shop/DB is destroyed",
        "! REGION MOVE: us -> eu (5 resources of shop)",
    ]
    assert len(banners(plan)) == 6
    confirmed = text(*changes, confirmed=(ResourceAddress.parse("addon.shop/DB"),))
    assert "! DATA LOSS: the data of addon.shop/DB is destroyed, confirmed\n" in confirmed


def test_a_replacement_that_destroys_data_says_how_to_keep_it():
    shown = text(
        change(
            "addon.shop/DB",
            Action.REPLACE,
            prior_region="us",
            region="eu",
            fields=(FieldChange(path="version", before="17", after="18", forces_replacement=True),),
            risks=(Risk(RiskKind.DATA_LOSS, "the data of addon.shop/DB is destroyed"),),
        )
    )
    assert 'to keep its data, keep region us and version "17"' in shown
    assert 'version: "17" -> "18"  # forces replacement' in shown


def test_many_restarting_dynos_are_told_as_a_run_and_only_when_it_is_one():
    detail = "web.1, web.2, web.3, web.4, worker.1, worker.2, clock.1, clock.3 restart"
    shown = text(change("formation.shop", risks=(Risk(RiskKind.RESTART, detail),)))
    assert "      web.1 to web.4, worker.1, worker.2, clock.1, clock.3 restart\n" in shown


def test_what_only_follows_another_resource_is_told_as_a_cause():
    release = change(
        "release.shop",
        causes=("attachment.shop/DB changes", "config.shop changes"),
        fields=(
            FieldChange(path="config", before="c1", after=Reference(ResourceAddress.parse("config.shop"), "revision")),
        ),
        after={"config": Reference(ResourceAddress.parse("config.shop"), "revision"), "command": "migrate"},
    )
    shown = text(release)
    assert "because attachment.shop/DB, config.shop change\n" in shown
    assert "revision" not in shown
    assert 'config: "c1" -> from config.shop.revision (known after apply)' in text(release, verbose=True)


def test_unchanged_counts_only_what_somebody_wrote():
    formation = change(
        "formation.shop",
        fields=(FieldChange(path="processes.web.quantity", before=1, after=2),),
        after={
            "release": 3,
            "processes": {
                "web": {"command": "run", "size": "standard-1x", "quantity": 2, "health": None},
                "worker": {"command": "work", "size": "standard-1x", "quantity": 1, "health": None},
            },
        },
    )
    assert "      (1 unchanged)\n" in text(formation)
    nothing_written = change("app.shop", fields=(FieldChange(path="maintenance", before=False, after=True),))
    assert "unchanged" not in text(replace(nothing_written, after={"name": "shop", "maintenance": True, "stack": None}))


def test_a_deletion_is_shown_with_all_that_it_takes_away_uncut():
    value = "v" * 500
    shown = render_text(
        replace(EMPTY, changes=(change("config.shop", Action.DELETE, before={"vars": {"LONG": value, "SHORT": "s"}}),)),
        colour=False,
        width=40,
    )
    assert f'"{value}"' in shown
    assert 'SHORT: "s"' in shown


def test_a_cause_that_all_changes_of_an_app_share_is_told_once():
    gone = [change(f"{kind}.api", Action.DELETE, causes=("no longer in the manifests",)) for kind in ("app", "config")]
    assert text(*gone).count("because no longer in the manifests") == 1
    assert text(gone[0], change("slug.api")).count("because no longer in the manifests") == 1
    assert "    because no longer in the manifests\n" in text(*gone)


def test_a_cause_that_most_of_many_changes_share_is_told_once_and_said_to_be_of_most():
    moved = [change(f"{kind}.api", causes=("api moves us -> eu",)) for kind in ("config", "slug", "release", "addon")]
    assert text(*moved, change("app.api")).count("because api moves us -> eu") == 4
    shown = text(*moved, change("formation.api", causes=("api moves us -> eu",)), change("app.api"))
    assert shown.count("because api moves us -> eu") == 1
    assert "    mostly because api moves us -> eu\n" in shown


def test_prices_stand_beside_what_changes_them():
    shown = text(
        change("addon.shop/A", Action.CREATE, price_after_cents=5000),
        change("addon.shop/B", price_before_cents=5000, price_after_cents=20000),
        change("addon.shop/C", Action.DELETE, price_before_cents=1500),
        change("addon.shop/D", Action.CREATE, price_after_cents=None),
        change("addon.shop/E", price_before_cents=700, price_after_cents=700),
    )
    for line in (
        "  + addon.shop/A  $50.00/mo",
        "  ~ addon.shop/B  $50.00 -> $200.00/mo",
        "  - addon.shop/C  saves $15.00/mo",
        "  + addon.shop/D  without a price",
        "  ~ addon.shop/E",
    ):
        assert f"{line}\n" in shown


def test_two_values_that_look_like_digests_and_begin_alike_are_told_apart():
    before, after = "a1" * 12 + "b", "a1" * 12 + "c"
    assert show_change(before, after) == f'"{before}" -> "{after}"'


def test_a_digest_of_ours_is_shown_by_its_beginning_and_what_somebody_wrote_in_hex_is_shown_whole():
    assert show("a1" * 20, is_digest=True) == "a1a1a1a1a1a1…"
    assert show_change("a1" * 20, "b2" * 20, is_digest=True) == "a1a1a1a1a1a1… -> b2b2b2b2b2b2…"
    written = {"vars": {"COLOUR": "deadbeef" * 4}}
    assert f'COLOUR: "{"deadbeef" * 4}"' in text(change("config.shop", Action.CREATE, after=written))
    assert "source: a1a1a1a1a1a1… -> b2b2b2b2b2b2…" in text(
        change("slug.shop", fields=(FieldChange(path="source", before="a1" * 20, after="b2" * 20),))
    )


def test_a_long_number_that_somebody_wrote_is_no_digest():
    assert show("1234567890123456") == '"1234567890123456"'
    assert show_change("1234567890123456", "1234567890123457") == '"1234567890123456" -> "1234567890123457"'


def test_two_risks_told_in_the_same_words_keep_a_banner_each():
    risks = (Risk(RiskKind.EXPOSURE, "port 5432"), Risk(RiskKind.DOWNTIME, "port 5432"))
    plan = replace(EMPTY, changes=(change("app.shop", risks=risks),))
    assert banner_lines(plan) == ["! EXPOSURE: port 5432 (app.shop)", "! DOWNTIME: port 5432 (app.shop)"]
