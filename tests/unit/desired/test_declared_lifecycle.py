from __future__ import annotations

import pytest
from desired_case import PLATFORM, app

from declarative_paas.core.address import ResourceAddress
from declarative_paas.core.lifecycle import Move, Removal
from declarative_paas.desired.lifecycle import declared_moves, declared_removals
from declarative_paas.manifest.load import load
from declarative_paas.manifest.variables import VariableInputs

DECLARED = [ResourceAddress.parse(text) for text in ("app.store", "addon.store/DB", "secret.store/KEY")]


def platform(directory, lines):
    (directory / "src").mkdir()
    (directory / "dpaas.yaml").write_text(f"{PLATFORM}{lines}---\n{app('store')}", encoding="utf-8")
    loaded = load([directory], variables=VariableInputs())
    assert loaded.manifests is not None, [str(item) for item in loaded.diagnostics]
    return loaded.manifests.platform


def at(text):
    return ResourceAddress.parse(text)


def test_declarations_become_moves_and_removals_with_their_places(tmp_path):
    lines = """\
  moved:
    - {from: app.shop, to: app.store}
  removed:
    - {address: addon.shop/OLD, destroy: true, reason: copied to store}
    - {address: app.blog, destroy: false}
"""
    declared = platform(tmp_path, lines)
    moves, mistakes = declared_moves(declared, DECLARED)
    assert mistakes == []
    assert moves == [Move(old=at("app.shop"), new=at("app.store"), position=declared.position("moved", 0, "from"))]
    removals, mistakes = declared_removals(declared, DECLARED)
    assert mistakes == []
    assert removals == [
        Removal(
            address=at("addon.shop/OLD"),
            destroy=True,
            reason="copied to store",
            position=declared.position("removed", 0, "address"),
        ),
        Removal(address=at("app.blog"), destroy=False, position=declared.position("removed", 1, "address")),
    ]


@pytest.mark.parametrize(
    ("items", "code"),
    [
        ("{from: app.shop, to: addon.store/DB}", "move-of-types"),
        ("{from: app.store, to: app.shop}", "moved-but-declared"),
        ("{from: addon.store/OLD, to: addon.store/BD}", "moved-to-nothing"),
        ("{from: app.shop, to: app.store}, {from: app.blog, to: app.store}", "moved-twice"),
        ("{from: app.shop, to: app.store}, {from: app.shop, to: app.store}", "moved-twice"),
    ],
)
def test_a_move_that_makes_no_sense_is_a_mistake_with_its_place(tmp_path, items, code):
    _, mistakes = declared_moves(platform(tmp_path, f"  moved: [{items}]\n"), DECLARED)
    assert [item.code for item in mistakes] == [code]
    assert mistakes[0].position.line == 7


def test_a_mistyped_new_name_has_a_suggestion(tmp_path):
    declared = platform(tmp_path, "  moved: [{from: addon.store/OLD, to: addon.store/BD}]\n")
    _, [mistake] = declared_moves(declared, DECLARED)
    assert mistake.suggestion == "addon.store/DB"


def test_what_is_declared_cannot_be_declared_as_removed(tmp_path):
    lines = "  removed: [{address: addon.store/DB, destroy: true}]\n"
    _, mistakes = declared_removals(platform(tmp_path, lines), DECLARED)
    assert [item.code for item in mistakes] == ["removed-but-declared"]
