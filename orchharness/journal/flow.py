"""YAML for the state file: scalars and one-line flow collections that any YAML 1.1 or 1.2 reader gives back.

Strings stay plain where no reader can take them for something else, else they are quoted as JSON. Everything that
a terminal could act on, or that turns text around, is written as an escape.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./()+-]*(?: [A-Za-z0-9_./()+-]+)*")
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_UNSAFE = re.compile(
    "[\x7f-\xa0\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\uffff\ud800-\udfff]"
)
_DECIMAL = re.compile(r"[0-9]{1,15}\.[0-9]{1,15}")

Value = str | int | float | bool | None | Mapping[str, "Value"] | Sequence["Value"]


def scalar(text: str) -> str:
    """The string as a YAML scalar. Lone surrogates, which no reader takes, become U+FFFD."""
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return _UNSAFE.sub(_escape, json.dumps(text, ensure_ascii=False))


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return "\\ufffd" if 0xD800 <= code <= 0xDFFF else f"\\u{code:04x}"


def decimal(text: str) -> str:
    """A decimal number as it was written (`0.90`); anything else as a string."""
    return text if _DECIMAL.fullmatch(text) else scalar(text)


def flow(value: Value) -> str:
    """The value on one line."""
    match value:
        case str():
            return scalar(value)
        case float():
            return _float(value)
        case None | int():
            return json.dumps(value)
        case Mapping():
            return "{" + ", ".join(f"{scalar(key)}: {flow(item)}" for key, item in value.items()) + "}"
        case _:
            return "[" + ", ".join(flow(item) for item in value) + "]"


def _float(value: float) -> str:
    if not math.isfinite(value):
        return {math.inf: ".inf", -math.inf: "-.inf"}.get(value, ".nan")
    text = repr(value)
    if "e" not in text:
        return text
    mantissa, _, exponent = text.partition("e")  # 1e-05: without a dot and a sign YAML 1.1 reads a string
    sign = "" if exponent[0] == "-" else "+"
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}e{sign}{exponent.lstrip('+')}"
