"""Text that is no YAML: what is wrong, where it begins, and what to write instead, in words that people use.

The parser's own words ("did not find expected key") are kept where nothing better is known.
"""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")  # what YAML forbids of ASCII
_FORBIDDEN: Final = "[^\t\n\r\x20-\x7e\x85\xa0-\u2029\u202f-\u2065\u206a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
_CONFLICT: Final = r"^(<{7}|={7}|>{7}|\|{7})( |$)"
_INDICATORS: Final = "@`%"
_WORDS: Final = {  # a part of the parser's words -> ours
    "expected node content": "a value is missing just before this: a comma too many, a bracket left open, or a ' #' that begins a comment",
    "mapping values are not allowed": "no ': ' can stand here: put the text in quotes, "
    "or add the ':' that the line before lacks",
    "invalid Unicode": "this escape is no character, or half of one: write the character itself",
    "unknown escape": "this \\ begins no escape that YAML knows: write \\\\, or use single quotes",
    "hexdecimal": "this \\ begins no escape that YAML knows: write \\\\, or use single quotes",
    "expected <document start>": "this line fits nothing before it: a plan is 'key: value' lines, "
    "with what belongs to a key indented below it",
    "expected key": "this line is indented like no line above it, or it is no 'key: value': "
    "indent what belongs together alike",
    "could not find expected ':'": "here or just before is a line without ': ': write 'key: value'",
}
_UNDONE: Final = {"]": "[", "}": "{"}


class Fault(NamedTuple):
    """What is wrong; line and column count from 1."""

    line: int
    column: int
    message: str


def forbidden_character(text: str) -> Fault | None:
    """The first character that no plan may hold: YAML's control characters, and what changes the order of reading."""
    # Compiling the whole set costs 5 ms, so only a text that needs it pays.
    found = _CONTROL.search(text) if text.isascii() else re.search(_FORBIDDEN, text)
    if found is None:
        return None
    character = found.group()
    name = f"the character U+{ord(character):04X}"
    if "\u202a" <= character <= "\u202e" or "\u2066" <= character <= "\u2069":
        what = f"{name} cannot be seen and changes how the line reads: remove it"
    elif character == "\ufeff":
        what = f"{name} (a byte order mark) cannot be seen and belongs to the start of a file only: remove it"
    else:
        what = f"{name} is not allowed in YAML: remove it"
    return Fault(*_place(text, found.start()), what)


def fault_of(text: str, error: Any) -> Fault:
    """What a yaml.MarkedYAMLError means."""
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    if conflict := re.search(_CONFLICT, text, re.MULTILINE):
        place = _place(text, conflict.start())
        return Fault(*place, "not YAML: the marks of a merge conflict are in the file: settle it first")
    lines = re.split("\r\n|[\r\n\x85\u2028\u2029]", text)
    here = lines[line - 1] if line <= len(lines) else ""
    began = error.context_mark
    problem, context = error.problem or "", error.context or ""
    if "quoted scalar" in context and "end of stream" in problem and began:
        return Fault(began.line + 1, began.column + 1, "not YAML: the quote that opens here is never closed")
    what = _in_words(problem, context, here, column)
    if what is None and (bracket := re.search(r"expected ',' or '([\]}])'", problem)) and began:
        if not "".join(lines[line - 1 :]).strip():
            never = f"not YAML: the '{_UNDONE[bracket.group(1)]}' that opens here is never closed"
            return Fault(began.line + 1, began.column + 1, never)
        opening = f"'{_UNDONE[bracket.group(1)]}' of line {began.line + 1}, column {began.column + 1}"
        what = f"a comma is missing here, or the {opening} is not closed before this"
    if what is None:
        what = " ".join(part for part in (context, problem) if part)
    return Fault(line, column, f"not YAML: {what}")


def _in_words(problem: str, context: str, line: str, column: int) -> str | None:
    if "cannot start any token" in problem:
        return _no_start(line, line[column - 1 : column])
    if "alphabetic or numeric" in problem:
        return f"a value that begins with {'*' if 'alias' in context else '&'} must be in quotes"
    if "expected key" in problem and line[column - 1 : column] in {"}", "]"}:
        return f"this {line[column - 1]} closes nothing: take it out"
    return next((what for part, what in _WORDS.items() if part in problem), None)


def _no_start(line: str, character: str) -> str | None:
    if character == "\t" or "\t" in line[: len(line) - len(line.lstrip())]:
        return "a tab cannot indent: use spaces"
    if line.startswith("```"):
        return "this is Markdown: take the ``` lines out, a plan is the YAML alone"
    if character and character in _INDICATORS:
        return f"a value that begins with {character} must be in quotes"
    return None


def _place(text: str, offset: int) -> tuple[int, int]:
    before = text[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1
