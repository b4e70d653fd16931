"""Times in words: `90s`, `1h30m`, `PT30M`, from one to another `8h..12h`, and what was meant by `30 minutes`."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from orchharness.planfile.nodes import Node
from orchharness.planfile.problems import FieldError, Problems
from orchharness.planfile.values import short, text_of

_NUMBER: Final = r"([0-9]{1,9}(?:\.[0-9]{1,6})?)"
# Texts, compiled when they are first used: few plans have a time span of each form.
_DURATION: Final = rf"(?:{_NUMBER}d)?(?:{_NUMBER}h)?(?:{_NUMBER}m)?(?:{_NUMBER}s)?"
_ISO: Final = rf"[Pp](?:{_NUMBER}[Dd])?(?:[Tt](?:{_NUMBER}[Hh])?(?:{_NUMBER}[Mm])?(?:{_NUMBER}[Ss])?)?"
_ONE: Final = rf"(?:(?=[0-9]){_DURATION}|(?=[Pp].){_ISO})"
PATTERN: Final = rf"^\s*{_ONE}\s*$"
"""The same for a JSON Schema, which cannot tell nothing at all from a time span."""
RANGE_PATTERN: Final = rf"^\s*{_ONE}(?:\s*\.\.\s*{_ONE})?\s*$"
_SECONDS: Final = (86_400, 3_600, 60, 1)
_FORMS: Final = "90s, 30m, 2h, 1d, 1h30m or PT30M"
_SPOKEN: Final = (
    rf"(?i){_NUMBER}\s*(?:(d)(?:ays?)?|(h)(?:(?:ou)?rs?)?|(m)(?:in(?:ute)?s?)?|(s)(?:ec(?:ond)?s?)?)"
)
TEN_YEARS: Final = 3650 * 86_400


class Span(NamedTuple):
    """From so many seconds to so many; the same twice for a time that is sure."""

    low: float
    high: float


def seconds_in(text: str) -> float | None:
    """The seconds that the words say; None when they are no duration."""
    match = re.fullmatch(_DURATION, text) or re.fullmatch(_ISO, text)
    if match is None or not any(match.groups()):
        return None
    return sum(float(n) * unit for n, unit in zip(match.groups(), _SECONDS, strict=True) if n)


def span_in(text: str, least: float = 0.0) -> Span:
    """The time, or the range of times, that the words say.

    Raises:
        ValueError: they say none, or one below `least`; the message says what to write.
    """
    first, dots, last = text.partition("..")
    found = [seconds_in(part.strip()) for part in (first, last if dots else first)]
    low, high = found
    if low is None or high is None:
        meant = "" if dots else _meant_duration(text)
        msg = f"{short(text)} is no duration: write it like {_FORMS}, or a range like 2h..5h{meant}"
        raise ValueError(msg)
    if low > high:
        msg = f"{text!r}: the shorter time comes first: {last.strip()}..{first.strip()}"
        raise ValueError(msg)
    if low < least or high > TEN_YEARS:
        msg = f"{text!r} is out of range: more than nothing, at most 3650d"
        raise ValueError(msg)
    return Span(low, high)


class Duration:
    """A time span, read as seconds."""

    __slots__ = ()

    def read(self, node: Node, problems: Problems) -> float:  # noqa: ARG002 - a `Shape`
        """The seconds; raises FieldError."""
        text = _with_unit(node)
        seconds = seconds_in(text)
        if seconds is None:
            what = f"{short(text)} is no duration: write it like {_FORMS}{_meant_duration(text)}"
            raise FieldError(node, what)
        if not 0 < seconds <= TEN_YEARS:
            raise FieldError(node, f"{text!r} is out of range: more than nothing, at most 3650d")
        return seconds


class Estimate:
    """A time span that may be a range, read as `Span`."""

    __slots__ = ()

    def read(self, node: Node, problems: Problems) -> Span:  # noqa: ARG002 - a `Shape`
        """The range; raises FieldError."""
        try:
            return span_in(_with_unit(node), least=1e-6)
        except ValueError as error:
            raise FieldError(node, str(error)) from None


def _with_unit(node: Node) -> str:
    text = text_of(node, "a duration").text.strip()
    if re.fullmatch(_NUMBER, text):
        raise FieldError(node, f"{text}: say the unit, e.g. {text}s or {text}m")
    return text


def _meant_duration(text: str) -> str:
    """`; did you mean '30m'?` for `30 minutes`, else nothing."""
    parts = list(re.finditer(_SPOKEN, text))
    rest = re.sub(_SPOKEN, "", text).replace("and", "").strip(" ,")
    units = ["dhms".index(unit.lower()) for part in parts for unit in part.groups()[1:] if unit]
    if rest or not parts or len(set(units)) != len(units):
        return ""
    found = sorted(zip(units, (part.group(1) for part in parts), strict=True))
    return f"; did you mean '{''.join(number + 'dhms'[unit] for unit, number in found)}'?"
