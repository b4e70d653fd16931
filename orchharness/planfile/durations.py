"""Times in words: `90s`, `30m`, `2h`, `1d`, `1h30m`, `PT30M`, and from one to another: `8h..12h`. Read as seconds."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from orchharness.planfile.nodes import Node, Scalar
from orchharness.planfile.problems import FieldError, Problems
from orchharness.planfile.values import text_of

_NUMBER: Final = r"(\d{1,9}(?:\.\d{1,6})?)"
_DURATION: Final = re.compile(rf"(?:{_NUMBER}d)?(?:{_NUMBER}h)?(?:{_NUMBER}m)?(?:{_NUMBER}s)?")
_ISO: Final = re.compile(rf"P(?:{_NUMBER}D)?(?:T(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?")
_SECONDS: Final = (86_400, 3_600, 60, 1)
_FORMS: Final = "90s, 30m, 2h, 1d, 1h30m or PT30M"
TEN_YEARS: Final = 3650 * 86_400

# ruff: noqa: D102, ARG002 - `Shape.read` is described in `values`


class Span(NamedTuple):
    """From so many seconds to so many; the same twice for a time that is sure."""

    low: float
    high: float


def seconds_in(text: str) -> float | None:
    """The seconds that the words say; None when they are no duration."""
    match = _DURATION.fullmatch(text) or _ISO.fullmatch(text.upper())
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
        msg = f"{text!r} is no duration: write it like {_FORMS}, or a range like 2h..5h"
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

    def read(self, node: Node, problems: Problems) -> float:
        scalar = _with_unit(node)
        text = scalar.text.strip()
        seconds = seconds_in(text)
        if seconds is None:
            raise FieldError(node, f"{text!r} is no duration: write it like {_FORMS}")
        if not 0 < seconds <= TEN_YEARS:
            raise FieldError(node, f"{text!r} is out of range: more than nothing, at most 3650d")
        return seconds


class Estimate:
    """A time span that may be a range, read as `Span`."""

    __slots__ = ()

    def read(self, node: Node, problems: Problems) -> Span:
        scalar = _with_unit(node)
        try:
            return span_in(scalar.text.strip(), least=1e-6)
        except ValueError as error:
            raise FieldError(node, str(error)) from None


def _with_unit(node: Node) -> Scalar:
    scalar = text_of(node, "a duration")
    if scalar.plain and isinstance(scalar.value, int | float):
        text = scalar.text.strip()
        raise FieldError(node, f"{text}: say the unit, e.g. {text}s or {text}m")
    return scalar
