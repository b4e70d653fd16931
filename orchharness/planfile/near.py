"""The known name that is nearest to one that is not known: letters left out, doubled, swapped, or another case."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_MAX_KNOWN: Final = 2_000  # beyond, a look at each would be slower than reading the plan
_MAX_NAME: Final = 80


def nearest(name: str, known: Sequence[str], *, most: int = _MAX_NAME) -> str | None:
    """The nearest of the known names; None when none is near.

    Case, `_` and `-` do not count. One slip is allowed for every three letters, `most` in all: more, and it is
    another word.
    """
    plain = plain_of(name)
    same = next((other for other in known if plain_of(other) == plain), None)
    if same is not None or len(known) > _MAX_KNOWN or len(name) > _MAX_NAME:
        return same
    best, least = None, most + 1
    for other in known:
        word = plain_of(other)
        limit = min((len(plain) + len(word)) // 6, least - 1)
        slips = _slips(plain, word, limit)
        if slips <= limit:
            best, least = other, slips
    return best


def plain_of(name: str) -> str:
    """The name without what does not count: `dependsOn` is `depends_on`."""
    return name.lower().replace("_", "").replace("-", "")


def _slips(one: str, other: str, limit: int) -> int:
    """Letters to put in, leave out, replace or swap with their neighbour; `limit` + 1 when there are more.

    The optimal string alignment distance, row by row.
    """
    if abs(len(one) - len(other)) > limit:
        return limit + 1
    above: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        above, before, row = row, above, [i]
        for j, wanted in enumerate(other, 1):
            cost = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        if min(row) > limit:
            return limit + 1
    return row[-1]
