"""YAML for people: block style, texts of several lines as such, quotes only where they are needed, comments.

Every text goes through `scalar`, so nothing that somebody wrote can end its place and become structure.
"""

from __future__ import annotations

import json
import re
from typing import Final, Union

_PLAIN: Final = re.compile(r"-?[A-Za-z][A-Za-z0-9_./*+-]*(?: [A-Za-z0-9_./+(),;&%='<>-]+)*")
_RESERVED: Final = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n", "inf", "nan"})
_WIDTH: Final = 120

Value = Union[str, int, bool, "Raw", "Block", list["Value"], dict[str, "Value"]]  # noqa: UP007


class Raw(str):
    """A number or duration, written as it is."""

    __slots__ = ()


class Block(str):
    """A text that is written over several lines."""

    __slots__ = ()


class Comment(str):
    """A key of a mapping under which stands nothing: a line for people."""

    __slots__ = ()


def scalar(text: str) -> str:
    """The text on one line, in quotes where YAML would take it for something else."""
    if _PLAIN.fullmatch(text) and text.lower() not in _RESERVED and not text.endswith(":"):
        return text
    return json.dumps(text, ensure_ascii=False)


def render(value: dict[str, Value]) -> str:
    """The document."""
    return "".join(f"{row}\n" if row else "\n" for row in _mapping(value, ""))


def _mapping(value: dict[str, Value], indent: str) -> list[str]:
    rows: list[str] = []
    for key, inner in value.items():
        if isinstance(key, Comment):
            rows += [f"{indent}# {row}".rstrip() for row in str(inner).split("\n")]
        elif not indent and rows and isinstance(inner, dict):
            commented = len(rows)
            while commented and rows[commented - 1].startswith("#"):
                commented -= 1
            rows[commented:commented] = [""]
            rows += _entry(scalar(key), inner, indent)
        else:
            rows += _entry(scalar(key), inner, indent)
    return rows


def _entry(key: str, value: Value, indent: str) -> list[str]:
    if isinstance(value, dict):
        short = _flow(value)
        if short is not None and len(indent) + len(key) + len(short) < _WIDTH and indent:
            return [f"{indent}{key}: {short}"]
        return [f"{indent}{key}:", *_mapping(value, indent + "  ")]
    if isinstance(value, list):
        short = _flow(value)
        if short is not None and len(indent) + len(key) + len(short) < _WIDTH:
            return [f"{indent}{key}: {short}"]
        return [f"{indent}{key}:", *(row for item in value for row in _item(item, indent + "  "))]
    if isinstance(value, Block):
        return [f"{indent}{key}: {_header(value)}", *_lines(value, indent + "  ")]
    return [f"{indent}{key}: {_word(value)}"]


def _item(value: Value, indent: str) -> list[str]:
    if isinstance(value, Block):
        return [f"{indent}- {_header(value)}", *_lines(value, indent + "  ")]
    short = _flow(value)
    assert short is not None, "lists of a plan hold words, texts and small mappings"
    return [f"{indent}- {short}"]


def _flow(value: Value) -> str | None:
    """The value on one line; None when it has to have several."""
    if isinstance(value, Block):
        return None
    if isinstance(value, list):
        parts = [_flow(item) for item in value]
        return None if None in parts else f"[{', '.join(map(str, parts))}]"
    if isinstance(value, dict):
        pairs = [(key, _flow(inner)) for key, inner in value.items()]
        if any(inner is None or isinstance(key, Comment) for key, inner in pairs):
            return None
        return "{" + ", ".join(f"{scalar(key)}: {inner}" for key, inner in pairs) + "}"
    word = _word(value)
    return (
        json.dumps(value, ensure_ascii=False)
        if isinstance(value, str) and _needs_quotes(value, word)
        else word
    )


def _needs_quotes(value: str, word: str) -> bool:
    """In a list on one line a comma or a bracket would end the word."""
    return not isinstance(value, Raw) and word == value and any(c in value for c in ",[]{}")


def _word(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Raw | int):
        return str(value)
    assert isinstance(value, str)
    return scalar(value)


def _header(text: str) -> str:
    """`|`, with the indent said where the first line begins with a space."""
    first = next((row for row in text.split("\n") if row), "")
    return "|2" if first[:1] in {" ", "\t"} else "|"


def _lines(text: str, indent: str) -> list[str]:
    return [f"{indent}{row}" if row.strip() else "" for row in text.rstrip("\n").split("\n")]
