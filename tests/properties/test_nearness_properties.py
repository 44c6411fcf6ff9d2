"""A suggestion is made for a slip of the finger and for nothing else."""

from __future__ import annotations

from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from declarative_paas.core.diagnostic import nearest
from declarative_paas.core.nearness import slips_between

PROPERTY = settings(max_examples=500, deadline=None)
LETTERS = "abcdefg-1"
words = st.text(LETTERS, min_size=1, max_size=14)


def slips(word: str, other: str) -> int:
    """The definition itself, however slow: the fewest edits, each letter edited once."""

    @cache
    def rest(i: int, j: int) -> int:
        if i == len(word) or j == len(other):
            return len(word) - i + len(other) - j
        found = min(rest(i + 1, j) + 1, rest(i, j + 1) + 1, rest(i + 1, j + 1) + (word[i] != other[j]))
        if word[i : i + 2] == other[j : j + 2][::-1] and len(word) - i > 1 and len(other) - j > 1:
            found = min(found, rest(i + 2, j + 2) + 1)
        return found

    return rest(0, 0)


@st.composite
def slipped(draw: st.DrawFn) -> tuple[str, str]:
    """A word, and the same with one slip."""
    word = draw(st.text(LETTERS, min_size=4, max_size=14))
    place = draw(st.integers(0, len(word) - 1))
    letter = draw(st.sampled_from(LETTERS))
    kind = draw(st.sampled_from(("left out", "added", "wrong", "swapped")))
    match kind:
        case "left out":
            return word, word[:place] + word[place + 1 :]
        case "added":
            return word, word[:place] + letter + word[place:]
        case "wrong":
            return word, word[:place] + letter + word[place + 1 :]
        case _:
            pair = word[place : place + 2]
            return word, word[:place] + pair[::-1] + word[place + 2 :]


@PROPERTY
@given(words, words, st.integers(0, 4))
def test_slips_are_counted_as_they_are_defined(word: str, other: str, at_most: int) -> None:
    assert slips_between(word, other, at_most=at_most) == min(slips(word, other), at_most + 1)


@PROPERTY
@given(slipped(), st.lists(words, max_size=8))
def test_one_slip_is_always_seen_through(pair: tuple[str, str], others: list[str]) -> None:
    meant, typed = pair
    found = nearest(typed.upper(), [meant, *others])
    assert found is not None
    assert slips(typed, found) <= slips(typed, meant) <= 1


@PROPERTY
@given(words, st.lists(words, max_size=12))
def test_only_what_is_near_is_suggested_and_always_when_there_is_such(word: str, choices: list[str]) -> None:
    forgiven = 1 if len(word) < 6 else 2
    near = {
        choice
        for choice in choices
        # Of a word of one letter nothing is left when that is wrong.
        if slips(word, choice) <= min(forgiven, max(len(word), len(choice)) - 1)
        or (min(len(word), len(choice)) >= 3 and (word.startswith(choice) or choice.startswith(word)))
    }
    found = nearest(word, choices)
    assert (found in near) if near else (found is None)


@PROPERTY
@given(words, st.lists(words, max_size=12), st.randoms())
def test_the_order_of_the_choices_means_nothing(word: str, choices: list[str], random: object) -> None:
    shuffled = list(choices)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert nearest(word, choices) == nearest(word, shuffled)
