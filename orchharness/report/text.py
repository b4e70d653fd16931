"""Words and numbers for people, out of values nobody vouches for: cleaned, bounded, never failing.

What an agent or a critic wrote can be any JSON value. Escaping for HTML is the template's matter, not done here.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

LIMIT = 4000  # characters of one text, where there are few
_ANSI = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # colours and cursor
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?"  # titles, links and other strings
    r"|\x1b[ -/]*[0-~]?"
    r"|\x9b[0-?]*[ -/]*[@-~]?"
)
_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb]"
)
_SURROGATE = re.compile("[\ud800-\udfff]")


def clean(value: Any, limit: int = LIMIT) -> str:
    """The value as text without control characters, cut at `limit` characters (and saying so)."""
    text = value if isinstance(value, str) else _as_text(value)
    if (
        len(text) <= limit and text.isprintable()
    ):  # no control character, no mark of direction, nothing to cut
        return text.strip()
    rest = len(text) - 2 * limit
    text = text[: 2 * limit]  # escape sequences vanish, so a little more than is needed is looked at
    text = _ANSI.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    text = _SURROGATE.sub("\ufffd", _CONTROL.sub("", text)).strip()
    over = max(0, len(text) - limit) + max(0, rest)
    return f"{text[:limit]}… ({over:,} characters more)" if over else text


def line(value: Any, limit: int = 200) -> str:
    """The value on one line."""
    text = clean(value, limit)
    return " ".join(text.split()) if "\n" in text or "\t" in text or "  " in text else text


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool | int | float):
        return str(value)
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except (TypeError, ValueError, RecursionError):
        return "(not text)"


def mapping(value: Any) -> Mapping[str, Any]:
    """The value where it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def entries(value: Any) -> list[Mapping[str, Any]]:
    """The mappings in the value where it is a list, else nothing."""
    return [entry for entry in value if isinstance(entry, Mapping)] if isinstance(value, list | tuple) else []


def number(value: Any) -> float | None:
    """The value where it is a finite number, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def duration(seconds: float) -> str:
    """Seconds in two units at most: `0.34 s`, `12.3 s`, `1 min 05 s`, `2 h 03 min`, `3 d 4 h`."""
    seconds = max(0.0, seconds)
    if seconds < 59.95:
        digits = 2 if seconds < 9.995 else 1
        return f"{seconds:.{digits}f} s"
    whole = round(seconds)
    for unit, size, lower, part in (("d", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if whole >= size:
            rest = whole % size // part
            return f"{whole // size} {unit} {rest:02d} {lower}" if rest else f"{whole // size} {unit}"
    return f"{whole} s"


def moment(at: float) -> str:
    """A wall-clock time, in UTC."""
    try:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, ValueError, OSError):
        return "an impossible time"


def size(count: Any) -> str:
    """Bytes, as `812 B`, `3.4 kB`, `12 MB`."""
    value = number(count)
    if value is None:
        return ""
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 10 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def dollars(usd: float) -> str:
    """`$12.30`; small sums with more digits."""
    return f"${usd:,.2f}" if usd >= 0.1 or not usd else f"${usd:,.4f}"


def plural(count: int, word: str) -> str:
    """`1 task`, `2 tasks`, `1,200 tasks`."""
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"


def short(digest: Any) -> str:
    """The first characters of a digest."""
    return line(digest, 80)[:10]
