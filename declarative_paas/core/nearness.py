"""How many slips of the finger are between two words. Pure."""

from __future__ import annotations


def slips_between(word: str, other: str, *, at_most: int) -> int:
    """How many letters are added, left out, wrong, or swapped with their neighbour; `at_most` + 1 for any more."""
    too_many = at_most + 1
    if abs(len(word) - len(other)) > at_most:
        return too_many
    before: list[int] = []
    row = list(range(len(other) + 1))
    for number, letter in enumerate(word, start=1):
        above = row
        row = [number]
        for place, theirs in enumerate(other, start=1):
            slips = min(above[place] + 1, row[place - 1] + 1, above[place - 1] + (letter != theirs))
            if number > 1 and place > 1 and letter == other[place - 2] and word[number - 2] == theirs:
                slips = min(slips, before[place - 2] + 1)
            row.append(slips)
        if min(row) > at_most:
            return too_many
        before = above
    return min(row[-1], too_many)
