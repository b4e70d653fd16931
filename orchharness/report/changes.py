"""What changed in the judged artifacts from one iteration of a gate to the next, as a diff of their lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import unified_diff
from itertools import pairwise

from orchharness.record import record
from orchharness.report.history import Act
from orchharness.report.text import clean, entries, line, mapping, plural

LARGEST, MOST_LINES = 64 * 1024, 1500  # of a file that is compared: bytes, lines
SHOWN_LINES, SHOWN_FILES = 120, 24  # of one diff, of one gate
WIDEST = 240  # characters of a line
_MARKS = {"+": "add", "-": "del", "@": "at"}


@record
class ChangeLine:
    """One line of a diff: `add`, `del`, `at` (where it is) or nothing (it stayed)."""

    kind: str
    text: str


@record
class Change:
    """One file, from one iteration to the next."""

    artifact: str
    path: str
    before: int  # iteration
    after: int
    note: str  # what happened to it, or why no lines are shown
    lines: tuple[ChangeLine, ...]
    more: int  # lines that are left out


Read = Callable[[str, int], bytes | None]
_Files = Mapping[tuple[str, str], str]  # artifact and path -> digest


def changes(acts: Sequence[Act], read: Read | None) -> tuple[list[Change], int]:
    """The files that changed between judgements, newest iteration first; and how many more there are."""
    if read is None:
        return [], 0
    judged: dict[int, dict[tuple[str, str], str]] = {}
    for act in acts:
        judged.setdefault(act.iteration, {}).update(_judged(act))
    order = sorted(judged)
    pairs = [(a, b, key) for b, a in pairwise(order) for key in _differ(judged[b], judged[a])]
    pairs.sort(key=lambda pair: -pair[0])
    seen: set[tuple[int, str, str | None, str | None]] = set()
    found: list[Change] = []
    for after, before, key in pairs:
        old, new = judged[before].get(key), judged[after].get(key)
        if (after, key[1], old, new) in seen:  # two artifacts may hold the same file
            continue
        seen.add((after, key[1], old, new))
        if len(found) < SHOWN_FILES:
            found.append(_change(key, before, after, (old, new), read))
    return found, len(seen) - len(found)


def _judged(act: Act) -> Iterable[tuple[tuple[str, str], str]]:
    for artifact, files in mapping(act.result.get("artifacts")).items():
        for file in entries(files):
            yield (str(artifact), str(file.get("path"))), str(file.get("sha256"))


def _differ(old: _Files, new: _Files) -> list[tuple[str, str]]:
    return [key for key in dict.fromkeys((*new, *old)) if old.get(key) != new.get(key)]


def _change(
    key: tuple[str, str], before: int, after: int, digests: tuple[str | None, str | None], read: Read
) -> Change:
    old, new = digests
    note, lines = "", list[ChangeLine]()
    if old is None or new is None:
        note = "new in this iteration" if old is None else "no longer there"
    else:
        texts = _text(old, read), _text(new, read)
        if texts[0] is None or texts[1] is None:
            note = "not compared: no text, too long, or not in the store"
        else:
            lines = list(_lines(texts[0], texts[1]))
            added, gone = (sum(one.kind == kind for one in lines) for kind in ("add", "del"))
            note = f"{plural(added, 'line')} added, {gone:,} removed"
    return Change(
        artifact=line(key[0], 120),
        path=line(key[1], 300),
        before=before,
        after=after,
        note=note,
        lines=tuple(lines[:SHOWN_LINES]),
        more=max(0, len(lines) - SHOWN_LINES),
    )


def _text(digest: str, read: Read) -> list[str] | None:
    data = read(digest, LARGEST)
    if data is None or b"\0" in data:
        return None
    try:
        lines = data.decode().splitlines()
    except UnicodeDecodeError:
        return None
    return lines if len(lines) <= MOST_LINES else None


def _lines(old: Sequence[str], new: Sequence[str]) -> Iterable[ChangeLine]:
    for place, text in enumerate(unified_diff(old, new, n=2, lineterm="")):
        if place > 1:  # the first two name the files
            yield ChangeLine(kind=_MARKS.get(text[:1], ""), text=_shown(text))


def _shown(text: str) -> str:
    """The line behind its mark, cleaned."""
    return text[:1] + clean(f".{text[1:]}", WIDEST)[1:]
