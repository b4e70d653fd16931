"""What a client left when it was over: the JSON lines it printed, what it said on stderr, and what an error of it means.

All of it is untrusted: of any size, cut in the middle of a line, of any JSON type. Nothing here raises for that.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any, Literal, NamedTuple

from orchharness.core.plan import EMPTY
from orchharness.record import record

LONGEST = 1 << 24  # bytes of a line that is read; a longer one is passed over
_ERRORS = 1000  # bytes at the end of stderr
_SUMMARY = 200
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_UNITS = {"s": 1, "m": _MINUTE, "h": _HOUR, "d": _DAY}

_REFUSED = frozenset({401, 403})
_LIMITED = frozenset({429, 503, 529})
_SERVER_FAULT = 500  # and above: no word about the caller
# Compiled when a client failed, and not whenever a plan is read.
_STATUS = r"(?:\bstatus(?: code)?:? |\bAPI Error: |\bHTTP (?:\d\.\d )?|^|\()([45]\d\d)\b"
_NO_PAYMENT = r"insufficient_quota|exceeded your current quota|credit balance|billing"
_NO_ENTRY = (
    r"not logged in|please run /login|\b(?:invalid|incorrect|no|missing).{0,3}api.?key|api.?key.{0,12}(?:invalid|missing)|"
    r"authentication|failed to authenticate|unauthori[sz]ed|oauth token|permission_error"
)
_LATER = (
    r"overloaded|rate[ _-]?limit|(?:usage|quota|session) limit|too many requests|at capacity|hit your [\w ]*limit|"
    r"limit reached|quota exceeded|exceeded your (?:current )?quota|resource.?exhausted"
)
_EPOCH = r"limit reached\|(\d{10})\b"
_IN = r"(?:again|after|resets?) in ((?:[\d.]+ ?[a-z]+,? ?(?:and )?)+)"
_PART = r"([\d.]{1,12}) ?(d|h|m(?!s)|s)"
_AFTER = (  # also as a field of an object: `"retryDelay":"38s"`
    r"retry.?(?:after|in|delay)\W{0,4}(?:seconds\W{0,3})?(\d{1,9}(?:\.\d{1,9})?)(?!\d)\s*(ms\b|milli|m\b|min|h\b|hour)?"
)
_CLOCK = r"resets? (?:at )?(\d{1,2})(?::(\d\d))? ?([ap]m)? \(([A-Za-z_/+-]+\d*)\)"


@record
class ClientEnd:
    """A client that is over. `memo` is what its plugin put down when it was spawned, `at` the time, in epoch seconds."""

    exit: int
    folder: str
    memo: Mapping[str, Any] = field(default=EMPTY)
    at: float = 0.0

    def objects(self, *marks: str) -> Iterator[dict[str, Any]]:
        """The JSON objects of stdout, a line each, in order. Only lines that hold one of the marks are read as JSON."""
        wanted = [mark.encode() for mark in marks]
        for line in _lines(f"{self.folder}/stdout.log"):
            if not line.lstrip().startswith(b"{") or (wanted and not any(mark in line for mark in wanted)):
                continue
            try:
                found = json.loads(line)
            except (ValueError, RecursionError):
                continue  # cut off, or no JSON at all
            if isinstance(found, dict):
                yield found

    @property
    def errors(self) -> str:
        """What stands at the end of stderr, on one line; empty when nothing does."""
        return one_line(_tail(f"{self.folder}/stderr.log").decode(errors="replace"), _ERRORS)


class Trouble(NamedTuple):
    """Why an engine, not the agent, is the reason, as `Finished` says it."""

    trouble: Literal["", "limited", "refused"] = ""
    retry_after: float | None = None


def trouble_of(text: str, status: int | None = None, now: float = 0.0) -> Trouble:
    """What an error message of a client means. Only for what the client says itself, never for an agent's answer.

    Args:
        text: The message.
        status: The HTTP status, where the client names it apart.
        now: Epoch seconds, for messages that name a time of day.

    Returns:
        `limited` for 429, 503, 529 and limits of use, `refused` for 401, 403, keys, log-ins and accounts; else
        neither. Without a 401 or 403, an account that is used up until a time that the message names is limited.
    """
    if status is None:
        named = _search(_STATUS, text)
        status = int(named[1]) if named else None
    wait = wait_of(text, now)
    if status in _REFUSED:
        return Trouble("refused")
    if (status is None or status < _SERVER_FAULT) and _search(_NO_PAYMENT, text):
        return Trouble("refused") if wait is None else Trouble("limited", wait)
    if status in _LIMITED or (status is None and _search(_LATER, text)):
        return Trouble("limited", wait)
    if status is None and _search(_NO_ENTRY, text):
        return Trouble("refused")
    return Trouble()


def _search(pattern: str, text: str) -> re.Match[str] | None:
    return re.search(pattern, text, re.IGNORECASE)


def wait_of(text: str, now: float) -> float | None:
    """The seconds until a message says that work is taken again; None where it names no time."""
    if found := _search(_EPOCH, text):
        return max(0.0, int(found[1]) - now)
    if found := _search(_IN, text):
        parts = re.findall(_PART, found[1], re.IGNORECASE)
        try:
            return sum(float(number) * _UNITS[unit.lower()] for number, unit in parts) if parts else None
        except ValueError:
            return None
    if found := _search(_AFTER, text):
        unit = (found[2] or "s").lower()
        return float(found[1]) * (0.001 if unit in {"ms", "milli"} else _UNITS[unit[0]])
    if found := _search(_CLOCK, text):
        return _until(found, now)
    return None


def _until(found: re.Match[str], now: float) -> float | None:
    """The seconds until the next such time of day, in the time zone that the message names."""
    from datetime import datetime, timedelta
    from zoneinfo import ZoneInfo

    hour, minute = int(found[1]), int(found[2] or 0)
    if found[3]:
        if hour > 12:  # noqa: PLR2004 - what a clock shows
            return None
        hour = hour % 12 + (12 if found[3].lower() == "pm" else 0)
    try:
        here = datetime.fromtimestamp(now, ZoneInfo(found[4]))
        then = here.replace(hour=hour, minute=minute, second=0, microsecond=0)
    except (OSError, ValueError, KeyError):
        return None  # a zone that is not known here, or no time at all
    if then <= here:
        then += timedelta(days=1)
    return (then - here).total_seconds()


def amount(value: Any) -> float | int:
    """The number if it is one that can be counted: finite and not negative. Else 0."""
    good = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf")
    return value if good else 0


def one_line(value: Any, limit: int = 1000) -> str:
    """The text on one line, as far as a message shows it; empty when it is none."""
    return " ".join(value.split())[:limit] if isinstance(value, str) else ""


def summary_of(answer: str | None) -> str | None:
    """The first line of an answer that says something, short."""
    line = next((line.strip() for line in (answer or "").splitlines() if line.strip()), None)
    return line if line is None or len(line) <= _SUMMARY else f"{line[:_SUMMARY]}…"


def _lines(path: str) -> Iterator[bytes]:
    """The lines of a log of any size. A FIFO that an agent put there must not stop us."""
    try:
        file = open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=1 << 16)  # noqa: PTH123, SIM115
    except OSError:
        return
    with file:
        passing = False
        while line := file.readline(LONGEST):
            whole = line.endswith(b"\n")
            if not passing and (whole or len(line) < LONGEST):
                yield line
            passing = not whole


def _tail(path: str) -> bytes:
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0) as file:  # noqa: PTH123
            file.seek(max(0, os.fstat(file.fileno()).st_size - _ERRORS))
            return file.read(_ERRORS) or b""
    except OSError:
        return b""
