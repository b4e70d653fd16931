"""Valid ids out of any names, each once without regard to case."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from orchharness.record import field, record

LONGEST: Final = 64
_VALID: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")


def id_from(name: str, kind: str) -> str:
    """An id that looks like the name; one that begins with no letter gets the kind before it."""
    if _VALID.fullmatch(name):
        return name
    made = _plain(name)
    if not made[:1].isalpha():
        before = _plain(kind)
        before = before if before[:1].isalpha() else "item"
        made = f"{before}-{made}" if made else before
    return made[:LONGEST].rstrip("-_")


def _plain(text: str) -> str:
    ascii_ = unicodedata.normalize("NFKD", text[:400]).encode("ascii", "ignore").decode()
    return re.sub(r"-{2,}", "-", re.sub(r"[^A-Za-z0-9_-]+", "-", ascii_)).strip("-_")


@record(frozen=False)
class Ids:
    """The ids that are taken."""

    taken: set[str] = field(default_factory=set)

    def take(self, wanted: str, *, longer: str = "") -> str:
        """The id, or one like it that is free; `longer` is tried before numbers."""
        tries = [wanted, f"{longer}-{wanted}"[:LONGEST].rstrip("-_")] if longer else [wanted]
        for candidate in tries:
            if candidate.lower() not in self.taken:
                return self._take(candidate)
        number = 2
        while (candidate := f"{wanted[: LONGEST - 7]}-{number}").lower() in self.taken:
            number += 1
        return self._take(candidate)

    def _take(self, chosen: str) -> str:
        self.taken.add(chosen.lower())
        return chosen
