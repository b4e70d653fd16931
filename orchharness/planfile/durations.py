"""Time spans: `90s`, `1h30m`, `PT30M`, and what was meant by `30 minutes`."""

from __future__ import annotations

import re
from typing import Final

from orchharness.planfile.nodes import Node
from orchharness.planfile.problems import FieldError, Problems
from orchharness.planfile.values import short, text_of

_NUMBER: Final = r"([0-9]{1,9}(?:\.[0-9]{1,6})?)"
# Texts, compiled when they are first used: few plans have a time span of each form.
_DURATION: Final = rf"(?:{_NUMBER}d)?(?:{_NUMBER}h)?(?:{_NUMBER}m)?(?:{_NUMBER}s)?"
_ISO: Final = rf"[Pp](?:{_NUMBER}[Dd])?(?:[Tt](?:{_NUMBER}[Hh])?(?:{_NUMBER}[Mm])?(?:{_NUMBER}[Ss])?)?"
PATTERN: Final = rf"^\s*(?:(?=[0-9]){_DURATION}|(?=[Pp].){_ISO})\s*$"
"""The same for a JSON Schema, which cannot tell nothing at all from a time span."""
_SECONDS: Final = (86_400, 3_600, 60, 1)
_SPOKEN: Final = (
    rf"(?i){_NUMBER}\s*(?:(d)(?:ays?)?|(h)(?:(?:ou)?rs?)?|(m)(?:in(?:ute)?s?)?|(s)(?:ec(?:ond)?s?)?)"
)
_TEN_YEARS: Final = 3650 * 86_400


class Duration:
    """A time span, read as seconds."""

    __slots__ = ()

    def read(self, node: Node, problems: Problems) -> float:  # noqa: ARG002 - a `Shape`
        """The seconds; raises FieldError."""
        scalar = text_of(node, "a duration")
        text = scalar.text.strip()
        if re.fullmatch(_NUMBER, text):
            raise FieldError(node, f"{text}: say the unit, e.g. {text}s or {text}m")
        match = re.fullmatch(_DURATION, text) or re.fullmatch(_ISO, text)
        if match is None or not any(match.groups()):
            like = "write it like 90s, 30m, 2h, 1d, 1h30m or PT30M"
            raise FieldError(node, f"{short(text)} is no duration: {like}{_meant_duration(text)}")
        seconds = sum(float(n) * unit for n, unit in zip(match.groups(), _SECONDS, strict=True) if n)
        if not 0 < seconds <= _TEN_YEARS:
            raise FieldError(node, f"{text!r} is out of range: more than nothing, at most 3650d")
        return seconds


def _meant_duration(text: str) -> str:
    """`; did you mean '30m'?` for `30 minutes`, else nothing."""
    parts = list(re.finditer(_SPOKEN, text))
    rest = re.sub(_SPOKEN, "", text).replace("and", "").strip(" ,")
    units = ["dhms".index(unit.lower()) for part in parts for unit in part.groups()[1:] if unit]
    if rest or not parts or len(set(units)) != len(units):
        return ""
    found = sorted(zip(units, (part.group(1) for part in parts), strict=True))
    return f"; did you mean '{''.join(number + 'dhms'[unit] for unit, number in found)}'?"
