"""Markdown that is made: tables, code, and a class of values with its fields."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterable
from typing import Any

Row = tuple[str, ...]


def table(head: Row, rows: Iterable[Row]) -> str:
    """A Markdown table; cells may hold anything but line breaks."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def code(text: str) -> str:
    """The text as code, whatever it holds."""
    return f"`{text}`" if text else ""


def marked(text: str) -> str:
    """Words of the language that stand in a sentence without marks, as code: mappings, templates, options."""
    found = re.sub(
        r"(?<!`)(\{\{[^}]*\}\}|\{[^{}`]*\}|--orch-[\w-]+(?: NAME=VALUE)?|\$\{NAME\})(?!`)", r"`\1`", text
    )
    return re.sub(r"(?<![`\w])(\w+\('\w+'\) == '\w+'|vars\.NAME == 'x')", r"`\1`", found)


def record(one: type[Any], level: int) -> str:
    """A class of values: what its docstring says, and its fields."""
    rows = [
        (code(name), code(_type_text(given.type)), _field_default(given))
        for name, given in one.__dataclass_fields__.items()
    ]
    about = inspect.getdoc(one) or ""
    shown = table(("field", "type", "default"), rows) if rows else "It has no fields.\n"
    return f"{'#' * level} `{one.__name__}`\n\n{about}\n\n{shown}"


def _type_text(given: Any) -> str:
    return str(given).replace("typing.", "").replace("orchharness.core.acts.", "")


def _field_default(given: Any) -> str:
    if given.default is dataclasses.MISSING:
        return "required"
    return code(repr(given.default))
