"""Times and names for people."""

from __future__ import annotations

from collections.abc import Sequence


def long(seconds: float) -> str:
    """A time for people: `35 h`, `1 h 30 min`, `12.5 s`."""
    whole = round(seconds)
    if whole < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.4g} s"
    size, name, lower, part = (3600, "h", "min", 60) if whole >= 3600 else (60, "min", "s", 1)  # noqa: PLR2004
    rest = whole % size // part
    return f"{whole // size:,} {name}" + (f" {rest:02d} {lower}" if rest else "")


def listed(names: Sequence[str], most: int = 6) -> str:
    """The names, cut off after `most`."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
