"""Ids that follow from names, so that a later session of a run gives the same thing the same id."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256

_FORM = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The span of the caller that a run is a part of: W3C Trace Context, header `traceparent`."""

    trace: int
    span: int
    sampled: bool

    @classmethod
    def of(cls, traceparent: object) -> Caller | None:
        """The span that the text names, or None where it names none."""
        found = _FORM.fullmatch(traceparent) if isinstance(traceparent, str) else None
        if found is None or found[1] == "ff":
            return None
        trace, span, flags = (int(found[n], 16) for n in (2, 3, 4))
        return cls(trace=trace, span=span, sampled=bool(flags & 1)) if trace and span else None


def id_of(seed: str, name: str, size: int) -> int:
    """A number of `size` bytes, never 0, that follows from the run's seed and the name."""
    return int.from_bytes(sha256(f"{seed}\0{name}".encode()).digest()[:size], "big") or 1
